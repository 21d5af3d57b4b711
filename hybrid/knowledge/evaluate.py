"""Readings of all rules and verdicts, for a mix that was measured or predicted."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np

from hybrid.audio.song import Song
from hybrid.compiled import ExportedFunction, storable
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.findings import verdict_of
from hybrid.knowledge.groups import groups_of
from hybrid.knowledge.objective import Objective, Output, project
from hybrid.knowledge.readings import Panel, Reading
from hybrid.knowledge.verdict import Verdict
from hybrid.measure.panel import Measured, Raw, predict, raw_of, with_raw, without_raw
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
    song = predicted_panel(output, dry, nothing)._replace(treatment=nothing, output_level_db=nothing.master.level_db)
    return song._replace(loudness_lufs=loudness, true_peak_dbtp=peak)


def _predicted(output: Output, dry: Dry, treatment: Treatment) -> tuple[Measured, Raw]:
    raw = raw_of(dry)
    return without_raw(predict(dry, project(output, dry, treatment), raw)), raw


_PREDICTED = ExportedFunction("a predicted panel", _predicted, runs_once=True)


def predicted_panel(output: Output, dry: Dry, treatment: Treatment) -> Measured:
    """The panel of a treatment in the power domain, at its output level."""
    song, raw = _PREDICTED(output, dry, treatment)
    return with_raw(song, dry, raw)


storable(Reading)


def _read(objective: Objective, panel: Measured) -> tuple[Reading, ...]:
    shared = Panel(*panel)
    return objectives.read(objective, lambda rule: shared)


_READ = ExportedFunction("readings", _read, runs_once=True)


def read_panel(objective: Objective, panel: Measured) -> tuple[Reading, ...]:
    """Readings of all rules, without gradients."""
    readings: dict[int, Reading] = {}
    for group in groups_of(objective):
        readings.update(zip(group.at, _READ(group.objective, panel), strict=True))
    return tuple(readings[at] for at in range(len(readings)))


def prepare_readings(objective: Objective, dry: Dry, nothing: Treatment, submit: Callable[..., None]) -> None:
    """Submits the compilation of the programs of `read_panel` for panels of these shapes."""
    song, raw = _PREDICTED.outline(objective.output, dry, nothing)
    panel = with_raw(song, dry, raw)
    for group in groups_of(objective):
        submit(_READ.prepare, group.objective, panel)
    submit(_PREDICTED.prepare, objective.output, dry, nothing)


def predicted(objective: Objective, song: Song, dry: Dry, treatment: Treatment) -> Verdict:
    """The verdict on a treatment in the power domain, at its output level."""
    return verdict(objective, song, predicted_panel(objective.output, dry, treatment))
