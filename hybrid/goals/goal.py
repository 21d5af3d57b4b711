"""A goal: reference mixes, how much of each aspect is asked of them, and the rules that say so for one song."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hybrid.analysis.chunks import Progress
from hybrid.audio.references import ASPECTS, BY_TRACK, Reference, Rough, check_references
from hybrid.audio.song import Song
from hybrid.goals.measured import ReferenceMix, Values, measure_reference, template_of
from hybrid.goals.rough import measure_rough
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType

TEMPLATE = "reference"
"""The rule file that says what is measured of references."""
CLOSE = 0.1
"""Tolerance at least, and that of what must stay as it is, in scales: a tenth of one counts as kept (`BROKEN`)."""

HELD = 10.0
"""Weight of what must stay as it is, over that of the same rule where it is followed. Of two songs followed in one
aspect, 1 let others move by 0.3 scales, 5 by 0.16, 20 no less; as constraints they kept the goal from being met."""


class Amount(NamedTuple):
    """How a rule of the template is followed by one reference."""

    reference: int
    share: float
    """From 0 to 1, the least over the aspects that the rule is about."""


@dataclass(frozen=True)
class Goal:
    """Reference mixes, measured, and the amounts that are asked of them."""

    template: RuleSet
    requests: tuple[Reference, ...]
    mixes: tuple[ReferenceMix, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the references; with their folders, where two are called the same."""
        paths = [mix.path for mix in self.mixes]
        plain = [path.name for path in paths]
        return tuple(f"{path.parent.name}/{path.name}" if plain.count(path.name) > 1 else path.name for path in paths)

    def digest(self) -> str:
        """Text that is equal for equal goals: the files' hashes and the amounts."""
        said = [
            f"{mix.digest[:16]}:{','.join(f'{key}={request.amounts[key]:g}' for key in sorted(request.amounts))}"
            for request, mix in zip(self.requests, self.mixes, strict=True)
        ]
        return " ".join(said)

    def abstained(self) -> tuple[str, ...]:
        """A line for each reference and reason why something that is asked of it is not followed."""
        lines: dict[str, None] = {}
        for request, mix, name in zip(self.requests, self.mixes, self.names, strict=True):
            for rule, why in mix.abstained:
                if self._share(request, self._rule(rule)) > 0.0:
                    lines[f"{name}: {rule} is not followed: {why}"] = None
        return tuple(lines)

    def amounts(self, rule: RuleType) -> tuple[Amount, ...]:
        """The references that a rule of the template follows, and how much."""
        asked = (
            Amount(index, self._share(request, rule))
            for index, (request, mix) in enumerate(zip(self.requests, self.mixes, strict=True))
            if rule.id in mix.quantities
        )
        return tuple(each for each in asked if each.share > 0.0)

    def mean(self, rule: RuleType) -> Values | None:
        """The mean of the references that a rule follows, weighted by their amounts, with the spread within and
        between them as its error; None if it follows none."""
        amounts = self.amounts(rule)
        if not amounts:
            return None
        weight = np.array([each.share for each in amounts])[:, None]
        each = [self.mixes[amount.reference].quantities[rule.id] for amount in amounts]
        value, share, error = (np.stack([np.asarray(one[k], np.float64) for one in each]) for k in range(3))
        mean = _weighted(value, share, weight)
        spread = _weighted(np.square(error) + np.square(value - mean), share, weight)
        trust = np.min([one.trust for one in each], axis=0)
        return Values(mean, share.max(axis=0), np.sqrt(spread), trust)

    def _share(self, request: Reference, rule: RuleType) -> float:
        return min((request.amounts.get(aspect, 0.0) for aspect in aspects_of(rule)), default=0.0)

    def _rule(self, name: str) -> RuleType:
        return next(rule for rule in self.template.rules if rule.id == name)


def aspects_of(rule: RuleType) -> tuple[str, ...]:
    """The aspects that a rule of the template is about: those among its tags."""
    return tuple(tag for tag in rule.tags if tag in (*ASPECTS, *BY_TRACK))


def load_goal(
    references: Sequence[Reference], progress: Progress, rough: Rough | None = None, song: Song | None = None
) -> Goal:
    """The goal that these references set, and the rough mix of `song`. Raises InputError and SongError for what cannot
    be followed."""
    requests = [*([rough.reference()] if rough else []), *references]
    check_references(requests)
    template = template_of(load_rules([TEMPLATE]))
    if song:
        ids = [track.id for track in song.tracks]
        template = replace(template, rules=tuple(rule.naming(ids) for rule in template.rules))
    mixes = [measure_rough(rough.path, song, template, progress)] if rough and song else []
    mixes += [measure_reference(request.path, template, progress) for request in references]
    return Goal(template, tuple(requests), tuple(mixes))


class Asked(NamedTuple):
    """What is asked for a rule of the template: values of the mix's own, of the references, and between them."""

    rule: RuleType
    """As the template has it."""
    raw: Values
    """The raw sum's."""
    own: Values
    value: Values
    """Asked: between the own mix and the references."""
    references: Values | None
    """The mean of the references that are followed; None where none is."""
    amount: float
    """0 where the mix keeps its own value."""
    aim: RuleType
    """The rule with its limits, on."""


def asked_of(goal: Goal, own: Mapping[str, Reading], raw: Mapping[str, Reading]) -> tuple[Asked, ...]:
    """What the goal asks of a song whose own mix reads `own`, by id: the amount goes from there to the references.

    Quantities of aspects that nobody asks for keep their value; those of two aspects of which one is asked are free.
    """
    followed = {aspect for rule in goal.template.rules if goal.amounts(rule) for aspect in aspects_of(rule)}
    asked: list[Asked] = []
    for rule in goal.template.rules:
        mine, before, amounts = _exactly(own[rule.id]), _exactly(raw[rule.id]), goal.amounts(rule)
        theirs = goal.mean(rule)
        if theirs is not None:
            share = max(each.share for each in amounts)
            # of what the own mix does not have, the reference's value is the only one
            start = np.where(mine.share > 0.0, mine.value, theirs.value)
            value = start + share * theirs.trust * (theirs.value - start)
            aim = rule.following(value, theirs.share, tolerance_of(rule, theirs, share))
            asked.append(
                Asked(rule, before, mine, Values.measured(value, theirs.share, theirs.error), theirs, share, aim)
            )
        elif _is_kept(rule, followed) and np.any(mine.share > 0.0):
            close = np.full(len(mine.value), 0.5 * CLOSE * rule.scale)
            held = rule.following(mine.value, mine.share, close).model_copy(update={"weight": HELD * rule.weight})
            asked.append(Asked(rule, before, mine, mine, None, 0.0, held))
    return tuple(asked)


def _is_kept(rule: RuleType, followed: set[str]) -> bool:
    """Whether a rule that is not followed keeps its value: levels and places of tracks serve what is, and loudness is
    that of delivery."""
    about = set(aspects_of(rule))
    # where tracks stand is how wide the whole is
    serving = {"loudness", *BY_TRACK, *(("width", "place") if "places" in followed else ())}
    return not about & followed and not about & serving


def _exactly(reading: Reading) -> Values:
    """What a mix reads, which has no error."""
    value = np.asarray(reading.value, np.float64)
    return Values.measured(value, np.asarray(reading.share, np.float64))


def tolerance_of(rule: RuleType, mean: Values, amount: float = 1.0) -> Float[np.ndarray, " target"]:
    """Tolerance of what references ask: their spread, and a tenth of the scale at least."""
    return np.maximum(amount * mean.error, CLOSE * rule.scale)


def _weighted(
    value: Float[np.ndarray, "reference target"],
    share: Float[np.ndarray, "reference target"],
    weight: Float[np.ndarray, "reference 1"],
) -> Float[np.ndarray, " target"]:
    counted = weight * (share > 0.0)
    return (value * counted).sum(axis=0) / np.maximum(counted.sum(axis=0), 1e-9)


def goal_rules(rules: RuleSet, template: Sequence[RuleType], asked: Sequence[Asked]) -> RuleSet:
    """The rules with those of the template, on where a goal asks for something.

    Rules that say otherwise about what references ask are off. Rules of the template that nobody asks for are there,
    and off, so that all goals have one program.
    """
    aims = {each.rule.id: each.aim for each in asked}
    own_ids = {rule.id for rule in template}
    instead = {name for each in asked if each.amount > 0.0 for name in each.rule.conflicts}
    kept = (rule for rule in rules.rules if rule.id not in own_ids)
    return replace(
        rules,
        rules=(
            *(rule.model_copy(update={"enabled": False}) if rule.id in instead else rule for rule in kept),
            *(aims.get(rule.id, rule) for rule in template),
        ),
    )
