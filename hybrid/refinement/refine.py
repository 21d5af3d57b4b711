"""Refinement of a treatment for one song: rounds of 50 steps of descent, until the unlimited constraints are met."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.compiled import seldom
from hybrid.knowledge.findings import BROKEN
from hybrid.knowledge.objective import log_cost
from hybrid.refinement.descent import N_COMPARED, caps_and_cosines, costliest_first
from hybrid.refinement.programs import Descent, State, Task
from hybrid.treatment.bounds import unconstrain
from hybrid.treatment.makeup import undo_makeup
from hybrid.treatment.types import Treatment

ROUND_STEPS = 50
"""Steps in a round at most, after which the gradients of single rules are compared."""
EXTRA_ROUNDS = 4
"""Rounds added at most, at the end, while an unlimited constraint is still broken."""


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


def negative_gradient(task: Task) -> Callable[[Treatment], tuple[Float[Array, ""], Treatment]]:
    """As `objective.negative_gradient`, of the rules of a task, by the programs that refinement takes steps with."""
    descent, weight = Descent(task), np.asarray(task.objective.weight)

    def of(unconstrained: Treatment) -> tuple[Float[Array, ""], Treatment]:
        cost, gradient = descent.whole(unconstrained)
        return _downhill(weight, cost, gradient, unconstrained)

    return of


@seldom()
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


def _unrefined(task: Task, start: Treatment) -> Refined:
    """The start, with pinned parts in place and its output level solved."""
    return Refined(Descent(task).treatment(unconstrain(undo_makeup(task.dry, start))), (), 0)


def _run(
    task: Task, start: Treatment, plan: _RoundPlan, span: tuple[int, int], progress: Callable[[str, float], None]
) -> Refined:
    """The result of rounds from the first of `span` to the last of `plan`, and on to the last of `span` at most while
    an unlimited constraint is broken."""
    descent = Descent(task)
    first, last = span
    # in descent, levels are those after make-up; the start is an ordinary treatment
    state = descent.start(unconstrain(undo_makeup(task.dry, start)))
    rounds: list[Round] = []
    for number in range(first, last):
        state, outcome = _round(task, descent, state, plan, number)
        rounds.append(outcome)
        progress("refine", min(1.0, (number + 1) / plan.n))
        # half of what counts as broken, since rendering differs a little from prediction
        if number + 1 >= plan.n and rounds[-1].violation <= BROKEN / 2:
            break
    return Refined(descent.treatment(state.position.unconstrained), tuple(rounds), plan.n_steps)


def _round(task: Task, descent: Descent, state: State, plan: _RoundPlan, number: int) -> tuple[State, Round]:
    """The state after a round, and how the round ended."""
    first, objective = number * plan.size, task.objective
    for step in range(first, first + plan.size):
        # the costs of all rules are read when a round ends
        state = descent.step(state, step / plan.n_steps, asks_all=step + 1 == first + plan.size)
    cost, cap = (descent.by_rule([own[k] for own in state.weighed]) for k in (2, 0))
    compared = np.asarray(costliest_first(objective.weight, cost))[:N_COMPARED]
    gradients, violation = descent.gradients(state, (first + plan.size) / plan.n_steps, compared.tolist())
    asks = np.array([rule.asks for rule in objective.program.rules], bool)
    # of no rules there is nothing to compare
    rows = jnp.stack(gradients) if gradients else jnp.zeros((0, 0))
    cap, cosine = (np.asarray(each) for each in caps_and_cosines(objective.weight, asks, cap, cost, rows))
    return descent.capped(state, cap), Round(cost, np.asarray(violation, np.float32), cosine)
