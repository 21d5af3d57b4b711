"""Tracks of a song that each rule applies to, with warnings for a person."""

from __future__ import annotations

from typing import NamedTuple

from hybrid.audio.song import Song
from hybrid.errors import InputError, Problem
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.select import select


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
    return MatchReport(matched, tuple(rule.id for rule in empty), rules.evidence(), (*rules.warnings, *warnings))
