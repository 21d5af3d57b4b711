"""Tracks of a song that each rule applies to, with warnings for a person."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import pstdev
from typing import NamedTuple

from hybrid.audio.song import Song
from hybrid.errors import InputError, Problem
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.select import select

_ALIKE_LU = 0.5
"""Standard deviation of the loudness of raw tracks below which they count as normalised: a guess, above what meters
differ by."""
_FEWEST_TRACKS = 3
"""Two tracks may be equally loud by chance."""


class MatchReport(NamedTuple):
    """Tracks matched by each rule, rules without any, and shares of evidence."""

    matched: dict[str, tuple[str, ...]]
    empty: tuple[str, ...]
    evidence: dict[str, int]
    warnings: tuple[str, ...]


def match_report(rules: RuleSet, song: Song) -> MatchReport:
    """Tracks by rule; raises InputError for a rule with `on_empty: error` that matches none."""
    matched = {
        rule.id: tuple(song.tracks[i].id for i in select(rule.for_, song.tracks, rules.sets)) for rule in rules.rules
    }
    empty = [rule for rule in rules.rules if rule.enabled and not matched[rule.id]]
    refused = [
        Problem(rule.id, "matches no track of this song", "`on_empty: error` asked for this check")
        for rule in empty
        if rule.on_empty == "error"
    ]
    if refused:
        raise InputError(*refused)
    warnings = [f"{rule.id} matches no track" for rule in empty if rule.on_empty == "warn"]
    if not song.levels_are_recorded:
        warnings += [f"{rule_id} takes no raw levels: the song calls them arbitrary" for rule_id in _trusting(rules)]
    return MatchReport(matched, tuple(rule.id for rule in empty), rules.evidence(), (*rules.warnings, *warnings))


def notes_on_raw_levels(rules: RuleSet, song: Song, raw_lufs: Sequence[float]) -> tuple[str, ...]:
    """A note for each rule that takes raw levels for evidence, where tracks are so alike that they were normalised."""
    if not song.levels_are_recorded or len(raw_lufs) < _FEWEST_TRACKS or pstdev(raw_lufs) > _ALIKE_LU:
        return ()
    between = max(raw_lufs) - min(raw_lufs)
    return tuple(
        f"{rule_id} learns nothing from raw levels: all tracks are within {between:.1f} LU, as if normalised"
        for rule_id in _trusting(rules)
    )


def _trusting(rules: RuleSet) -> list[str]:
    return [rule.id for rule in rules.enabled if rule.trusts_raw_levels()]
