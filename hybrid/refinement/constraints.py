"""Constraints of refinement: which targets must stay within their limits, and the largest weight each may press with.

A constraint says that a target is no further than its limit, c <= 0, in scales of its rule. Its weight bounds the
multiplier that `descent` finds for it, so that it also bounds what keeping the constraint may cost elsewhere.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from hybrid.compiled import seldom
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.findings import BROKEN, has_limits
from hybrid.knowledge.objective import NO_LIMIT, Objective
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.types import RuleType

UNLIMITED = 1e6
"""Constraint weight of what must be kept at any cost."""
WEIGHT_FACTOR = 3.0
"""Constraint weight of a rule that the raw sum keeps, over the rule's own weight: it may be broken where keeping it
would cost more than that elsewhere. A guess."""
ConstraintWeights = tuple[Float[np.ndarray | Array, " _"], ...]
"""For every target of every rule, the largest weight of its constraint, in penalty per scale; 0 without constraint."""


def beyond_limits(targets: objectives.Targets) -> Float[Array, " target"]:
    """Distance of each target outside its interval, in scales; negative inside."""
    # not clipped at zero: inside its limits a constraint lets its multiplier fall
    return jnp.maximum(targets.low - targets.value, targets.value - targets.high) / targets.scale


@seldom()
def signed_excess(objective: Objective, rule_readings: tuple[Reading, ...]) -> tuple[Float[Array, " _"], ...]:
    """Distance of each target of each rule outside its interval, in scales; negative inside."""
    if not rule_readings:
        return ()
    beyond = beyond_limits(objectives.targets_of(objective, rule_readings))
    return tuple(jnp.split(beyond, np.cumsum([len(reading.value) for reading in rule_readings])[:-1]))


def constraint_weights_by_target(
    objective: Objective,
    rule_readings: tuple[Reading, ...],
    always: Bool[np.ndarray, " rule"],
    constraint_weight: Float[np.ndarray, " rule"],
) -> ConstraintWeights:
    """Constraint weights of the targets of rules in `always`, and of rules that `rule_readings` keep; 0 for the others.

    A rule is kept if no target exceeds its interval by more than a tenth of the scale.
    """
    weights = []
    excesses = signed_excess(objective, rule_readings)
    for index, (beyond, reading) in enumerate(zip(excesses, rule_readings, strict=True)):
        # targets without a share are padding, or a track that is silent throughout
        present = np.asarray(reading.share) > 0.0
        is_kept = np.max(np.asarray(beyond), where=present, initial=-NO_LIMIT) <= BROKEN
        is_constraint = present & (always[index] | is_kept)
        weights.append(np.where(is_constraint, constraint_weight[index], 0.0).astype(np.float32))
    return tuple(weights)


def constraint_weights_of(
    objective: Objective, rule_readings: tuple[Reading, ...], rules: tuple[RuleType, ...]
) -> ConstraintWeights:
    """Constraint weights of all targets, given the readings of the raw sum.

    Required rules and rules of tier 0 and 1, which say that a mix is technically sound, are unlimited; all others have
    a multiple of their own weight. Rules that are off, ask for nothing, act on the output level or are only measured
    are no constraints.
    """
    required = np.array([rule.kind == "require" for rule in rules], bool)
    technical = required | np.array([rule.tier <= 1 for rule in rules], bool)
    # the output level is solved at every step: descent cannot change what depends on it alone
    eligible = [rule.enabled and rule.optimised and has_limits(rule) and rule.acts_on != ("master",) for rule in rules]
    weight = np.array([rule.weight for rule in rules], np.float32)
    largest = np.where(technical, UNLIMITED, WEIGHT_FACTOR * weight) * np.array(eligible, bool)
    return constraint_weights_by_target(objective, rule_readings, required, largest)
