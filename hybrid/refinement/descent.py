"""Gradient descent on the rules, in unconstrained (whitened) coordinates: pure functions, to be compiled.

The cost is the weighted sum of the rules' penalties. Rules that are required, and rules that the raw sum keeps, are
inequality constraints besides, met by an augmented Lagrangian (Nocedal & Wright, Numerical Optimization, ch. 17). At
the end of a round the gradients of the rules that cost most are measured, each by itself: a gradient longer than one
is capped from then on, and the cosines between gradients show which rules oppose each other.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from hybrid.knowledge import objective as objectives
from hybrid.knowledge.objective import NO_LIMIT, Objective
from hybrid.measure.panel import raw_of
from hybrid.refinement.constraints import UNLIMITED, ConstraintWeights, beyond_limits
from hybrid.refinement.pins import Pins, treatment_of
from hybrid.treatment.parts import PARTS
from hybrid.treatment.types import Dry, Treatment, map_parts

N_COMPARED = 8
"""Rules whose gradients are measured by themselves at the end of a round: those that cost most. A satisfied rule has no
gradient."""
STEP, WHOLE = -1, -2
"""What `advance` does: a step, or the gradient of all rules."""
RATE = 0.12
"""Largest step of a coordinate, in whitened units: a third of a decibel of level."""
MARGIN = 0.05
"""Constraints are kept this many scales inside their limits, since rendering differs a little from prediction."""
RHO = (1.0, 20.0)
"""Stiffness of the constraints at the start and at the end; it grows geometrically."""
DUAL_RATE = 0.1
"""Share of the augmented Lagrangian's multiplier update that is made at every step."""


class Task(NamedTuple):
    """The data of one refinement: the rules, the song, and what limits the treatment."""

    objective: Objective
    dry: Dry
    pins: Pins
    constraints: ConstraintWeights
    in_turn: np.float32 = np.float32(1.0)
    """1 if groups begin to move one after the other, 0 if all move at once, as from a network's proposal."""


class State(NamedTuple):
    """Everything that changes from step to step."""

    unconstrained: Treatment
    optimiser: optax.OptState
    cap: Float[Array, " rule"]
    multiplier: Float[Array, " target"]
    step: Float[Array, ""]
    cost: Float[Array, " rule"]
    """Of the last step, before weights."""


def advance(
    n_steps: Float[Array, ""], task: Task, state: State, what: Int[Array, ""]
) -> tuple[list[Array], Float[Array, " coordinate"], Float[Array, ""]]:
    """The state after a step of `n_steps` in all, as leaves, and the gradient that it followed.

    If `what` is `STEP`. Of a number from 0 the state is as it was, and the gradient that of the rule of that rank by
    cost. Of `WHOLE` the gradient is that of all weighted penalties as they are in the end, without constraints, and the
    costs of the state are those of its treatment. Last, the largest violation of the unlimited constraints, in scales.
    """
    objective, constraints = task.objective, task.constraints
    optimiser = _optimiser()
    # down to a tenth of the rate over all rounds, so that the last steps settle
    rate = optax.cosine_decay_schedule(RATE, 1, alpha=0.1)
    n_rules = len(objective.program.rules)
    raw, progress = raw_of(task.dry), state.step / n_steps
    constraint_weight = objectives.row_of(constraints)
    is_constraint = (constraint_weight > 0.0).astype(jnp.float32)
    # a rule presses with the mean over its constraints, so that a rule on twelve tracks does not press twelve times
    rule = np.repeat(np.arange(n_rules), [len(each) for each in constraints])
    constraint_share = is_constraint / jnp.maximum(objectives.by_rule(is_constraint, rule, n_rules), 1.0)[rule]
    is_step, is_whole = what == STEP, what == WHOLE
    share, widen = objectives.timed(objective.timing, progress)

    def costs(unconstrained: Treatment) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        treatment = treatment_of(unconstrained, task.pins)
        rule_readings = objectives.evaluate_before_makeup(objective, task.dry, treatment, raw)
        beyond = beyond_limits(objectives.targets_of(objective, rule_readings))
        each, multiplier = _augmented_lagrangian(beyond, constraint_weight, state.multiplier, _stiffness(progress))
        constrained = jnp.sum(constraint_share * each)
        worst = jnp.max(jnp.where(constraint_weight >= UNLIMITED, beyond, -NO_LIMIT), initial=-NO_LIMIT)
        penalties = objectives.penalties(objective, rule_readings, jnp.where(is_whole, 0.0, widen))
        return (penalties, constrained), (multiplier, worst)

    (each, _), vjp, (multiplier, worst) = jax.vjp(costs, state.unconstrained, has_aux=True)
    # reverse mode gives the gradient of any weighted sum of costs: the cotangents are its weights
    rank = jnp.argsort(costliest_first(objective.weight, state.cost))
    one_rule = (rank == what).astype(jnp.float32)
    weights = jnp.where(is_whole, objective.weight, one_rule)
    cotangent = jnp.where(is_step, objective.weight * share * state.cap, weights)
    (gradient,) = vjp((cotangent, is_step.astype(jnp.float32)))
    updates, optimiser_state = optimiser.update(_leaves(gradient), state.optimiser)
    updates = jax.tree.unflatten(jax.tree.structure(state.unconstrained), jax.tree.leaves(updates))
    updates = _unlocked(updates, progress, jnp.asarray(task.in_turn))
    unconstrained = jax.tree.map(lambda x, up: x - rate(progress) * up, state.unconstrained, updates)
    # multipliers follow the violations seen before the step: primal and dual variables move together
    after = State(unconstrained, optimiser_state, state.cap, multiplier, state.step + 1.0, each)
    after = jax.tree.map(lambda new, old: jnp.where(is_step, new, old), after, state)
    after = after._replace(cost=jnp.where(is_whole, each, after.cost))
    return jax.tree.leaves(after), jax.flatten_util.ravel_pytree(gradient)[0], worst


def descend(
    size: int, n_steps: Float[Array, ""], task: Task, state: State
) -> tuple[list[Array], Float[Array, " rule"], Float[Array, ""], Float[Array, "rule rule"]]:
    """The state after a round of `size` steps of `n_steps` in all, as leaves, and how the round ended.

    After the leaves: cost of each rule; the largest violation of the unlimited constraints, in scales; cosines between
    the gradients of rules, zero for rules that were not compared.
    """
    objective, tree = task.objective, jax.tree.structure(state)

    def once(leaves: list[Array], what: Array) -> tuple[list[Array], tuple[Array, Array]]:
        leaves, gradient, worst = advance(n_steps, task, jax.tree.unflatten(tree, leaves), what)
        return leaves, (gradient, worst)

    # one loop for both, so that the rules are traced and compiled once
    what = jnp.concatenate([jnp.full(size, STEP), jnp.arange(n_compared(objective))])
    leaves, (gradients, worst) = jax.lax.scan(once, jax.tree.leaves(state), what)
    state = jax.tree.unflatten(tree, leaves)
    asks = np.array([rule.asks for rule in objective.program.rules], bool)
    cap, cosine = caps_and_cosines(objective.weight, asks, state.cap, state.cost, gradients[size:])
    return jax.tree.leaves(state._replace(cap=cap)), state.cost, worst[-1], cosine


def n_compared(objective: Objective) -> int:
    """The number of rules whose gradients are measured by themselves."""
    return min(N_COMPARED, len(objective.program.rules))


def _augmented_lagrangian(
    beyond: Float[Array, " target"],
    constraint_weight: Float[Array, " target"],
    multiplier: Float[Array, " target"],
    rho: Float[Array, ""],
) -> tuple[Float[Array, " target"], Float[Array, " target"]]:
    """Cost of each constraint c <= 0, whose c is `beyond` in scales and a margin, and its next multiplier.

    Nocedal & Wright, Numerical Optimization, ch. 17, with multipliers between 0 and the constraint's weight w: where
    the multiplier would exceed w the cost goes on with slope w, which is the exact (l1) penalty of that weight.
    """
    # the gradient of the cost by c is the multiplier estimate mu + rho c, cut to its bounds
    estimate = multiplier + rho * (beyond + MARGIN)
    bounded = jnp.clip(estimate, 0.0, constraint_weight)
    straight = constraint_weight * jnp.maximum(estimate - constraint_weight, 0.0)
    cost = ((jnp.square(bounded) - jnp.square(multiplier)) / 2.0 + straight) / rho
    # the method updates mu after an inner minimisation; here a share of the update follows every step of descent
    return cost, jnp.clip(multiplier + DUAL_RATE * rho * (beyond + MARGIN), 0.0, constraint_weight)


@jax.jit
def caps_and_cosines(
    weight: Float[Array, " rule"],
    asks: Bool[Array, " rule"],
    cap: Float[Array, " rule"],
    cost: Float[Array, " rule"],
    gradients: Float[Array, "compared coordinate"],
) -> tuple[Float[Array, " rule"], Float[Array, "rule rule"]]:
    """New caps from the gradients of the rules that cost most, and the cosines between those; `asks` tells which rules
    have limits."""
    n_rules, compared = len(weight), costliest_first(weight, cost)[: len(gradients)]
    norm = jnp.linalg.norm(gradients, axis=1)
    directions = gradients / jnp.maximum(norm, 1e-9)[:, None]
    cosine = jnp.zeros((n_rules, n_rules)).at[compared[:, None], compared[None, :]].set(directions @ directions.T)
    # a cap brings a gradient down to length one before the weight, so that no rule prevails by being steep
    cap = cap.at[compared].set(1.0 / jnp.maximum(norm, 1.0))
    # a rule without limits asks for little change overall, and is meant to weigh more the more is changed
    return jnp.where(asks, cap, 1.0), cosine


def costliest_first(weight: Float[Array, " rule"], cost: Float[Array, " rule"]) -> Int[Array, " rule"]:
    """Indices of the rules by weighted cost, the largest first."""
    return jnp.argsort(-weight * cost)


def _stiffness(progress: Array) -> Array:
    """Stiffness rho when `progress` of 0 to 1 is done; constant in rounds that are added at the end."""
    return RHO[0] * (RHO[1] / RHO[0]) ** jnp.minimum(progress, 1.0)


def _leaves(unconstrained: Treatment) -> tuple[Array, ...]:
    """The parts in order, as a tuple: a pytree that optax's types accept."""
    return tuple(jax.tree.leaves(unconstrained))


def _optimiser() -> optax.GradientTransformation:
    # Adam (Kingma & Ba 2015) divides by the root mean square of past gradients: a step is about one rate for every
    # coordinate, whatever the unit and weight of the rules that act on it
    return optax.scale_by_adam(b1=0.9, b2=0.99, eps=1e-6)


def _unlocked(updates: Treatment, progress: Array, in_turn: Float[Array, ""]) -> Treatment:
    """The updates, zero for parts whose turn has not come: levels settle before tone and dynamics react to them."""

    def gated(part: str, update: Array) -> Array:
        return update * (progress >= in_turn * PARTS[part].unlock)

    return map_parts(gated, updates)


@partial(jax.jit, static_argnames="n_rules")
def initial_state(
    unconstrained: Treatment, constraints: ConstraintWeights, n_rules: int, step: Float[Array, ""]
) -> State:
    """The state before the first step, counted as step number `step` for schedules and stiffness."""
    multiplier = jnp.zeros_like(objectives.row_of(constraints))
    ones = jnp.ones(n_rules)
    return State(unconstrained, _optimiser().init(_leaves(unconstrained)), ones, multiplier, step, ones)
