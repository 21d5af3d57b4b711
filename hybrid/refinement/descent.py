"""A round of gradient descent on the rules, in whitened moves: pure functions, to be compiled.

Rules that are required, and rules that the raw sum keeps, are constraints of an augmented Lagrangian: what was good
stays good. All others pull by their weights. At the end of a round the gradients of the rules that cost most are
measured, each by itself: one that pulls harder than a unit is capped, and rules that pull against each other are noted.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from hybrid.knowledge import objective as objectives
from hybrid.knowledge.objective import NO_LIMIT, Objective
from hybrid.measure.panel import raw_of
from hybrid.refinement.constraints import UNLIMITED, Prices, beyond_limits
from hybrid.refinement.pins import Pins, treatment_of
from hybrid.treatment.types import Dry, Treatment, map_parts

LOOKS = 8
"""Rules that are looked at each time: those that cost most. A rule that is kept has no gradient to look at."""
RATE = 0.12
"""Whitened units per step at most: a third of a decibel of level."""
UNLOCK = {"eq": 0.15, "dynamics": 0.35, "reverb": 0.35}
"""Share of all steps after which a group begins to move: level and place first, then tone, then the rest. Where a start
proposes something in all groups, all move at once."""
MARGIN = 0.05
"""Constraints are held this many scales inside their limits, since rendering differs a little from prediction."""
RHO = (1.0, 20.0)
"""Stiffness of the constraints at the start and at the end; it grows geometrically."""
DUAL_RATE = 0.1
"""Share of the augmented Lagrangian's multiplier update that is made at every step."""


class State(NamedTuple):
    """All that changes while refining."""

    moves: Treatment
    optimiser: optax.OptState
    cap: Float[Array, " rule"]
    multiplier: Float[Array, " target"]
    step: Float[Array, ""]
    cost: Float[Array, " rule"]
    """Of the last step, before weights."""


def descend(
    size: int,
    n_steps: Float[Array, ""],
    objective: Objective,
    dry: Dry,
    pins: Pins,
    hold: Prices,
    in_turn: Float[Array, ""],
    state: State,
) -> tuple[list[Array], Float[Array, " rule"], Float[Array, ""], Float[Array, "rule rule"]]:
    """A round: `size` steps of `n_steps` in all, then new caps.

    Returns the leaves of the new state, costs, how far the worst of what is kept at any price is beyond its limit in
    scales, and cosines.
    """
    optimiser = _optimiser()
    rate = optax.cosine_decay_schedule(RATE, 1, alpha=0.1)
    n_rules = len(objective.program.rules)
    raw = raw_of(dry)
    price = objectives.row_of(hold)
    marks = (price > 0.0).astype(jnp.float32)
    # the mean over what is held of a rule
    rule = np.repeat(np.arange(n_rules), [len(each) for each in hold])
    share_of_mark = marks / jnp.maximum(objectives.by_rule(marks, rule, n_rules), 1.0)[rule]

    def costs(moves: Treatment, now: State) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        found = objectives.sought(objective, dry, treatment_of(moves, pins), raw)
        _, widen = objectives.timed(objective.timing, now.step / n_steps)
        beyond = beyond_limits(objectives.targets_of(objective, found))
        rho = _stiffness(now.step / n_steps)
        each, after = _pressed(beyond, price, now.multiplier, rho)
        held = jnp.sum(share_of_mark * each)
        worst = jnp.max(jnp.where(price >= UNLIMITED, beyond, -NO_LIMIT), initial=-NO_LIMIT)
        return (objectives.penalties(objective, found, widen), held), (after, worst)

    def look(now: State, place: Array) -> tuple[State, tuple[Array, Array]]:
        """A step if `place` is negative; else only the gradient of the rule that costs so many less than the most."""
        (each, _), pull, (multiplier, worst) = jax.vjp(lambda moves: costs(moves, now), now.moves, has_aux=True)
        is_step = place < 0
        alone = jnp.where(is_step, 0.0, 1.0) * (jnp.arange(n_rules) == _costliest(objective, now)[place])
        share, _ = objectives.timed(objective.timing, now.step / n_steps)
        pulls = jnp.where(is_step, objective.weight * share * now.cap, alone)
        (gradient,) = pull((pulls, is_step.astype(jnp.float32)))
        updates, optimiser_state = optimiser.update(_leaves(gradient), now.optimiser)
        updates = jax.tree.unflatten(jax.tree.structure(now.moves), jax.tree.leaves(updates))
        updates = _unlocked(updates, now.step / n_steps, in_turn)
        moves = jax.tree.map(lambda x, up: x - rate(now.step / n_steps) * up, now.moves, updates)
        after = State(moves, optimiser_state, now.cap, multiplier, now.step + 1.0, each)
        after = jax.tree.map(lambda new, old: jnp.where(is_step, new, old), after, now)
        return after, (jax.flatten_util.ravel_pytree(gradient)[0], worst)

    # one loop for both, so that the rules are traced and compiled once
    places = jnp.concatenate([jnp.full(size, -1), jnp.arange(min(LOOKS, n_rules))])
    state, (rows, worst) = jax.lax.scan(look, state, places)
    cap, cosine = _compared(objective, state, rows[size:])
    state = state._replace(cap=cap)
    return jax.tree.leaves(state), state.cost, worst[-1], cosine


def _pressed(
    beyond: Float[Array, " target"],
    price: Float[Array, " target"],
    multiplier: Float[Array, " target"],
    rho: Float[Array, ""],
) -> tuple[Float[Array, " target"], Float[Array, " target"]]:
    """What it costs each target to be beyond its limit, in scales, and its next multiplier: an augmented Lagrangian of
    c <= 0 (Rockafellar 1973) whose multiplier ends at the price, where the penalty goes on in a straight line."""
    wanted = multiplier + rho * (beyond + MARGIN)
    pressed = jnp.clip(wanted, 0.0, price)
    above = price * jnp.maximum(wanted - price, 0.0)
    cost = ((jnp.square(pressed) - jnp.square(multiplier)) / 2.0 + above) / rho
    return cost, jnp.clip(multiplier + DUAL_RATE * rho * (beyond + MARGIN), 0.0, price)


def _compared(
    objective: Objective, state: State, rows: Float[Array, "look move"]
) -> tuple[Float[Array, " rule"], Float[Array, "rule rule"]]:
    """New caps from the gradients of the rules that cost most, and the cosines between those."""
    n_rules, seen = len(objective.program.rules), _costliest(objective, state)[: len(rows)]
    norm = jnp.linalg.norm(rows, axis=1)
    directions = rows / jnp.maximum(norm, 1e-9)[:, None]
    cosine = jnp.zeros((n_rules, n_rules)).at[seen[:, None], seen[None, :]].set(directions @ directions.T)
    # what asks for nothing but to do little weighs against all that is done, however much that is
    asks = np.array([rule.asks for rule in objective.program.rules])
    cap = state.cap.at[seen].set(1.0 / jnp.maximum(norm, 1.0))
    return jnp.where(asks, cap, 1.0), cosine


def _costliest(objective: Objective, state: State) -> Int[Array, " rule"]:
    """Rules by what they cost, weights and all, the most first."""
    return jnp.argsort(-objective.weight * state.cost)


def _stiffness(progress: Array) -> Array:
    return RHO[0] * (RHO[1] / RHO[0]) ** jnp.minimum(progress, 1.0)


def _leaves(moves: Treatment) -> tuple[Array, ...]:
    """The parts in order, a kind of tree that optax's types know."""
    return tuple(jax.tree.leaves(moves))


def _optimiser() -> optax.GradientTransformation:
    return optax.scale_by_adam(b1=0.9, b2=0.99, eps=1e-6)


def _unlocked(updates: Treatment, progress: Array, in_turn: Float[Array, ""]) -> Treatment:
    def gated(part: str, update: Array) -> Array:
        return update * (progress >= in_turn * UNLOCK.get(part.partition(".")[0], 0.0))

    return map_parts(gated, updates)


@partial(jax.jit, static_argnames="n_rules")
def begin(moves: Treatment, hold: Prices, n_rules: int, step: Float[Array, ""]) -> State:
    """The state before a first step, as if so many had been made."""
    multiplier = jnp.zeros_like(objectives.row_of(hold))
    ones = jnp.ones(n_rules)
    return State(moves, _optimiser().init(_leaves(moves)), ones, multiplier, step, ones)
