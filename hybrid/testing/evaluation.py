"""Evaluation of rules one by one: readings, costs, and the slope of each cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.knowledge import objective as objectives
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.readings import Panel, Reading
from hybrid.knowledge.types import RuleType
from hybrid.measure.panel import Measured, predict
from hybrid.testing.songs import QUICK, objective_of, random_dry, random_song, random_treatment
from hybrid.treatment.types import Dry, Treatment, is_named, map_parts

_T = TypeVar("_T")
_STEP = 1e-4
"""Of each control's own unit: the error of a central difference is of its square, far above float64's grain."""


class Evaluation(NamedTuple):
    """Readings and costs of all rules, and the slope of each cost."""

    readings: tuple[Reading, ...]
    cost: Float[Array, " rule"]
    slope: Treatment
    """Each leaf with an axis of rules in front."""


@partial(jax.jit, compiler_options=QUICK)
def evaluate(objective: Objective, dry: Dry, treatment: Treatment) -> Evaluation:
    """Readings, costs and slopes of all rules, one by one."""

    def costs(moved: Treatment) -> tuple[jax.Array, tuple[Reading, ...]]:
        found = objectives.readings(objective, dry, moved)
        return objectives.penalties(objective, found, jnp.zeros_like(objective.weight)), found

    cost, pull, found = jax.vjp(costs, treatment, has_aux=True)
    rows = jax.lax.map(lambda unit: pull(unit)[0], jnp.eye(len(cost), dtype=cost.dtype))
    return Evaluation(found, cost, rows)


@partial(jax.jit, compiler_options=QUICK)
def _along(
    objective: Objective, dry: Dry, treatment: Treatment, direction: Treatment
) -> tuple[jax.Array, jax.Array, tuple[Reading, ...]]:
    """Costs of all rules, their slopes in one direction, each over the parts that the rule acts on, and readings."""

    def costs(moved: Treatment) -> tuple[jax.Array, tuple[Reading, ...]]:
        found = objectives.readings(objective, dry, moved)
        return objectives.penalties(objective, found, jnp.zeros_like(objective.weight)), found

    return jax.jvp(costs, (treatment,), (direction,), has_aux=True)


@partial(jax.jit, compiler_options=QUICK)
def read_as_required(objective: Objective, dry: Dry, treatment: Treatment) -> tuple[Reading, ...]:
    """Readings of panels that hold no more of the treatment than each rule's type requires."""
    panel = predict(dry, treatment)
    return objectives.read(objective, lambda rule: Panel(*_no_more_than(rule, panel)))


def _no_more_than(rule: RuleType, panel: Measured) -> Measured:
    """The panel with NaN for parts of the treatment that the rule's type does not declare."""
    if rule.required().of != "treatment" or panel.treatment is None:
        return panel._replace(treatment=None, slew_db_per_s=None)
    parts = rule.required().parts
    moves = all(is_named(part, parts) for part in ("gain.ride", "dynamics.zone"))
    return panel._replace(
        treatment=map_parts(
            lambda part, value: value if is_named(part, parts) else jnp.full_like(value, jnp.nan), panel.treatment
        ),
        slew_db_per_s=panel.slew_db_per_s if moves else None,
    )


def asking(objective: Objective, found: tuple[Reading, ...], inside: bool) -> Objective:
    """Limits a scale around what each target reads, or two scales off, alternately above and below."""
    low, high = [], []
    for index, reading in enumerate(found):
        scale = objective.ask.scale[index]
        odd = jnp.arange(len(reading.value)) % 2
        up, down = (scale, scale) if inside else (scale * (5.0 * odd - 2.0), scale * (3.0 - 5.0 * odd))
        low.append(reading.value - up)
        high.append(reading.value + down)
    return replace(objective, ask=objective.ask._replace(low=tuple(low), high=tuple(high)))


def slopes(rules: Sequence[RuleType], n_tracks: int, n_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """The slope of every rule's cost in a random direction, by gradient and by difference, in float64."""
    with jax.enable_x64(True):
        song, dry = random_song(n_tracks, n_frames), _double(random_dry(4, n_tracks, n_frames))
        objective = _double(objective_of(rules, song, dry))
        treatment, direction = _double(random_treatment(dry, 5)), _double(random_treatment(dry, 6))
        objective = asking(objective, _along(objective, dry, treatment, direction)[2], inside=False)
        by_gradient = np.asarray(_along(objective, dry, treatment, direction)[1])
        by_group = {
            group: _difference(objective, dry, treatment, direction, group)
            for group in {rule.acts_on for rule in rules}
        }
    return by_gradient, np.array([by_group[rule.acts_on][index] for index, rule in enumerate(rules)])


def _difference(
    objective: Objective, dry: Dry, treatment: Treatment, direction: Treatment, group: tuple[str, ...]
) -> np.ndarray:
    """Central differences of all costs after steps with only some parts of the treatment."""

    def cost(step: float) -> np.ndarray:
        def stepped(part: str, value: jax.Array, along: jax.Array) -> jax.Array:
            return value + step * along if is_named(part, group) else value

        return np.asarray(_along(objective, dry, map_parts(stepped, treatment, direction), direction)[0])

    return (cost(_STEP) - cost(-_STEP)) / (2.0 * _STEP)


def _double(tree: _T) -> _T:
    return jax.tree.map(lambda x: x.astype(np.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree)
