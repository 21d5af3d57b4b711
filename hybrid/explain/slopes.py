"""Gradients at a treatment, by its unconstrained (whitened) coordinates: of each rule's cost, and of single targets."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.compiled import seldom
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.objective import Objective
from hybrid.refinement.pins import Pins, treatment_of
from hybrid.treatment.types import Dry, Treatment


class Slopes(NamedTuple):
    """Costs and gradients. Leaves of the gradients have an axis of rules, or of selected targets, in front."""

    cost: Float[Array, " rule"]
    """Of each rule, before its weight."""
    cost_gradient: Treatment
    """Of each rule's cost, by the parts that the rule acts on."""
    value_gradient: Treatment
    """Of the value of each selected target."""


def slopes_of(
    objective: Objective, dry: Dry, pins: Pins, unconstrained: Treatment, selected: Float[np.ndarray, "selected target"]
) -> Slopes:
    """Gradients at `unconstrained`, whose levels are after make-up gain, as in refinement.

    Each row of `selected` has a one at a target in the row of all rules' targets, or is zero.
    """
    return Slopes(*_slopes(objective, dry, pins, unconstrained, selected))


@seldom()
def _slopes(
    objective: Objective, dry: Dry, pins: Pins, unconstrained: Treatment, selected: Float[Array, "selected target"]
) -> tuple[Array, Treatment, Treatment]:
    def costs_and_values(unconstrained: Treatment) -> tuple[Array, Array]:
        rule_readings = objectives.evaluate_before_makeup(objective, dry, treatment_of(unconstrained, pins))
        costs = objectives.penalties(objective, rule_readings, jnp.zeros_like(objective.weight))
        return costs, objectives.targets_of(objective, rule_readings).value

    (cost, value), vjp = jax.vjp(costs_and_values, unconstrained)
    n_rules, n_selected = len(cost), len(selected)
    # reverse mode gives one row of the Jacobian for each cotangent: a one at a cost, or at the value of a target.
    # one loop over both, so that the backward pass is compiled once
    by_cost = jnp.concatenate([jnp.eye(n_rules), jnp.zeros((n_selected, n_rules))])
    by_value = jnp.concatenate([jnp.zeros((n_rules, len(value))), selected])
    rows = jax.lax.map(lambda cotangents: vjp(cotangents)[0], (by_cost, by_value))
    return cost, jax.tree.map(lambda row: row[:n_rules], rows), jax.tree.map(lambda row: row[n_rules:], rows)
