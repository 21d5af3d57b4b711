"""Explanation of why a rule is broken or kept on one song: its values, the moves that would satisfy it, and the rules
whose gradients agree with its own or oppose it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np

from hybrid.analysis.chunks import Progress
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.explain.moves import Move, cosine, most_shared_control, moves_along
from hybrid.explain.slopes import Slopes, slopes_of
from hybrid.knowledge.findings import BROKEN, target_names
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.verdict import Finding, TargetFinding, Verdict
from hybrid.mixing.plan import MixConfig, Plan, plan_mix
from hybrid.treatment.bounds import unconstrain
from hybrid.treatment.makeup import undo_makeup
from hybrid.treatment.types import Treatment

MOST_TARGETS = 5
"""Largest number of targets of a rule that are explained, worst first."""
UNSATISFIED = 1e-3
"""Cost from which a rule counts as unsatisfied, and has a gradient worth comparing."""
MARKED = 0.2
"""Cosine between gradients above which two rules are called allies; below its negative they are in conflict."""


class RuleTarget(NamedTuple):
    """One target of the rule: its value in the raw sum and at the start, and moves that bring it within its limits."""

    name: str
    raw: float | None
    start: TargetFinding
    moves: tuple[Move, ...]


class Other(NamedTuple):
    """Another unsatisfied rule: the cosine between its gradient and the rule's, and the control they share most."""

    id: str
    cosine: float
    penalty: float
    """Weighted."""
    over: str
    """Part and owner, such as "level of drums"; empty if they share none."""

    @property
    def relation(self) -> str:
        """Name of the relation: conflict, ally or neither."""
        return "conflict" if self.cosine < -MARKED else "ally" if self.cosine > MARKED else "neither"


class Why(NamedTuple):
    """The explanation of one rule on one song at the start of refinement: role levels, nothing else changed."""

    song: str
    rule: Finding
    """The rule's verdict at the start."""
    raw_kept: bool
    targets: tuple[RuleTarget, ...]
    """The broken targets, or the one closest to a limit if none is broken."""
    n_broken: int
    others: tuple[Other, ...]
    """By cosine, from the strongest conflict to the closest ally."""
    is_flat: bool
    """Whether the gradient is zero: the output level, for one, is solved, not refined."""


def why_of(rule_id: str, rules: RuleSet, song: Song, seed: int, progress: Progress) -> Why:
    """The explanation of a rule on a song, as if the rule were on. Deterministic for a seed."""
    switched = tuple(r.model_copy(update={"enabled": True}) if r.id == rule_id else r for r in rules.rules)
    with open_song(song) as reader:
        plan = plan_mix(song, reader, replace(rules, rules=switched), MixConfig(0, seed), progress)
    raw, start = (_finding(verdict, rule_id) for verdict in (plan.before, plan.predicted))
    explained = _explained(start)
    if not explained:
        return Why(song.name, start, raw.kept, (), 0, (), False)
    # before make-up, as in refinement: a move of tone or dynamics leaves the loudness of its track
    unconstrained = unconstrain(undo_makeup(plan.task.dry, plan.refined.treatment))
    index = [rule.id for rule in plan.objective.program.rules].index(rule_id)
    slopes = _slopes(plan, unconstrained, index, explained)
    # signed so that going along a direction satisfies the rule: every need is then a rise
    directions = [_scaled(_row(slopes.value_gradient, k), _sign(target)) for k, target in enumerate(explained)]
    raw_values = {target.name: target.value for target in raw.targets}
    targets = tuple(
        RuleTarget(
            target.name,
            raw_values.get(target.name),
            target,
            moves_along(direction, target.excess, unconstrained, _ids(plan)),
        )
        for target, direction in zip(explained, directions, strict=True)
    )
    n_broken = sum(_is_broken(target, start) for target in start.targets)
    # the cost of a satisfied rule has no gradient: the direction that would break it stands in
    own = _row(slopes.cost_gradient, index) if slopes.cost[index] > UNSATISFIED else _scaled(directions[0], -1.0)
    # of a zero gradient the cosine is 0 even with itself
    return Why(
        song.name, start, raw.kept, targets, n_broken, _others(plan, slopes, index, own), cosine(own, own) == 0.0
    )


def _scaled(gradient: Treatment, factor: float) -> Treatment:
    return jax.tree.map(lambda leaf: factor * leaf, gradient)


def _finding(verdict: Verdict, rule_id: str) -> Finding:
    return next(finding for finding in verdict.rules if finding.id == rule_id)


def _is_broken(target: TargetFinding, finding: Finding) -> bool:
    return target.excess > BROKEN * finding.scale


def _explained(finding: Finding) -> tuple[TargetFinding, ...]:
    """The broken targets, worst first, or else the one that is closest to a limit."""
    broken = [target for target in finding.targets if _is_broken(target, finding)]
    return tuple(broken[:MOST_TARGETS] or sorted(finding.targets, key=spare)[:1])


def spare(target: TargetFinding) -> float:
    """Distance of a value from the nearer of its limits, in its unit; infinite without limits, negative beyond."""
    return min(_margins(target))


def _sign(target: TargetFinding) -> float:
    """1 where a larger value satisfies the rule, or keeps it satisfied, else -1."""
    below, above = _margins(target)
    return 1.0 if below < above else -1.0


def _margins(target: TargetFinding) -> tuple[float, float]:
    """Distance of the value above its lower limit, and below its upper limit, in its unit."""
    below = math.inf if target.low is None else target.value - target.low
    above = math.inf if target.high is None else target.high - target.value
    return below, above


def _slopes(plan: Plan, unconstrained: Treatment, index: int, explained: tuple[TargetFinding, ...]) -> Slopes:
    """Gradients of all rules, and of the explained targets of the rule at `index`."""
    objective, dry, pins = plan.task.objective, plan.task.dry, plan.task.pins
    n_targets = [len(low) for low in objective.ask.low]
    names = target_names(objective.program.rules[index], _ids(plan), n_targets[index], objective)
    # as many rows whatever the number of targets, so that one program serves every rule
    selected = np.zeros((MOST_TARGETS, sum(n_targets)), np.float32)
    for row, target in zip(selected, explained, strict=False):
        row[sum(n_targets[:index]) + names.index(target.name)] = 1.0
    return slopes_of(objective, dry, pins, unconstrained, selected)


def _others(plan: Plan, slopes: Slopes, index: int, own: Treatment) -> tuple[Other, ...]:
    """The other rules that are on and unsatisfied, by the cosine between their gradient and `own`."""
    weight = np.asarray(plan.objective.weight)
    others = []
    for k, rule in enumerate(plan.objective.program.rules):
        is_active = rule.enabled and rule.optimised and slopes.cost[k] > UNSATISFIED
        if k != index and is_active:
            gradient = _row(slopes.cost_gradient, k)
            penalty = float(weight[k] * slopes.cost[k])
            control = most_shared_control(own, gradient, _ids(plan))
            others.append(Other(rule.id, cosine(own, gradient), penalty, control))
    return tuple(sorted(others, key=lambda other: other.cosine))


def _ids(plan: Plan) -> list[str]:
    return [track.id for track in plan.song.tracks]


def _row(slopes: Treatment, index: int) -> Treatment:
    return jax.tree.map(lambda leaf: leaf[index], slopes)
