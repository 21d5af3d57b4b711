"""Tracks of a song that each rule applies to, with warnings for a person."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import pstdev
from typing import NamedTuple

from hybrid.audio.song import Song
from hybrid.errors import InputError, Problem
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.select import Selector, select

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
    warnings = [
        f"{rule.id} matches no track{_but_for_a_tag(rule.for_, song, rules)}"
        for rule in empty
        if rule.on_empty == "warn"
    ]
    warnings += _sections_beyond(rules, song)
    if not song.levels_are_recorded:
        warnings += [f"{rule_id} takes no raw levels: the song calls them arbitrary" for rule_id in _trusting(rules)]
    return MatchReport(matched, tuple(rule.id for rule in empty), rules.evidence(), (*rules.warnings, *warnings))


def _but_for_a_tag(selector: Selector, song: Song, rules: RuleSet) -> str:
    """The tracks that would match if they had a tag: those whose role says the same in another way, such as vocal.lead
    without the tag lead."""
    untagged = select(selector.model_copy(update={"tag": ()}), song.tracks, rules.sets)
    for tag in selector.tag:
        tracks = [song.tracks[i] for i in untagged if tag in song.tracks[i].role.split(".")]
        if tracks:
            names = ", ".join(f"{track.id} ({track.role})" for track in tracks)
            return f": by role it may mean {names}, without the tag {tag}, which song.yaml can give"
    return ""


def _sections_beyond(rules: RuleSet, song: Song) -> list[str]:
    """A note for each rule that holds only in sections after the end of the song."""
    end_s = song.n_samples / song.sample_rate
    notes = []
    for rule in rules.enabled:
        names = rule.when.sections if rule.when else ()
        starts = [span.from_ for name in names for span in rules.sections[name]]
        if starts and min(starts) >= end_s:
            where = f"{', '.join(names)} begins at {min(starts):.0f} s, the song ends at {end_s:.0f} s"
            notes.append(f"{rule.id} never holds: {where}")
    return notes


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
