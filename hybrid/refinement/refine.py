"""Refines a treatment for one song, in rounds of 50 steps of descent, until what must be kept is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from hybrid.compiled import ExportedFunction
from hybrid.knowledge.findings import BROKEN
from hybrid.knowledge.objective import Ask, Objective, Output, Timing, project
from hybrid.refinement.constraints import ConstraintWeights
from hybrid.refinement.descent import State, descend, initial_state
from hybrid.refinement.pins import Pins, treatment_of
from hybrid.treatment.bounds import unconstrain
from hybrid.treatment.makeup import apply_makeup, undo_makeup
from hybrid.treatment.types import Dry, Treatment

ROUND_STEPS = 50
"""Steps between looks at the gradients of rules by themselves, at most."""
EXTRA_ROUNDS = 4
"""Rounds added at most, at the end, while a constraint is still broken."""
AT_ONCE = 4
"""Tasks that are refined side by side in one program; fewer are filled up. On two cores four take four times as long as
one, so that more would only waste what is filled up."""


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


@cache
def _program(size: int) -> ExportedFunction:
    return ExportedFunction(f"a round of {size} steps", partial(descend, size))


class _Variant(NamedTuple):
    """In what tasks of one song differ whose rules measure the same: what is asked, what it weighs, what is given and
    what is held."""

    ask: Ask
    weight: Float[Array, " rule"]
    timing: Timing
    output: Output
    pins: Pins
    constraints: ConstraintWeights
    in_turn: np.float32


def _variant_of(task: Task) -> _Variant:
    asked = task.objective
    return _Variant(asked.ask, asked.weight, asked.timing, asked.output, task.pins, task.constraints, task.in_turn)


def _side_by_side(
    size: int, n_steps: Float[Array, ""], objective: Objective, dry: Dry, variants: _Variant, states: State
) -> tuple[list[Array], Array, Array, Array]:
    """A round of several tasks, whose variants and states have an axis more at the front, as everything returned."""

    def one(variant: _Variant, state: State) -> tuple[list[Array], Array, Array, Array]:
        own = replace(objective, ask=variant.ask, weight=variant.weight, timing=variant.timing, output=variant.output)
        return descend(size, n_steps, own, dry, variant.pins, variant.constraints, jnp.asarray(variant.in_turn), state)

    return jax.vmap(one)(variants, states)


@cache
def _program_of_many(size: int) -> ExportedFunction:
    return ExportedFunction(f"a round of {size} steps of {AT_ONCE} tasks", partial(_side_by_side, size))


class Task(NamedTuple):
    """What refinement works on and within."""

    objective: Objective
    dry: Dry
    pins: Pins
    constraints: ConstraintWeights
    in_turn: np.float32 = np.float32(1.0)
    """1 if groups begin to move one after the other, 0 if all move at once: where a network has proposed the start."""


def prepare_rounds(task: Task, nothing: Treatment, n_steps: int) -> None:
    """Makes the program for any task and treatment of these shapes, if there are steps to make."""
    if n_steps:
        state = initial_state(
            unconstrain(nothing), task.constraints, len(task.objective.program.rules), np.float32(0.0)
        )
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
        initial_state(unconstrain(undo_makeup(task.dry, start)), task.constraints, n_rules, np.float32(0.0))
        for task, start in pairs
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
                unconstrained = jax.tree.map(lambda x, index=index: x[index], states.unconstrained)
                done[index] = Refined(_treatment(tasks[index], unconstrained), tuple(rounds[index]), asked.n_steps)
        if len(done) == len(tasks):
            break
    return [done[index] for index in range(len(tasks))]


def _stacked(trees: Sequence[PyTree]) -> PyTree:
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *trees)


def _kept(task: Task, start: Treatment) -> Refined:
    return Refined(_treatment(task, unconstrain(undo_makeup(task.dry, start))), (), 0)


def _run(
    task: Task, start: Treatment, asked: _Rounds, span: tuple[int, int], progress: Callable[[str, float], None]
) -> Refined:
    """Rounds from the first of `span` to the last asked for, and on to the last of `span` while any hold breaks."""
    program = _program(asked.size)
    first, last = span
    unconstrained = unconstrain(undo_makeup(task.dry, start))
    state = initial_state(
        unconstrained, task.constraints, len(task.objective.program.rules), np.float32(first * asked.size)
    )
    rounds: list[Round] = []
    for number in range(first, last):
        leaves, *seen = program(np.float32(asked.n_steps), *task, state)
        state = jax.tree.unflatten(jax.tree.structure(state), leaves)
        rounds.append(Round(*(np.asarray(each) for each in seen)))
        progress("refine", min(1.0, (number + 1) / asked.n))
        if number + 1 >= asked.n and rounds[-1].violation <= BROKEN / 2:
            break
    return Refined(_treatment(task, state.unconstrained), tuple(rounds), asked.n_steps)


def _treatment(task: Task, unconstrained: Treatment) -> Treatment:
    return project(task.objective, task.dry, apply_makeup(task.dry, treatment_of(unconstrained, task.pins)))
