"""A change of rules tried on one song: what it changes in the mix, and in how all rules are kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from hybrid.analysis.chunks import Progress
from hybrid.analysis.song import AnalysedSong, analyse_song
from hybrid.audio.read import SongReader
from hybrid.explain.moves import Move, moves_between
from hybrid.knowledge.evaluate import predicted
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.verdict import Finding, Verdict
from hybrid.mixing.plan import MixConfig, MixProblem, formulate, naming_of
from hybrid.refinement.refine import refine
from hybrid.treatment.types import Treatment


class RuleEffect(NamedTuple):
    """A rule in the mix before and in the mix after a change of rules, by the limits that it has after it, or before it
    where it is gone then."""

    before: Finding
    after: Finding
    is_changed: bool
    """Whether the rule itself is new, gone, or other than it was."""

    @property
    def change(self) -> float:
        """Of its weighted penalty; below zero it is kept better after."""
        return self.after.penalty - self.before.penalty


class TriedMix(NamedTuple):
    """A mix of the song under some rules, as a treatment."""

    song: AnalysedSong
    """With roles as these rules name them, and microphones aligned accordingly."""
    treatment: Treatment


class Tried(NamedTuple):
    """Two mixes of a song, under rules before and after a change."""

    rules: tuple[RuleEffect, ...]
    """First those that are changed, then by how much their penalty changes."""
    moves: tuple[Move, ...]
    """From the treatment before to that after, largest first."""
    before: TriedMix
    after: TriedMix
    notes: tuple[str, ...]
    """Why rules that are changed do nothing here, and what the rules after the change are warned of on this song."""


def try_rules(reader: SongReader, before: RuleSet, after: RuleSet, config: MixConfig, progress: Progress) -> Tried:
    """The mixes of a song before and after a change of rules, as they are predicted.

    Rules that are on are compared. Raises SongError for audio that cannot be mixed.
    """
    song = analyse_song(reader.song, reader, naming_of(before, config.network), progress)
    problems: list[MixProblem] = []
    mixes: list[TriedMix] = []
    for stage, rules in (("the mix before", before), ("the mix after", after)):
        if rules is after and after.roles != before.roles:
            song = analyse_song(reader.song, reader, naming_of(after, config.network), progress)
        progress(stage, 0.0)
        problems.append(formulate(song.song, song.analysis, rules, config))
        mixes.append(TriedMix(song, refine(problems[-1].task, problems[-1].start, config.n_steps).treatment))
        progress(stage, 1.0)
    verdicts = [
        [predicted(problem.objective, mix.song.song, mix.song.analysis.dry, mix.treatment) for mix in mixes]
        for problem in problems
    ]
    first, second = mixes
    moves = moves_between(first.treatment, second.treatment, [track.id for track in reader.song.tracks])
    effects = _effects(before, after, verdicts)
    # without those of the files, which are no matter of the song
    warnings = [each for each in problems[1].report.warnings if each not in after.warnings]
    return Tried(effects, moves, first, second, (*warnings, *_idle(before, after, effects, warnings)))


def _idle(before: RuleSet, after: RuleSet, effects: Sequence[RuleEffect], warnings: Sequence[str]) -> Iterator[str]:
    """A note for each rule that the change adds or edits, and that has nothing to measure in the song."""
    was, there = {rule.id: rule for rule in before.rules}, {effect.after.id for effect in effects}
    noted = {warning.partition(" ")[0] for warning in warnings}
    for rule in after.enabled:
        if rule != was.get(rule.id) and rule.id not in there | noted:
            yield f"{rule.id} measures nothing in this song"


def _effects(before: RuleSet, after: RuleSet, verdicts: Sequence[Sequence[Verdict]]) -> tuple[RuleEffect, ...]:
    """The effects of all rules that are on before or after; `verdicts` are by rules, then by mix."""
    was, is_now = ({rule.id: rule for rule in rules.enabled} for rules in (before, after))
    by_id = [[{finding.id: finding for finding in verdict.rules} for verdict in each] for each in verdicts]
    effects = []
    for name in dict.fromkeys((*is_now, *was)):
        first, second = by_id[1 if name in is_now else 0]
        if first[name].targets or second[name].targets:
            effects.append(RuleEffect(first[name], second[name], was.get(name) != is_now.get(name)))
    return tuple(sorted(effects, key=lambda effect: (not effect.is_changed, -abs(effect.change))))
