"""Verdict on any finished mix: from the mix alone, or with its tracks, by the treatment that is fitted to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hybrid.analysis.analyse import analyse
from hybrid.analysis.chunks import Progress
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.knowledge.compile import compile_rules
from hybrid.knowledge.evaluate import verdict
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.select import name_roles
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.types.requires import MIX_ALONE, Available, why_not
from hybrid.knowledge.verdict import Verdict
from hybrid.measure.panel import Measured, Scalar, observe
from hybrid.tabular import Row, Tabular
from hybrid.treatment.effect import treated, untreated
from hybrid.treatment.types import Dry, Treatment
from hybrid.unmixing.fit import RELIABLE, Fit, fit
from hybrid.unmixing.mix_file import length_notes, load_mix, mix_levels, mono_notes, open_at, song_without_mix

_MIX_LEVEL = ("mix", "band")
FITTED = Available("treatment", ("gain.level", "eq.tone", "pan", "master"))
"""Parts of the treatment that `fit` estimates: static ones of each track. Gain over time and effects stay unknown."""


class LeftOut(NamedTuple):
    """A rule that cannot be judged, and the reason."""

    rule: str
    why: str


@dataclass(frozen=True, repr=False)
class Check(Tabular):
    """Verdict on a finished mix, with the rules that could not be judged and, with tracks, the fit."""

    verdict: Verdict
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    song: Song | None = None
    """The tracks that were fitted; None for a mix alone."""
    fit: Fit | None = None
    doubtful: tuple[str, ...] = ()
    """Rules on tracks, where the tracks explain less than half of the mix."""

    def __repr__(self) -> str:
        explained = f", {100.0 * self.fit.explained:.0f} % explained by its tracks" if self.fit else ""
        return f"Check({self.verdict!r}, {len(self.left_out)} rules left out{explained})"

    def rows(self) -> list[Row]:
        """The rows of the verdict, and whether each can be relied on."""
        return [{**row, "reliable": row["rule"] not in self.doubtful} for row in self.verdict.rows()]


def check_mix(path: Path, rules: RuleSet, progress: Progress) -> Check:
    """Verdict from the mix alone, measured as a song of one track."""
    song = load_mix(path)
    judged, left_out = _split(rules, lambda rule: _why_not_alone(rule, song))
    with open_song(song) as reader:
        dry, levels = analyse(song, reader, progress)
    readings = (levels.integrated_lufs, levels.true_peak_dbtp)
    panel = observe(dry, untreated(dry), dry, readings)
    of_mix, notes = _judge(judged, song, panel)
    return Check(of_mix, left_out, (*mono_notes(song), *notes))


def check_mix_of(path: Path, song: Song, rules: RuleSet, progress: Progress) -> Check:
    """Verdict on a mix of `song`, whose tracks are fitted to it.

    Raises InputError if the mix is the song's only track, and SongError for files that are unfit.
    """
    mix = load_mix(path)
    song, notes = song_without_mix(song, path)
    song = name_roles(song, rules.roles)
    judged, left_out = _split(rules, lambda rule: why_not(rule.required(), FITTED))
    with open_song(song) as reader, open_at(mix, song.sample_rate) as mix_reader:
        dry = analyse(song, reader, progress).dry
        fitted = fit(song, reader, mix_reader, dry, progress)
    panel = _panel_fitted(fitted.dry, fitted.treatment, fitted.mix, mix_levels(mix))
    of_mix, warnings = _judge(judged, song, panel)
    return Check(
        of_mix,
        left_out,
        (*song.notes, *notes, *mono_notes(mix), *length_notes(mix, song), *warnings),
        song,
        fitted,
        _doubtful(judged, fitted),
    )


def _split(rules: RuleSet, reason: Callable[[RuleType], str]) -> tuple[RuleSet, tuple[LeftOut, ...]]:
    """The rules that can be judged, and those that are on and cannot."""
    reasons = [(rule, reason(rule)) for rule in rules.rules]
    judged = tuple(rule for rule, why in reasons if not why)
    left_out = tuple(LeftOut(rule.id, why) for rule, why in reasons if why and rule.enabled)
    return replace(rules, rules=judged), left_out


def _why_not_alone(rule: RuleType, song: Song) -> str:
    """The reason why a rule cannot be judged from a mix alone: first that which its tracks would not mend."""
    bars = "speaks of bars: needs --song with a tempo"
    needs_tempo = bool(rule.when and rule.when.bars and song.tempo_bpm is None)
    return why_not(rule.required(), FITTED) or why_not(rule.required(), MIX_ALONE) or bars * needs_tempo


def _doubtful(rules: RuleSet, fitted: Fit) -> tuple[str, ...]:
    if fitted.explained >= RELIABLE:
        return ()
    return tuple(rule.id for rule in rules.enabled if rule.target_kind not in _MIX_LEVEL)


def _judge(rules: RuleSet, song: Song, panel: Measured) -> tuple[Verdict, tuple[str, ...]]:
    """Verdict on a panel, and the warnings of matching rules and tracks."""
    objective, report = compile_rules(rules, song, panel.dry.active.shape[0], np.asarray(panel.dry.time_s))
    return verdict(objective, song, panel), report.warnings


def _panel_fitted(dry: Dry, treatment: Treatment, mix: Dry, levels: tuple[Scalar, Scalar]) -> Measured:
    """Panel of the fitted tracks and of the mix, whose powers are divided by the output level."""
    before = np.float32(10.0 ** (-0.1 * float(treatment.master.level_db)))
    mix = replace(mix, power=mix.power * before, power_k=mix.power_k * before, peak=mix.peak * before)
    return observe(dry, treated(dry, treatment), mix, levels, treatment)
