"""Slopes of rules at a treatment: of each rule's cost, and of single numbers of one rule, in whitened moves."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.knowledge import objective as objectives
from hybrid.knowledge.objective import Objective
from hybrid.refinement.pins import Pins, treatment_of
from hybrid.treatment.types import Dry, Treatment

_QUICK = {"xla_backend_optimization_level": 0}
"""Compiled in half the time: the program runs once."""


class Slopes(NamedTuple):
    """Leaves of the treatments have an axis of rules, or of targets, in front."""

    cost: Float[Array, " rule"]
    """Of each rule, before its weight."""
    of_rules: Treatment
    """How each cost grows, through the parts that the rule may act on."""
    of_targets: Treatment
    """How each number asked for grows."""


def slopes_of(
    objective: Objective, dry: Dry, pins: Pins, unconstrained: Treatment, picks: Float[np.ndarray, "pick target"]
) -> Slopes:
    """Slopes at `unconstrained`, as refinement feels them: levels are after make-up.

    Each of `picks` has a one at a target in the row of all rules' targets, or none.
    """
    return Slopes(*_slopes(objective, dry, pins, unconstrained, picks))


@partial(jax.jit, compiler_options=_QUICK)
def _slopes(
    objective: Objective, dry: Dry, pins: Pins, unconstrained: Treatment, picks: Float[Array, "pick target"]
) -> tuple[Array, Treatment, Treatment]:
    def outcome(unconstrained: Treatment) -> tuple[Array, Array]:
        found = objectives.evaluate_before_makeup(objective, dry, treatment_of(unconstrained, pins))
        costs = objectives.penalties(objective, found, jnp.zeros_like(objective.weight))
        return costs, objectives.targets_of(objective, found).value

    (cost, value), vjp = jax.vjp(outcome, unconstrained)
    n_rules, n_picks = len(cost), len(picks)
    # one loop for both, so that the way back is compiled once
    along_cost = jnp.concatenate([jnp.eye(n_rules), jnp.zeros((n_picks, n_rules))])
    along_value = jnp.concatenate([jnp.zeros((n_rules, len(value))), picks])
    rows = jax.lax.map(lambda along: vjp(along)[0], (along_cost, along_value))
    return cost, jax.tree.map(lambda row: row[:n_rules], rows), jax.tree.map(lambda row: row[n_rules:], rows)
