"""Readings of all rules and verdicts, for a mix that was measured or predicted."""

from __future__ import annotations

import jax
import numpy as np

from hybrid.audio.song import Song
from hybrid.compiled import ExportedFunction
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.findings import verdict_of
from hybrid.knowledge.objective import Objective, Output, project
from hybrid.knowledge.readings import Panel, Reading
from hybrid.knowledge.verdict import Verdict
from hybrid.measure.panel import Measured, predict
from hybrid.treatment.effect import Mixture, mixture
from hybrid.treatment.types import Dry, Treatment


def verdict(
    objective: Objective, song: Song, panel: Measured, rule_readings: tuple[Reading, ...] | None = None
) -> Verdict:
    """The verdict on a panel of this song, from `rule_readings` of it if those were made already."""
    return verdict_of(
        objective,
        read_panel(objective, panel) if rule_readings is None else rule_readings,
        [track.id for track in song.tracks],
        np.asarray(panel.dry.time_s)[: frames_inside(panel.dry)],
        (float(panel.loudness_lufs), float(panel.true_peak_dbtp)),
    )


def frames_inside(dry: Dry) -> int:
    """Number of frames at least half of which lie inside the song; 1 if there is none."""
    return max(1, int(np.sum(np.asarray(dry.inside) >= 0.5)))


def raw_panel(output: Output, dry: Dry, nothing: Treatment, levels: tuple[float, float]) -> Measured:
    """The panel of the raw sum at its output level; `levels` are its loudness (LUFS) and true peak (dBTP) by meter."""
    gain = np.float32(objectives.output_level_db(output, *levels))
    loudness, peak = (jax.device_put(np.float32(level) + gain) for level in levels)
    return predict(dry, nothing)._replace(loudness_lufs=loudness, true_peak_dbtp=peak)


def _read(objective: Objective, panel: Measured) -> list[tuple]:
    shared = Panel(*panel)
    return [tuple(reading) for reading in objectives.read(objective, lambda rule: shared)]


_READ = ExportedFunction("readings", _read)


def read_panel(objective: Objective, panel: Measured) -> tuple[Reading, ...]:
    """Readings of all rules, without gradients."""
    return tuple(Reading(*parts) for parts in _READ(objective, _of_one_kind(panel)))


def prepare_readings(objective: Objective, dry: Dry, nothing: Treatment) -> None:
    """Compiles the program of `read_panel` for panels of these shapes."""
    _READ.prepare(objective, _of_one_kind(predict(dry, nothing)))


def _of_one_kind(panel: Measured) -> Measured:
    """A panel as one program reads it, whether it is predicted or observed."""
    return panel if isinstance(panel.whole, Mixture) else panel._replace(whole=mixture(panel.whole))


def predicted(objective: Objective, song: Song, dry: Dry, treatment: Treatment) -> Verdict:
    """The verdict on a treatment in the power domain, at its output level."""
    return verdict(objective, song, predict(dry, project(objective, dry, treatment)))
