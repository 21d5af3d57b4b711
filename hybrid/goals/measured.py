"""A reference mix measured by the quantities of the rules, with the spread of each over its course."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from hybrid.analysis.analyse import analyse
from hybrid.analysis.chunks import Progress
from hybrid.audio.digest import digest
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.errors import Problem, SongError
from hybrid.knowledge.compile import compile_rules
from hybrid.knowledge.evaluate import read_panel
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.types.requires import MIX_ALONE, why_not
from hybrid.measure.loudness import ABSOLUTE_GATE_LUFS
from hybrid.measure.panel import Measured, observe
from hybrid.treatment.effect import untreated
from hybrid.unmixing.mix_file import load_mix, mix_levels

SHORTEST_S = 5.0
"""A mix that is shorter says too little: short-term loudness has windows of 3 s (EBU Tech 3341)."""
_LEVEL_LUFS = -23.0
"""References are measured at one loudness (EBU R 128), so that their own changes nothing."""
_PART_S, _PARTS = 10.0, 16
"""Length of the parts that the spread is estimated from, and their number at most (guesses)."""
_FLAT_DB = 6.0
"""Peaks that stand out by less are those of a limiter driven hard, or of clipping: no mix before mastering has fewer
than 8 dB (rule `out.peaks`)."""


class Values(NamedTuple):
    """Values of a rule of the template, one per target, in the rule's unit."""

    value: Float[np.ndarray, " target"]
    share: Float[np.ndarray, " target"]
    """0 where the mix has nothing to be read."""
    error: Float[np.ndarray, " target"]
    """Standard error of the value, from its spread over parts of the mix."""
    trust: Float[np.ndarray, " target"]
    """The share of an amount that is gone: 1 for what is measured, less for what is estimated and not sure."""

    @classmethod
    def measured(
        cls,
        value: Float[np.ndarray, " target"],
        share: Float[np.ndarray, " target"],
        error: Float[np.ndarray, " target"] | None = None,
    ) -> Values:
        """Values that are not estimated; without an error they are exact."""
        return cls(value, share, np.zeros(len(value)) if error is None else error, np.ones(len(value)))


class Abstained(NamedTuple):
    """A quantity that a reference says nothing about, and why."""

    rule: str
    why: str


@dataclass(frozen=True)
class ReferenceMix:
    """A finished mix as the template of the rules measures it."""

    path: Path
    digest: str
    loudness_lufs: float
    quantities: Mapping[str, Values]
    """By id of the rule."""
    abstained: tuple[Abstained, ...]


def template_of(rules: RuleSet) -> RuleSet:
    """Of resolved rules, those that a reference can ask for: of evidence `reference`."""
    return replace(rules, rules=tuple(rule for rule in rules.rules if rule.evidence == "reference"))


def measure_reference(path: Path, template: RuleSet, progress: Progress) -> ReferenceMix:
    """The reference in a file, whatever its level, rate and length.

    Raises InputError for a folder; SongError for a file that cannot be read, is silent or lasts less than 5 s.
    """
    song = load_mix(path)
    seconds = song.n_samples / song.sample_rate
    if seconds < SHORTEST_S:
        what = f"lasts {seconds:.1f} s: a reference needs at least {SHORTEST_S:g} s"
        raise SongError(Problem(str(path), what))
    loudness, peak = mix_levels(song)
    if not loudness > ABSOLUTE_GATE_LUFS:
        raise SongError(Problem(str(path), "is too quiet to have a loudness: nothing in it passes -70 LUFS"))
    gain_db = _LEVEL_LUFS - loudness
    levelled = _with_gain(song, gain_db)
    with open_song(levelled) as reader:
        dry = analyse(levelled, reader, progress).dry
    panel = observe(dry, untreated(dry), dry, (loudness, peak))
    objective, _ = compile_rules(template, levelled, dry.active.shape[0], np.asarray(dry.time_s))
    readings = read_panel(objective, panel)
    errors = _standard_errors(objective, panel, seconds)
    silent = {rule.id: why for rule in template.rules if (why := _why_silent(rule, song, peak - loudness))}
    quantities: dict[str, Values] = {}
    for rule, reading, error in zip(template.rules, readings, errors, strict=True):
        value, share = np.asarray(reading.value), np.asarray(reading.share)
        if rule.id not in silent and not np.any(share > 0.0):
            silent[rule.id] = f"there is nothing to read it from in {seconds:.0f} s"
        if rule.id not in silent:
            quantities[rule.id] = Values.measured(value, share, error)
    abstained = tuple(Abstained(rule, why) for rule, why in silent.items())
    return ReferenceMix(path, digest(song), loudness, quantities, abstained)


def _with_gain(song: Song, gain_db: float) -> Song:
    (track,) = song.tracks
    return replace(song, tracks=(replace(track, gain_db=track.gain_db + gain_db),))


def _why_silent(rule: RuleType, song: Song, crest_db: float) -> str:
    """The reason why a mix says nothing about a rule, before it is read; empty if it may say something."""
    if missing := why_not(rule.required(), MIX_ALONE):
        return missing
    if song.tracks[0].channels == 1 and {"width", "place"} & set(rule.tags):
        return "the file is mono: it says nothing on width and place"
    if crest_db < _FLAT_DB and "dynamics" in rule.tags:
        return f"its peaks stand out by {crest_db:.1f} dB: limited or clipped beyond what a mix has"
    return ""


def _standard_errors(objective: Objective, panel: Measured, seconds: float) -> list[Float[np.ndarray, " target"]]:
    """The standard error of each value, by its spread over parts of 10 s; 0 where fewer than two parts have it."""
    n = min(_PARTS, int(seconds / _PART_S))
    by_part: list[Sequence[tuple[Float[np.ndarray, " target"], Float[np.ndarray, " target"]]]] = []
    for start in np.linspace(0.0, seconds - _PART_S, n) if n > 1 else ():
        readings = read_panel(_within(objective, panel, start), panel)
        by_part.append([(np.asarray(each.value), np.asarray(each.share)) for each in readings])
    return [_error([part[k] for part in by_part], len(low)) for k, low in enumerate(objective.ask.low)]


def _within(objective: Objective, panel: Measured, start: float) -> Objective:
    """The rules on ten seconds of the song: frames are data, so that the program is the same."""
    time_s = np.asarray(panel.dry.time_s)
    frames = jax.device_put(((time_s >= start) & (time_s < start + _PART_S)).astype(np.float32))
    scopes = tuple(scope._replace(frames=scope.frames * frames) for scope in objective.scopes)
    return replace(objective, scopes=scopes)


def _error(
    parts: Sequence[tuple[Float[np.ndarray, " target"], Float[np.ndarray, " target"]]], n_targets: int
) -> Float[np.ndarray, " target"]:
    if not parts:
        return np.zeros(n_targets)
    value, share = (np.stack([np.asarray(part[k], np.float64) for part in parts]) for k in (0, 1))
    counts = (share > 0.0).astype(np.float64)
    n = counts.sum(axis=0)
    mean = (value * counts).sum(axis=0) / np.maximum(n, 1.0)
    square = (np.square(value - mean) * counts).sum(axis=0) / np.maximum(n - 1.0, 1.0)
    return np.where(n > 1.0, np.sqrt(square / np.maximum(n, 1.0)), 0.0)
