"""Refinement of a treatment for one song: rounds of 50 steps of descent, until the unlimited constraints are met."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from hybrid.compiled import ExportedFunction
from hybrid.knowledge.findings import BROKEN
from hybrid.knowledge.objective import Ask, Objective, Output, Timing, log_cost, project
from hybrid.refinement.constraints import ConstraintWeights
from hybrid.refinement.descent import (
    STEP,
    WHOLE,
    State,
    Task,
    advance,
    caps_and_cosines,
    descend,
    initial_state,
    n_compared,
)
from hybrid.refinement.pins import Pins, treatment_of
from hybrid.treatment.bounds import unconstrain
from hybrid.treatment.makeup import apply_makeup, undo_makeup
from hybrid.treatment.types import Dry, Treatment

ROUND_STEPS = 50
"""Steps in a round at most, after which the gradients of single rules are compared."""
EXTRA_ROUNDS = 4
"""Rounds added at most, at the end, while an unlimited constraint is still broken."""
AT_ONCE = 4
"""Tasks that are refined side by side in one program; fewer are filled up with copies. On two cores four take four
times as long as one, so that a larger number would gain nothing and cost more for the copies."""


class Round(NamedTuple):
    """Costs, violation and conflicts at the end of a round."""

    cost: Float[np.ndarray, " rule"]
    """Before weights."""
    violation: Float[np.ndarray, ""]
    """The largest of the unlimited constraints, in scales; negative where all are met."""
    cosine: Float[np.ndarray, "rule rule"]
    """Between the gradients of rules; zero for rules that were not compared."""


class _RoundPlan(NamedTuple):
    """The number of rounds, and of steps in each."""

    n: int
    size: int

    @property
    def n_steps(self) -> int:
        return self.n * self.size

    @classmethod
    def of(cls, n_steps: int) -> _RoundPlan:
        """Rounds of at most `ROUND_STEPS` steps, `n_steps` or a few more in all; `n_steps` is at least 1."""
        size = min(n_steps, ROUND_STEPS)
        return cls(-(-n_steps // size), size)


class Refined(NamedTuple):
    """The refined treatment, the rounds that led to it, and the steps asked for, rounded up to whole rounds."""

    treatment: Treatment
    rounds: tuple[Round, ...]
    n_steps: int

    def __repr__(self) -> str:
        return f"Refined({self.treatment!r}, {len(self.rounds)} rounds, {self.n_steps} steps)"


_ADVANCE = ExportedFunction("a step", advance)


class _Variant(NamedTuple):
    """The data in which tasks of one song differ whose rules measure the same."""

    ask: Ask
    weight: Float[Array, " rule"]
    timing: Timing
    output: Output
    pins: Pins
    constraints: ConstraintWeights
    in_turn: np.float32


def _variant_of(task: Task) -> _Variant:
    objective = task.objective
    return _Variant(
        objective.ask, objective.weight, objective.timing, objective.output, task.pins, task.constraints, task.in_turn
    )


def _side_by_side(
    size: int, n_steps: Float[Array, ""], objective: Objective, dry: Dry, variants: _Variant, states: State
) -> tuple[list[Array], Array, Array, Array]:
    """The results of `descend` for several tasks, with an axis of tasks in front, as `variants` and `states` have."""

    def one(variant: _Variant, state: State) -> tuple[list[Array], Array, Array, Array]:
        own = replace(objective, ask=variant.ask, weight=variant.weight, timing=variant.timing, output=variant.output)
        task = Task(own, dry, variant.pins, variant.constraints, variant.in_turn)
        return descend(size, n_steps, task, state)

    return jax.vmap(one)(variants, states)


@cache
def _program_of_many(size: int) -> ExportedFunction:
    return ExportedFunction(f"a round of {size} steps of {AT_ONCE} tasks", partial(_side_by_side, size))


def prepare_steps(task: Task, nothing: Treatment) -> None:
    """Compiles the program of a step, and of the gradient of all rules, for tasks and treatments of these shapes."""
    _ADVANCE.prepare(np.float32(0.0), task, _first_state(task, unconstrain(nothing)), np.int32(STEP))


def negative_gradient(task: Task) -> Callable[[Treatment], tuple[Float[Array, ""], Treatment]]:
    """As `objective.negative_gradient`, of the rules of a task, by the program that its refinement takes steps with."""
    advanced = _ADVANCE.bound(np.float32(1.0), task)
    weight = np.asarray(task.objective.weight)

    def of(unconstrained: Treatment) -> tuple[Float[Array, ""], Treatment]:
        state = _first_state(task, unconstrained)
        leaves, gradient, _ = advanced(state, np.int32(WHOLE))
        cost = jax.tree.unflatten(jax.tree.structure(state), leaves).cost
        return _downhill(weight, cost, gradient, unconstrained)

    return of


@jax.jit
def _downhill(
    weight: Float[Array, " rule"],
    cost: Float[Array, " rule"],
    gradient: Float[Array, " coordinate"],
    unconstrained: Treatment,
) -> tuple[Float[Array, ""], Treatment]:
    """The logarithm of the weighted cost and its negative gradient, from that of the cost itself."""
    weighted = weight @ cost
    descent = jax.flatten_util.ravel_pytree(unconstrained)[1](-gradient / (1.0 + weighted))
    return log_cost(weighted), descent


def _first_state(task: Task, unconstrained: Treatment, step: int = 0) -> State:
    return initial_state(unconstrained, task.constraints, len(task.objective.program.rules), np.float32(step))


def refine(
    task: Task,
    start: Treatment,
    n_steps: int,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> Refined:
    """The treatment after descent from `start`, at its output level. Deterministic.

    More than 50 steps are rounded up to whole rounds of 50; 0 returns the start. `progress` is called after every round
    with the stage, "refine", and the share that is done.
    """
    if not n_steps:
        return _unrefined(task, start)
    plan = _RoundPlan.of(n_steps)
    return _run(task, start, plan, (0, plan.n + EXTRA_ROUNDS), progress)


def refine_further(task: Task, refined: Refined) -> Refined:
    """The treatment after one to three more rounds, for limits in `task` that differ a little from the ones before."""
    plan = _RoundPlan.of(refined.n_steps)
    # counted as the last round, whose steps are the smallest: the treatment is near its optimum already
    more = _run(task, refined.treatment, plan, (plan.n - 1, plan.n + 2), lambda stage, share: None)
    return more._replace(rounds=(*refined.rounds, *more.rounds))


def refine_many(tasks: Sequence[Task], starts: Sequence[Treatment], n_steps: int) -> list[Refined]:
    """The results of `refine` for each task from each start, equal to it up to rounding.

    For up to `AT_ONCE` tasks of one song whose rules measure the same: one compiled program refines them side by side.
    """
    pairs = list(zip(tasks, starts, strict=True))
    assert len(pairs) <= AT_ONCE
    if not n_steps:
        return [_unrefined(task, start) for task, start in pairs]
    return _run_many(pairs + pairs[-1:] * (AT_ONCE - len(pairs)), _RoundPlan.of(n_steps))[: len(pairs)]


def _run_many(pairs: Sequence[tuple[Task, Treatment]], plan: _RoundPlan) -> list[Refined]:
    """Results of rounds as `_run` makes them: each task ends with its own round, while others go on."""
    tasks = [task for task, _ in pairs]
    shared = tasks[0]
    initial = [_first_state(task, unconstrain(undo_makeup(task.dry, start))) for task, start in pairs]
    states, variants = _stacked(initial), _stacked([_variant_of(task) for task in tasks])
    rounds: list[list[Round]] = [[] for _ in tasks]
    done: dict[int, Refined] = {}
    for number in range(plan.n + EXTRA_ROUNDS):
        leaves, *outcome = _program_of_many(plan.size)(
            np.float32(plan.n_steps), shared.objective, shared.dry, variants, states
        )
        states = jax.tree.unflatten(jax.tree.structure(states), leaves)
        for index, each in enumerate(zip(*(np.asarray(part) for part in outcome), strict=True)):
            # a task that has ended is computed along with the others, since shapes are fixed, and ignored
            if index in done:
                continue
            rounds[index].append(Round(*each))
            is_last = number + 1 == plan.n + EXTRA_ROUNDS
            if is_last or (number + 1 >= plan.n and rounds[index][-1].violation <= BROKEN / 2):
                unconstrained = jax.tree.map(lambda x, index=index: x[index], states.unconstrained)
                done[index] = Refined(_treatment(tasks[index], unconstrained), tuple(rounds[index]), plan.n_steps)
        if len(done) == len(tasks):
            break
    return [done[index] for index in range(len(tasks))]


def _stacked(trees: Sequence[PyTree]) -> PyTree:
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *trees)


def _unrefined(task: Task, start: Treatment) -> Refined:
    """The start, with pinned parts in place and its output level solved."""
    return Refined(_treatment(task, unconstrain(undo_makeup(task.dry, start))), (), 0)


def _run(
    task: Task, start: Treatment, plan: _RoundPlan, span: tuple[int, int], progress: Callable[[str, float], None]
) -> Refined:
    """The result of rounds from the first of `span` to the last of `plan`, and on to the last of `span` at most while
    an unlimited constraint is broken."""
    advanced = _ADVANCE.bound(np.float32(plan.n_steps), task)
    first, last = span
    # in descent, levels are those after make-up; the start is an ordinary treatment
    state = _first_state(task, unconstrain(undo_makeup(task.dry, start)), first * plan.size)
    rounds: list[Round] = []
    for number in range(first, last):
        state, outcome = _round(task, advanced, state, plan.size)
        rounds.append(outcome)
        progress("refine", min(1.0, (number + 1) / plan.n))
        # half of what counts as broken, since rendering differs a little from prediction
        if number + 1 >= plan.n and rounds[-1].violation <= BROKEN / 2:
            break
    return Refined(_treatment(task, state.unconstrained), tuple(rounds), plan.n_steps)


def _round(task: Task, advanced: Callable[..., tuple], state: State, size: int) -> tuple[State, Round]:
    """The state after a round of `size` steps, as `descend` makes it, and how the round ended."""
    tree, objective = jax.tree.structure(state), task.objective
    violation, gradients = np.float32(0.0), []
    for _ in range(size):
        leaves, _, violation = advanced(state, np.int32(STEP))
        # exported programs return plain leaves: the types of the containers are put back
        state = jax.tree.unflatten(tree, leaves)
    for rank in range(n_compared(objective)):
        _, gradient, violation = advanced(state, np.int32(rank))
        gradients.append(gradient)
    asks = np.array([rule.asks for rule in objective.program.rules], bool)
    # of no rules there is nothing to compare
    compared = jnp.stack(gradients) if gradients else jnp.zeros((0, 0))
    cap, cosine = caps_and_cosines(objective.weight, asks, state.cap, state.cost, compared)
    ended = Round(*(np.asarray(each) for each in (state.cost, violation, cosine)))
    return state._replace(cap=cap), ended


def _treatment(task: Task, unconstrained: Treatment) -> Treatment:
    """The treatment of unconstrained coordinates before make-up, made up for and at its output level."""
    return project(task.objective, task.dry, apply_makeup(task.dry, treatment_of(unconstrained, task.pins)))
