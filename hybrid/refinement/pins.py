"""Parts of a treatment that are given, and are no longer for refinement to decide."""

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
from hybrid.knowledge.types import PanPosition, RuleType
from hybrid.treatment.bounds import constrain
from hybrid.treatment.types import Treatment


class Pins(NamedTuple):
    """Parts that are given: where `mask` is one, the treatment takes `value` and no gradient passes."""

    mask: Treatment
    value: Treatment


def pins_of(rules: Sequence[RuleType], objective: Objective, song: Song, nothing: Treatment) -> Pins:
    """Positions that a required rule fixes to a point, for mono tracks: met by construction.

    A stereo track's place depends on its balance over time, which no single number fixes.
    """
    zeros = jax.device_put(jax.tree.map(np.zeros_like, nothing))
    mono = np.zeros(nothing.pan.position.shape, np.float32)
    mono[: len(song.tracks)] = [track.channels == 1 for track in song.tracks]
    mask, value = np.zeros_like(mono), np.zeros_like(mono)
    for rule, scope in zip(rules, objective.scopes, strict=True):
        if isinstance(rule, PanPosition) and rule.enabled and rule.kind == "require" and rule.target is not None:
            fixed = mono * np.asarray(scope.member)
            mask, value = np.maximum(mask, fixed), np.where(fixed > 0.0, rule.target, value)

    def with_position(position: np.ndarray) -> Treatment:
        return replace(zeros, pan=zeros.pan._replace(position=jax.device_put(position.astype(np.float32))))

    return Pins(with_position(mask), with_position(value))


@partial(jax.jit, inline=True)
def treatment_of(unconstrained: Treatment, pins: Pins) -> Treatment:
    """The treatment that moves stand for, with pinned parts in place."""
    return pinned(constrain(unconstrained), pins)


@partial(jax.jit, inline=True)
def pinned(treatment: Treatment, pins: Pins) -> Treatment:
    """The treatment with pinned parts in place."""
    return jax.tree.map(lambda mask, given, value: jnp.where(mask > 0, given, value), *pins, treatment)
