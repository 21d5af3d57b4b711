"""A step of descent in unconstrained (whitened) coordinates: pure functions, to be compiled.

At the end of a round the gradients of the rules that cost most are measured, each by itself: a gradient longer than one
is capped from then on, and the cosines between gradients show which rules oppose each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from hybrid.compiled import seldom
from hybrid.knowledge.objective import Output, project
from hybrid.measure.panel import Measured, Raw, predict, without_raw
from hybrid.refinement.pins import Pins, treatment_of
from hybrid.refinement.pull import Pulls
from hybrid.treatment.makeup import apply_makeup
from hybrid.treatment.parts import PARTS
from hybrid.treatment.types import Dry, Master, Treatment, hold, is_named, map_parts, treatment_parts

N_COMPARED = 8
"""Rules whose gradients are measured by themselves at the end of a round: those that cost most. A satisfied rule has no
gradient."""
RATE = 0.12
"""Largest step of a coordinate, in whitened units: a third of a decibel of level."""


class Setting(NamedTuple):
    """What a step needs besides the rules: the song, and what limits its treatment."""

    output: Output
    dry: Dry
    raw: Raw
    pins: Pins
    in_turn: Float[Array, ""] | np.float32
    """1 if groups begin to move one after the other, 0 if all move at once, as from a network's proposal."""


class Position(NamedTuple):
    """Where descent is."""

    unconstrained: Treatment
    optimiser: optax.OptState


def measured(setting: Setting, unconstrained: Treatment) -> Measured:
    """What the rules read of the coordinates, without the raw tracks."""
    treatment = treatment_of(unconstrained, setting.pins)
    return _measured(setting, replace(treatment, master=_master(setting, treatment)))


def move(
    setting: Setting,
    position: Position,
    progress: Float[Array, ""],
    is_step: Float[Array, ""],
    pulls: Pulls,
) -> tuple[Position, Float[Array, " coordinate"]]:
    """The position after a step when `progress` of 0 to 1 is done, or, if `is_step` is 0, the same; and the gradient by
    coordinates, given that by what was measured."""
    # down to a tenth of the rate over all rounds, so that the last steps settle
    rate = optax.cosine_decay_schedule(RATE, 1, alpha=0.1)
    gradient = _gradient(setting, position.unconstrained, pulls)
    updates, optimiser = _optimiser().update(_leaves(gradient), position.optimiser)
    updates = jax.tree.unflatten(jax.tree.structure(position.unconstrained), jax.tree.leaves(updates))
    updates = _unlocked(updates, progress, jnp.asarray(setting.in_turn))
    unconstrained = jax.tree.map(lambda x, up: x - rate(progress) * up, position.unconstrained, updates)
    after = Position(unconstrained, optimiser)
    after = jax.tree.map(lambda new, old: jnp.where(is_step > 0.0, new, old), after, position)
    return after, jax.flatten_util.ravel_pytree(gradient)[0]


def _gradient(setting: Setting, unconstrained: Treatment, pulls: Pulls) -> Treatment:
    """The gradient by coordinates. That of a rule reaches only the parts that it acts on.

    Parts that the same rules act on form a block, and all that pulls at a block goes back through it in one pass, in
    which the other parts are held.
    """
    blocks: dict[tuple[str, ...], list[str]] = {}
    for part in treatment_parts(unconstrained):
        named_by = tuple(entry for entry in sorted(pulls) if is_named(part, tuple(entry.split(","))))
        blocks.setdefault(named_by, []).append(part)
    gradient = jax.tree.map(jnp.zeros_like, unconstrained)
    for named_by, parts in blocks.items():
        pulled: dict[int, Array] = {}
        for leaf, each in (pair for entry in named_by for pair in pulls[entry].items()):
            pulled[int(leaf)] = pulled[int(leaf)] + each if int(leaf) in pulled else each
        if pulled:
            gradient = _with_block(setting, gradient, unconstrained, frozenset(parts), pulled)
    return gradient


def _with_block(
    setting: Setting, gradient: Treatment, unconstrained: Treatment, parts: frozenset[str], pulled: dict[int, Array]
) -> Treatment:
    """The gradient with that of the parts of a block, given the leaves of what was measured that are pulled at."""

    def leaves(unconstrained: Treatment) -> list[Array]:
        treatment = treatment_of(unconstrained, setting.pins)
        held = hold(replace(treatment, master=_master(setting, treatment)), tuple(parts))
        song = jax.tree.leaves(_measured(setting, held))
        return [song[leaf] for leaf in pulled]

    (of_parts,) = jax.vjp(leaves, unconstrained)[1](list(pulled.values()))
    return map_parts(lambda part, whole, own: own if part in parts else whole, gradient, of_parts)


def _measured(setting: Setting, treatment: Treatment) -> Measured:
    """Levels of the coordinates are those after make-up gain: tone and dynamics leave the loudness of a track alone."""
    return without_raw(predict(setting.dry, apply_makeup(setting.dry, treatment), setting.raw))


def _master(setting: Setting, treatment: Treatment) -> Master:
    # the output level is that of the treatment after make-up, which is what will be rendered
    return project(setting.output, setting.dry, apply_makeup(setting.dry, treatment)).master


@seldom()
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


def costliest_first(
    weight: Float[np.ndarray | Array, " rule"], cost: Float[np.ndarray | Array, " rule"]
) -> Int[Array, " rule"]:
    """Indices of the rules by weighted cost, the largest first."""
    return jnp.argsort(-weight * cost)


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


@seldom()
def first_position(unconstrained: Treatment) -> Position:
    """The position before the first step."""
    return Position(unconstrained, _optimiser().init(_leaves(unconstrained)))
