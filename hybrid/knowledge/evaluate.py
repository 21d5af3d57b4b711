"""What rules read off a mix, measured or predicted, and the verdict on it."""

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
from hybrid.treatment.types import Dry, Treatment


def verdict(objective: Objective, song: Song, panel: Measured, found: tuple[Reading, ...] | None = None) -> Verdict:
    """The verdict on a panel of this song."""
    return verdict_of(
        objective,
        read_panel(objective, panel) if found is None else found,
        [track.id for track in song.tracks],
        np.asarray(panel.dry.time_s)[: frames_inside(panel.dry)],
        (float(panel.loudness_lufs), float(panel.true_peak_dbtp)),
    )


def frames_inside(dry: Dry) -> int:
    """Frames of which the song fills a half at least; one if there is none."""
    return max(1, int(np.sum(np.asarray(dry.inside) >= 0.5)))


def raw_panel(output: Output, dry: Dry, nothing: Treatment, levels: tuple[float, float]) -> Measured:
    """The raw sum at its output level, with the exact meters' loudness and true peak."""
    gain = np.float32(objectives.output_level_db(output, *levels))
    loudness, peak = (jax.device_put(np.float32(level) + gain) for level in levels)
    return predict(dry, nothing)._replace(loudness_lufs=loudness, true_peak_dbtp=peak)


def _read(objective: Objective, panel: Measured) -> list[tuple]:
    shared = Panel(*panel)
    return [tuple(reading) for reading in objectives.read(objective, lambda rule: shared)]


_READ = ExportedFunction("readings", _read)


def read_panel(objective: Objective, panel: Measured) -> tuple[Reading, ...]:
    """Readings of all rules, without gradients."""
    return tuple(Reading(*parts) for parts in _READ(objective, panel))


def predicted(objective: Objective, song: Song, dry: Dry, treatment: Treatment) -> Verdict:
    """The verdict on a treatment in the power domain, at its output level."""
    return verdict(objective, song, predict(dry, project(objective, dry, treatment)))
