"""Refines a treatment for one song: gradient descent on the rules, in whitened moves.

Rules that are required, and rules that the raw sum keeps, are constraints of an augmented Lagrangian: what was good
stays good. All others pull by their weights. Every 50 steps the gradient of each rule is measured by itself:
one that pulls harder than a unit is capped, and rules that pull against each other are noted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from hybrid.audio.song import Song
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.findings import BROKEN
from hybrid.knowledge.objective import NO_LIMIT, Objective
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.types import PanPosition, RuleType
from hybrid.treatment.bounds import bounded, moves_of
from hybrid.treatment.types import Dry, Treatment, map_parts

ROUND_STEPS = 50
"""Steps between looks at the gradient of each rule by itself."""
EXTRA_ROUNDS = 4
"""Rounds added at most, at the end, while a constraint is still broken."""
RATE = 0.12
"""Whitened units per step at most: a third of a decibel of level."""
UNLOCK = {"eq": 0.15, "dynamics": 0.35}
"""Share of all steps after which a group begins to move: level and place first, then tone, then dynamics."""
MARGIN = 0.05
"""Constraints are held this many scales inside their limits, since rendering differs a little from prediction."""
RHO = (1.0, 20.0)
"""Stiffness of the constraints at the start and at the end; it grows geometrically."""
DUAL_RATE = 0.1
"""Share of the augmented Lagrangian's multiplier update that is made at every step."""


class Pins(NamedTuple):
    """Parts that are given: where `mask` is one, the treatment takes `value` and no gradient passes."""

    mask: Treatment
    value: Treatment


class State(NamedTuple):
    """All that changes while refining."""

    moves: Treatment
    optimiser: optax.OptState
    cap: Float[Array, " rule"]
    multiplier: tuple[Float[Array, " target"], ...]
    step: Float[Array, ""]


class Round(NamedTuple):
    """What was seen at the end of a round."""

    cost: Float[np.ndarray, " rule"]
    violation: float
    cosine: Float[np.ndarray, "rule rule"]


class Refined(NamedTuple):
    """The result, and the course that led to it."""

    treatment: Treatment
    rounds: tuple[Round, ...]
    n_steps: int


def pins_of(rules: Sequence[RuleType], objective: Objective, song: Song, nothing: Treatment) -> Pins:
    """Positions that a required rule fixes to a point, for mono tracks: met by construction.

    A stereo track's place depends on its balance over time, which no single number fixes.
    """
    zeros = jax.tree.map(jnp.zeros_like, nothing)
    mono = np.zeros(nothing.pan.position.shape, np.float32)
    mono[: len(song.tracks)] = [track.channels == 1 for track in song.tracks]
    mask, value = np.zeros_like(mono), np.zeros_like(mono)
    for rule, scope in zip(rules, objective.scopes, strict=True):
        if isinstance(rule, PanPosition) and rule.enabled and rule.kind == "require" and rule.target is not None:
            fixed = mono * np.asarray(scope.member)
            mask, value = np.maximum(mask, fixed), np.where(fixed > 0.0, rule.target, value)

    def with_position(position: Array) -> Treatment:
        return replace(zeros, pan=zeros.pan._replace(position=jnp.asarray(position, jnp.float32)))

    return Pins(with_position(mask), with_position(value))


def treatment_of(moves: Treatment, pins: Pins) -> Treatment:
    """The treatment that moves stand for, with pinned parts in place."""
    free = bounded(moves)
    return jax.tree.map(lambda mask, given, value: jnp.where(mask > 0, given, value), *pins, free)


def signed_excess(objective: Objective, read_of: tuple[Reading, ...]) -> tuple[Float[Array, " target"], ...]:
    """How far each target is outside its interval, in scales; negative inside."""
    ask = objective.ask
    return tuple(
        jnp.maximum(ask.low[i] - reading.value, reading.value - ask.high[i]) / ask.scale[i]
        for i, reading in enumerate(read_of)
    )


def kept(objective: Objective, read_of: tuple[Reading, ...]) -> Bool[np.ndarray, " rule"]:
    """Whether each rule is kept: no target exceeds its interval by more than a tenth of the scale."""
    beyond = signed_excess(objective, read_of)
    worst = [np.max(np.where(np.asarray(r.share) > 0, np.asarray(b), -np.inf)) for b, r in zip(beyond, read_of)]  # noqa: B905
    return np.array(worst) <= BROKEN


@partial(jax.jit, static_argnames="n_steps")
def _round(
    objective: Objective, dry: Dry, pins: Pins, guard: Float[Array, " rule"], state: State, n_steps: int
) -> tuple[State, Float[Array, " rule"], Float[Array, ""], Float[Array, "rule rule"]]:
    """`ROUND_STEPS` steps, then new caps. Returns costs, the worst violation in scales, and cosines."""
    optimiser = _optimiser(n_steps)

    def rules_at(moves: Treatment, step: Array) -> tuple[Array, tuple[Array, tuple[Reading, ...]]]:
        treatment = objectives.project(objective, dry, treatment_of(moves, pins))
        found = objectives.readings(objective, dry, treatment)
        share, widen = objectives.timed(objective.timing, step / n_steps)
        return objectives.penalties(objective, found, widen), (share, found)

    def cost(moves: Treatment, now: State) -> tuple[Array, tuple[Array, ...]]:
        each, (share, found) = rules_at(moves, now.step)
        beyond = tuple(c + MARGIN for c in signed_excess(objective, found))
        rho = _stiffness(now.step / n_steps)
        held = sum(
            guard[i] * _lagrangian(beyond[i], now.multiplier[i], rho, reading.share)
            for i, reading in enumerate(found)
        )
        multiplier = tuple(
            jnp.maximum(old + DUAL_RATE * rho * c, 0.0) * (reading.share > 0.0)
            for old, c, reading in zip(now.multiplier, beyond, found, strict=True)
        )
        return jnp.sum(objective.weight * share * now.cap * each) + held, multiplier

    def step(now: State, _: None) -> tuple[State, None]:
        gradient, multiplier = jax.grad(cost, has_aux=True)(now.moves, now)
        updates, optimiser_state = optimiser.update(gradient, now.optimiser, now.moves)
        moves = optax.apply_updates(now.moves, _unlocked(updates, now.step / n_steps))
        return State(moves, optimiser_state, now.cap, multiplier, now.step + 1.0), None

    state, _ = jax.lax.scan(step, state, None, length=ROUND_STEPS)
    each, pull, (_, found) = jax.vjp(lambda moves: rules_at(moves, state.step), state.moves, has_aux=True)
    rows = jax.lax.map(lambda unit: jax.flatten_util.ravel_pytree(pull(unit)[0])[0], jnp.eye(len(each)))
    norm = jnp.linalg.norm(rows, axis=1)
    directions = rows / jnp.maximum(norm, 1e-9)[:, None]
    beyond = zip(signed_excess(objective, found), found, strict=True)
    worst = jnp.stack([jnp.max(jnp.where(r.share > 0.0, c, -NO_LIMIT)) for c, r in beyond])
    violation = jnp.max(jnp.where(guard > 0.0, worst, -NO_LIMIT))
    return state._replace(cap=1.0 / jnp.maximum(norm, 1.0)), each, violation, directions @ directions.T


def _stiffness(progress: Array) -> Array:
    return RHO[0] * (RHO[1] / RHO[0]) ** jnp.minimum(progress, 1.0)


def _lagrangian(c: Array, multiplier: Array, rho: Array, share: Array) -> Array:
    """Augmented Lagrangian of c <= 0 (catalogue 9.1), the mean over targets."""
    each = (jnp.square(jnp.maximum(multiplier + rho * c, 0.0)) - jnp.square(multiplier)) / (2.0 * rho)
    present = share > 0.0
    return jnp.sum(jnp.where(present, each, 0.0)) / jnp.maximum(jnp.sum(present), 1.0)


def _optimiser(n_steps: int) -> optax.GradientTransformation:
    rate = optax.cosine_decay_schedule(RATE, n_steps, alpha=0.1)
    return optax.adam(rate, b1=0.9, b2=0.99, eps=1e-6)


def _unlocked(updates: Treatment, progress: Array) -> Treatment:
    def gated(part: str, update: Array) -> Array:
        return update * (progress >= UNLOCK.get(part.partition(".")[0], 0.0))

    return map_parts(gated, updates)


def refine(
    objective: Objective,
    dry: Dry,
    start: Treatment,
    pins: Pins,
    guard: Bool[np.ndarray, " rule"],
    n_steps: int,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> Refined:
    """The treatment that satisfies the rules best, from `start`. Deterministic.

    `guard` marks the rules that must be kept. `n_steps` is rounded up to whole rounds of 50; 0 returns the start.
    """
    if n_steps == 0:
        return Refined(objectives.project(objective, dry, treatment_of(moves_of(start), pins)), (), 0)
    n_rounds = -(-n_steps // ROUND_STEPS)
    n_steps = n_rounds * ROUND_STEPS
    moves = moves_of(start)
    found = jax.eval_shape(lambda m: objectives.readings(objective, dry, treatment_of(m, pins)), moves)
    state = State(
        moves=moves,
        optimiser=_optimiser(n_steps).init(moves),
        cap=jnp.ones(len(objective.weight)),
        multiplier=tuple(jnp.zeros(reading.value.shape) for reading in found),
        step=jnp.zeros(()),
    )
    marks = jnp.asarray(guard, jnp.float32)
    rounds: list[Round] = []
    while len(rounds) < n_rounds + EXTRA_ROUNDS:
        state, cost, violation, cosine = _round(objective, dry, pins, marks, state, n_steps)
        rounds.append(Round(np.asarray(cost), float(violation), np.asarray(cosine)))
        progress("refine", min(1.0, len(rounds) / n_rounds))
        if len(rounds) >= n_rounds and rounds[-1].violation <= BROKEN / 2:
            break
    treatment = objectives.project(objective, dry, treatment_of(state.moves, pins))
    return Refined(treatment, tuple(rounds), int(state.step))




class Conflict(NamedTuple):
    """Two rules that pulled against each other, and the share of the looks in which they did."""

    first: str
    second: str
    share: float


def conflicts(refined: Refined, rules: Sequence[RuleType]) -> tuple[Conflict, ...]:
    """Pairs of unsatisfied rules whose gradients opposed each other (cosine below -0.5) in a fifth of the looks."""
    if not refined.rounds:
        return ()
    unsatisfied = np.stack([look.cost > 1e-3 for look in refined.rounds])
    opposed = np.stack([look.cosine < -0.5 for look in refined.rounds])
    opposed &= unsatisfied[:, :, None] & unsatisfied[:, None, :]
    share = opposed.mean(axis=0)
    pairs = zip(*np.nonzero(np.triu(share > 0.2, 1)), strict=True)
    return tuple(Conflict(rules[i].id, rules[j].id, float(share[i, j])) for i, j in pairs)
