"""Refines a treatment for one song: gradient descent on the rules, in whitened moves.

Rules that are required, and rules that the raw sum keeps, are constraints of an augmented Lagrangian: what was good
stays good. All others pull by their weights. Every 50 steps the gradients of the rules that cost most are measured,
each by itself: one that pulls harder than a unit is capped, and rules that pull against each other are noted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PyTree

from hybrid.knowledge import objective as objectives
from hybrid.knowledge.findings import BROKEN
from hybrid.knowledge.objective import NO_LIMIT, Ask, Objective, Output, Timing, project
from hybrid.measure.panel import raw_of
from hybrid.mixing.holds import UNLIMITED, Prices, beyond_limits
from hybrid.mixing.pins import Pins, treatment_of
from hybrid.mixing.programs import Kept
from hybrid.treatment.bounds import moves_of
from hybrid.treatment.makeup import before_make_up, made_up
from hybrid.treatment.types import Dry, Treatment, map_parts

ROUND_STEPS = 50
"""Steps between looks at the gradients of rules by themselves, at most."""
LOOKS = 8
"""Rules that are looked at each time: those that cost most. A rule that is kept has no gradient to look at."""
EXTRA_ROUNDS = 4
"""Rounds added at most, at the end, while a constraint is still broken."""
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
AT_ONCE = 4
"""Tasks that are refined side by side in one program; fewer are filled up. On two cores four take four times as long as
one, so that more would only waste what is filled up."""


class State(NamedTuple):
    """All that changes while refining."""

    moves: Treatment
    optimiser: optax.OptState
    cap: Float[Array, " rule"]
    multiplier: Float[Array, " target"]
    step: Float[Array, ""]
    cost: Float[Array, " rule"]
    """Of the last step, before weights."""


class Round(NamedTuple):
    """What was seen at the end of a round."""

    cost: Float[np.ndarray, " rule"]
    violation: Float[np.ndarray, ""]
    cosine: Float[np.ndarray, "rule rule"]
    """Zero for rules that were not looked at."""


class _Rounds(NamedTuple):
    """How many rounds there are, and steps in each."""

    n: int
    size: int

    @property
    def n_steps(self) -> int:
        return self.n * self.size

    @classmethod
    def of(cls, n_steps: int) -> _Rounds:
        """For one step at least."""
        size = min(n_steps, ROUND_STEPS)
        return cls(-(-n_steps // size), size)


class Refined(NamedTuple):
    """The result, and the course that led to it."""

    treatment: Treatment
    rounds: tuple[Round, ...]
    n_steps: int


def _round(
    size: int,
    n_steps: Float[Array, ""],
    objective: Objective,
    dry: Dry,
    pins: Pins,
    hold: Prices,
    in_turn: Float[Array, ""],
    state: State,
) -> tuple[list[Array], Float[Array, " rule"], Float[Array, ""], Float[Array, "rule rule"]]:
    """`size` steps of `n_steps` in all, then new caps.

    Returns the leaves of the new state, costs, how far the worst of what is kept at any price is beyond its limit in
    scales, and cosines.
    """
    optimiser = _optimiser()
    rate = optax.cosine_decay_schedule(RATE, 1, alpha=0.1)
    n_rules = len(objective.program.rules)
    raw = raw_of(dry)
    price = objectives.row_of(hold)
    marks = (price > 0.0).astype(jnp.float32)
    # an augmented Lagrangian of c <= 0 for each held target (catalogue 9.1), the mean over those of a rule; its
    # multiplier ends at the price, where the penalty goes on in a straight line
    rule = np.repeat(np.arange(n_rules), [len(each) for each in hold])
    share_of_mark = marks / jnp.maximum(objectives.by_rule(marks, rule, n_rules), 1.0)[rule]

    def costs(moves: Treatment, now: State) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        found = objectives.sought(objective, dry, treatment_of(moves, pins), raw)
        _, widen = objectives.timed(objective.timing, now.step / n_steps)
        beyond = beyond_limits(objectives.targets_of(objective, found))
        rho = _stiffness(now.step / n_steps)
        wanted = now.multiplier + rho * (beyond + MARGIN)
        pressed = jnp.clip(wanted, 0.0, price)
        above = price * jnp.maximum(wanted - price, 0.0)
        held = jnp.sum(share_of_mark * ((jnp.square(pressed) - jnp.square(now.multiplier)) / 2.0 + above) / rho)
        after = jnp.clip(now.multiplier + DUAL_RATE * rho * (beyond + MARGIN), 0.0, price)
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


@cache
def _program(size: int) -> Kept:
    return Kept(f"a round of {size} steps", partial(_round, size))


class _Variant(NamedTuple):
    """In what tasks of one song differ whose rules measure the same: what is asked, what it weighs, what is given and
    what is held."""

    ask: Ask
    weight: Float[Array, " rule"]
    timing: Timing
    output: Output
    pins: Pins
    hold: Prices
    in_turn: np.float32


def _variant_of(task: Task) -> _Variant:
    asked = task.objective
    return _Variant(asked.ask, asked.weight, asked.timing, asked.output, task.pins, task.hold, task.in_turn)


def _side_by_side(
    size: int, n_steps: Float[Array, ""], objective: Objective, dry: Dry, variants: _Variant, states: State
) -> tuple[list[Array], Array, Array, Array]:
    """A round of several tasks, whose variants and states have an axis more at the front, as everything returned."""

    def one(variant: _Variant, state: State) -> tuple[list[Array], Array, Array, Array]:
        own = replace(objective, ask=variant.ask, weight=variant.weight, timing=variant.timing, output=variant.output)
        return _round(size, n_steps, own, dry, variant.pins, variant.hold, jnp.asarray(variant.in_turn), state)

    return jax.vmap(one)(variants, states)


@cache
def _program_of_many(size: int) -> Kept:
    return Kept(f"a round of {size} steps of {AT_ONCE} tasks", partial(_side_by_side, size))


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


class Task(NamedTuple):
    """What refinement works on and within."""

    objective: Objective
    dry: Dry
    pins: Pins
    hold: Prices
    in_turn: np.float32 = np.float32(1.0)
    """1 if groups begin to move one after the other, 0 if all move at once: where a network has proposed the start."""


def prepare_rounds(task: Task, nothing: Treatment, n_steps: int) -> None:
    """Makes the program for any task and treatment of these shapes, if there are steps to make."""
    if n_steps:
        state = _begin(moves_of(nothing), task.hold, len(task.objective.program.rules), np.float32(0.0))
        rounds = _Rounds.of(n_steps)
        _program(rounds.size).prepare(np.float32(rounds.n_steps), *task, state)


def refine(
    task: Task,
    start: Treatment,
    n_steps: int,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> Refined:
    """The treatment that satisfies the rules best, from `start`. Deterministic.

    More than 50 steps are rounded up to whole rounds of 50; 0 returns the start.
    """
    if not n_steps:
        return _kept(task, start)
    rounds = _Rounds.of(n_steps)
    return _run(task, start, rounds, (0, rounds.n + EXTRA_ROUNDS), progress)


def refine_further(task: Task, refined: Refined) -> Refined:
    """The same a little further, in small steps, after what is asked has changed a little."""
    rounds = _Rounds.of(refined.n_steps)
    more = _run(task, refined.treatment, rounds, (rounds.n - 1, rounds.n + 2), lambda stage, share: None)
    return more._replace(rounds=(*refined.rounds, *more.rounds))


def refine_many(tasks: Sequence[Task], starts: Sequence[Treatment], n_steps: int) -> list[Refined]:
    """What `refine` finds for each task from each start, to rounding, for up to `AT_ONCE` tasks of one song whose rules
    measure the same of the same tracks: they are worked on side by side, and nothing is compiled for any alone."""
    pairs = list(zip(tasks, starts, strict=True))
    assert len(pairs) <= AT_ONCE
    if not n_steps:
        return [_kept(task, start) for task, start in pairs]
    return _run_many(pairs + pairs[-1:] * (AT_ONCE - len(pairs)), _Rounds.of(n_steps))[: len(pairs)]


def _run_many(pairs: Sequence[tuple[Task, Treatment]], asked: _Rounds) -> list[Refined]:
    """Rounds as `_run` makes them: each task keeps what it had when it was done, while others go on."""
    tasks = [task for task, _ in pairs]
    shared, n_rules = tasks[0], len(tasks[0].objective.program.rules)
    begun = [
        _begin(moves_of(before_make_up(task.dry, start)), task.hold, n_rules, np.float32(0.0)) for task, start in pairs
    ]
    states, variants = _stacked(begun), _stacked([_variant_of(task) for task in tasks])
    rounds: list[list[Round]] = [[] for _ in tasks]
    done: dict[int, Refined] = {}
    for number in range(asked.n + EXTRA_ROUNDS):
        leaves, *seen = _program_of_many(asked.size)(
            np.float32(asked.n_steps), shared.objective, shared.dry, variants, states
        )
        states = jax.tree.unflatten(jax.tree.structure(states), leaves)
        for index, each in enumerate(zip(*(np.asarray(part) for part in seen), strict=True)):
            if index in done:
                continue
            rounds[index].append(Round(*each))
            is_last = number + 1 == asked.n + EXTRA_ROUNDS
            if is_last or (number + 1 >= asked.n and rounds[index][-1].violation <= BROKEN / 2):
                moves = jax.tree.map(lambda x, index=index: x[index], states.moves)
                done[index] = Refined(_treatment(tasks[index], moves), tuple(rounds[index]), asked.n_steps)
        if len(done) == len(tasks):
            break
    return [done[index] for index in range(len(tasks))]


def _stacked(trees: Sequence[PyTree]) -> PyTree:
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *trees)


def _kept(task: Task, start: Treatment) -> Refined:
    return Refined(_treatment(task, moves_of(before_make_up(task.dry, start))), (), 0)


def _run(
    task: Task, start: Treatment, asked: _Rounds, span: tuple[int, int], progress: Callable[[str, float], None]
) -> Refined:
    """Rounds from the first of `span` to the last asked for, and on to the last of `span` while any hold breaks."""
    program = _program(asked.size)
    first, last = span
    moves = moves_of(before_make_up(task.dry, start))
    state = _begin(moves, task.hold, len(task.objective.program.rules), np.float32(first * asked.size))
    rounds: list[Round] = []
    for number in range(first, last):
        leaves, *seen = program(np.float32(asked.n_steps), *task, state)
        state = jax.tree.unflatten(jax.tree.structure(state), leaves)
        rounds.append(Round(*(np.asarray(each) for each in seen)))
        progress("refine", min(1.0, (number + 1) / asked.n))
        if number + 1 >= asked.n and rounds[-1].violation <= BROKEN / 2:
            break
    return Refined(_treatment(task, state.moves), tuple(rounds), asked.n_steps)


def _treatment(task: Task, moves: Treatment) -> Treatment:
    return project(task.objective, task.dry, made_up(task.dry, treatment_of(moves, task.pins)))


@partial(jax.jit, static_argnames="n_rules")
def _begin(moves: Treatment, hold: Prices, n_rules: int, step: Float[Array, ""]) -> State:
    multiplier = jnp.zeros_like(objectives.row_of(hold))
    ones = jnp.ones(n_rules)
    return State(moves, _optimiser().init(_leaves(moves)), ones, multiplier, step, ones)
