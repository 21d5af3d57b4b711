"""Why a rule of one song is broken or kept: what it reads, what would satisfy it, who pulls with it and against it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np

from hybrid.analysis.chunks import Progress
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.explain.moves import Move, common_ground, cosine, moves_along
from hybrid.explain.slopes import Slopes, slopes_of
from hybrid.knowledge.findings import BROKEN, target_names
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.verdict import Finding, TargetFinding, Verdict
from hybrid.mixing.plan import MixConfig, Plan, plan_mix
from hybrid.treatment.bounds import unconstrain
from hybrid.treatment.makeup import undo_makeup
from hybrid.treatment.types import Treatment

MOST_TARGETS = 5
"""Targets of a rule that are told at most, worst first."""
UNSATISFIED = 1e-3
"""Cost from which a rule counts as unsatisfied, and pulls."""
MARKED = 0.2
"""Cosine between slopes from which two rules are called allies, or, below its negative, in conflict."""


class Target(NamedTuple):
    """One number of the rule: in the raw sum, at the start, and what would bring it within its limits."""

    name: str
    raw: float | None
    start: TargetFinding
    moves: tuple[Move, ...]


class Other(NamedTuple):
    """An unsatisfied rule: how far its slope agrees with that of the rule, and over what they meet most."""

    id: str
    cosine: float
    penalty: float
    """Weighted."""
    over: str

    @property
    def relation(self) -> str:
        """conflict, ally, or neither."""
        return "conflict" if self.cosine < -MARKED else "ally" if self.cosine > MARKED else "neither"


class Why(NamedTuple):
    """One rule on one song, before refinement: with role levels, and all else as it is."""

    song: str
    rule: Finding
    """At the start."""
    raw_kept: bool
    targets: tuple[Target, ...]
    """The broken ones, or the one closest to its limit if none is."""
    n_broken: int
    others: tuple[Other, ...]
    """From the sharpest conflict to the closest ally."""
    is_flat: bool
    """Whether nothing that refinement moves changes the rule: the output level, for one, is solved instead."""


def why_of(rule_id: str, rules: RuleSet, song: Song, seed: int, progress: Progress) -> Why:
    """The rule on the song, as if it were on. Deterministic for a seed."""
    switched = tuple(r.model_copy(update={"enabled": True}) if r.id == rule_id else r for r in rules.rules)
    with open_song(song) as reader:
        plan = plan_mix(song, reader, replace(rules, rules=switched), MixConfig(0, seed), progress)
    raw, start = (_finding(verdict, rule_id) for verdict in (plan.before, plan.predicted))
    told = _told(start)
    if not told:
        return Why(song.name, start, raw.kept, (), 0, (), False)
    unconstrained = unconstrain(undo_makeup(plan.task.dry, plan.refined.treatment))
    index = [rule.id for rule in plan.objective.program.rules].index(rule_id)
    slopes = _slopes(plan, unconstrained, index, told)
    ways = [_times(_row(slopes.of_targets, k), _sign(target)) for k, target in enumerate(told)]
    raw_values = {target.name: target.value for target in raw.targets}
    targets = tuple(
        Target(
            target.name, raw_values.get(target.name), target, moves_along(way, target.excess, unconstrained, _ids(plan))
        )
        for target, way in zip(told, ways, strict=True)
    )
    n_broken = sum(_is_broken(target, start) for target in start.targets)
    # a rule that is kept has no slope of its own: what counts is what would break it
    own = _row(slopes.of_rules, index) if slopes.cost[index] > UNSATISFIED else _times(ways[0], -1.0)
    return Why(
        song.name, start, raw.kept, targets, n_broken, _others(plan, slopes, index, own), cosine(own, own) == 0.0
    )


def _times(way: Treatment, factor: float) -> Treatment:
    return jax.tree.map(lambda leaf: factor * leaf, way)


def _finding(verdict: Verdict, rule_id: str) -> Finding:
    return next(finding for finding in verdict.rules if finding.id == rule_id)


def _is_broken(target: TargetFinding, finding: Finding) -> bool:
    return target.excess > BROKEN * finding.scale


def _told(finding: Finding) -> tuple[TargetFinding, ...]:
    """The broken targets, worst first, or else the one that is closest to a limit."""
    broken = [target for target in finding.targets if _is_broken(target, finding)]
    return tuple(broken[:MOST_TARGETS] or sorted(finding.targets, key=spare)[:1])


def spare(target: TargetFinding) -> float:
    """How far a number is from the nearer of its limits, in its unit; infinite without limits, negative beyond."""
    return min(_room(target))


def _sign(target: TargetFinding) -> float:
    """1 where more of the number satisfies the rule, or keeps it satisfied, else -1."""
    below, above = _room(target)
    return 1.0 if below < above else -1.0


def _room(target: TargetFinding) -> tuple[float, float]:
    """From the lower limit up to the number, and from it up to the upper limit."""
    below = math.inf if target.low is None else target.value - target.low
    above = math.inf if target.high is None else target.high - target.value
    return below, above


def _slopes(plan: Plan, unconstrained: Treatment, index: int, told: tuple[TargetFinding, ...]) -> Slopes:
    objective, dry, pins = plan.task.objective, plan.task.dry, plan.task.pins
    n_targets = [len(low) for low in objective.ask.low]
    names = target_names(objective.program.rules[index], _ids(plan), n_targets[index], objective)
    picks = np.zeros((MOST_TARGETS, sum(n_targets)), np.float32)
    for row, target in zip(picks, told, strict=False):
        row[sum(n_targets[:index]) + names.index(target.name)] = 1.0
    return slopes_of(objective, dry, pins, unconstrained, picks)


def _others(plan: Plan, slopes: Slopes, index: int, own: Treatment) -> tuple[Other, ...]:
    weight = np.asarray(plan.objective.weight)
    found = []
    for k, rule in enumerate(plan.objective.program.rules):
        pulls = rule.enabled and rule.optimised and slopes.cost[k] > UNSATISFIED
        if k != index and pulls:
            other = _row(slopes.of_rules, k)
            penalty = float(weight[k] * slopes.cost[k])
            found.append(Other(rule.id, cosine(own, other), penalty, common_ground(own, other, _ids(plan))))
    return tuple(sorted(found, key=lambda other: other.cosine))


def _ids(plan: Plan) -> list[str]:
    return [track.id for track in plan.song.tracks]


def _row(slopes: Treatment, index: int) -> Treatment:
    return jax.tree.map(lambda leaf: leaf[index], slopes)
