"""What must be kept while a mix is refined: which targets, how far each is beyond its limit, and at what price."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from hybrid.knowledge import objective as objectives
from hybrid.knowledge.findings import BROKEN, has_limits
from hybrid.knowledge.objective import NO_LIMIT, Objective
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.types import RuleType

UNLIMITED = 1e6
"""Price of what must be kept whatever it costs."""
HELD = 3.0
"""How many times its weight a rule that the raw sum keeps is held at most: it may be broken where keeping it would
cost more than that elsewhere. A guess."""
ConstraintWeights = tuple[Float[np.ndarray | Array, " _"], ...]
"""For every target of every rule, how hard it is held at most, in penalty per scale; 0 if it need not be kept."""


def beyond_limits(found: objectives.Targets) -> Float[Array, " target"]:
    """How far each target is outside its interval, in scales; negative inside."""
    return jnp.maximum(found.low - found.value, found.value - found.high) / found.scale


@jax.jit
def signed_excess(objective: Objective, read_of: tuple[Reading, ...]) -> tuple[Float[Array, " _"], ...]:
    """How far each target of each rule is outside its interval, in scales; negative inside."""
    if not read_of:
        return ()
    beyond = beyond_limits(objectives.targets_of(objective, read_of))
    return tuple(jnp.split(beyond, np.cumsum([len(reading.value) for reading in read_of])[:-1]))


def constraint_weights_by_target(
    objective: Objective,
    found: tuple[Reading, ...],
    always: Bool[np.ndarray, " rule"],
    constraint_weight: Float[np.ndarray, " rule"],
) -> ConstraintWeights:
    """The price of every target that must be kept: those of rules in `always`, and of rules that `found` keeps.

    A rule is kept if no target exceeds its interval by more than a tenth of the scale.
    """
    weights = []
    for index, (beyond, reading) in enumerate(zip(signed_excess(objective, found), found, strict=True)):
        present = np.asarray(reading.share) > 0.0
        kept = np.max(np.asarray(beyond), where=present, initial=-NO_LIMIT) <= BROKEN
        weights.append(np.where(present & (always[index] | kept), constraint_weight[index], 0.0).astype(np.float32))
    return tuple(weights)


def constraint_weights_of(
    objective: Objective, found: tuple[Reading, ...], rules: tuple[RuleType, ...]
) -> ConstraintWeights:
    """The price of every target to be held: what is required, and that a mix is sound, at any; all else at some times
    its weight. Rules that are off, ask for nothing, act on the output level, or move nothing at all are not held."""
    required = np.array([rule.kind == "require" for rule in rules])
    sound = required | np.array([rule.tier <= 1 for rule in rules])
    can = [rule.enabled and rule.optimised and has_limits(rule) and rule.acts_on != ("master",) for rule in rules]
    weight = np.array([rule.weight for rule in rules], np.float32)
    return constraint_weights_by_target(
        objective, found, required, np.where(sound, UNLIMITED, HELD * weight) * np.array(can)
    )
