"""Parts of a treatment whose values are fixed, and which refinement leaves alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from hybrid.audio.song import Song
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.types import RuleType
from hybrid.treatment.bounds import constrain
from hybrid.treatment.types import Treatment


class Pins(NamedTuple):
    """Fixed parts: where `mask` is one, the treatment takes `value` and no gradient passes; elsewhere it stays from
    `low` to `high`, beyond which there is no gradient either."""

    mask: Treatment
    value: Treatment
    low: Treatment
    high: Treatment

    @classmethod
    def none(cls, like: Treatment) -> Pins:
        """Nothing fixed of a treatment of that shape, and no limits."""
        zeros, low, high = (
            jax.device_put(jax.tree.map(lambda x, end=end: np.full(np.shape(x), end, np.float32), like))
            for end in (0.0, -np.inf, np.inf)
        )
        return cls(zeros, zeros, low, high)


def pins_of(rules: Sequence[RuleType], objective: Objective, song: Song, nothing: Treatment) -> Pins:
    """Pins of the positions of mono tracks for which a required rule asks one value: met by construction.

    The position of a stereo track depends on its balance over time, which no single number fixes.
    """
    none = Pins.none(nothing)
    mono = np.zeros(nothing.pan.position.shape, np.float32)
    mono[: len(song.tracks)] = [track.channels == 1 for track in song.tracks]
    mask, value = np.zeros_like(mono), np.zeros_like(mono)
    for rule, scope in zip(rules, objective.scopes, strict=True):
        position = rule.fixed_position() if rule.enabled and rule.weight else None
        if position is not None:
            pinned_here = mono * np.asarray(scope.member)
            # of two such rules for one track the later one holds
            mask, value = np.maximum(mask, pinned_here), np.where(pinned_here > 0.0, position, value)

    def with_position(position: np.ndarray) -> Treatment:
        pan = none.mask.pan._replace(position=jax.device_put(position.astype(np.float32)))
        return replace(none.mask, pan=pan)

    return none._replace(mask=with_position(mask), value=with_position(value))


@partial(jax.jit, inline=True)
def treatment_of(unconstrained: Treatment, pins: Pins) -> Treatment:
    """The treatment of unconstrained coordinates, with pinned parts in place."""
    return pinned(constrain(unconstrained), pins)


@partial(jax.jit, inline=True)
def pinned(treatment: Treatment, pins: Pins) -> Treatment:
    """The treatment with pinned parts in place."""

    def within(mask: Array, fixed: Array, low: Array, high: Array, value: Array) -> Array:
        return jnp.where(mask > 0, fixed, jnp.clip(value, low, high))

    return jax.tree.map(within, *pins, treatment)
