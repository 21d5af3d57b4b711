"""Parts of a treatment whose values are fixed, and which refinement leaves alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from hybrid.audio.song import Song
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.types import RuleType
from hybrid.treatment.bounds import constrain
from hybrid.treatment.types import Treatment


class Pins(NamedTuple):
    """Fixed parts: where `mask` is one, the treatment takes `value` and no gradient passes."""

    mask: Treatment
    value: Treatment


def pins_of(rules: Sequence[RuleType], objective: Objective, song: Song, nothing: Treatment) -> Pins:
    """Pins of the positions of mono tracks for which a required rule asks one value: met by construction.

    The position of a stereo track depends on its balance over time, which no single number fixes.
    """
    zeros = jax.device_put(jax.tree.map(np.zeros_like, nothing))
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
        return replace(zeros, pan=zeros.pan._replace(position=jax.device_put(position.astype(np.float32))))

    return Pins(with_position(mask), with_position(value))


@partial(jax.jit, inline=True)
def treatment_of(unconstrained: Treatment, pins: Pins) -> Treatment:
    """The treatment of unconstrained coordinates, with pinned parts in place."""
    return pinned(constrain(unconstrained), pins)


@partial(jax.jit, inline=True)
def pinned(treatment: Treatment, pins: Pins) -> Treatment:
    """The treatment with pinned parts in place."""
    return jax.tree.map(lambda mask, fixed, value: jnp.where(mask > 0, fixed, value), *pins, treatment)
