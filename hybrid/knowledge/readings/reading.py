"""What a rule type reads of a song."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.knowledge.scope import Scope
from hybrid.measure.panel import Measured


class Reading(NamedTuple):
    """Values in the type's unit, one per target; how much each target counts; and its course over the song.

    A share of zero means that there is no such target: a padding track, a bus without tracks, a track that never
    sounds. `course` has the same unit and is used only to say where a rule is worst.
    """

    value: Float[Array, " target"]
    share: Float[Array, " target"]
    course: Float[Array, "target frame"] | None = None


def sounding(song: Measured, scope: Scope) -> Float[Array, "track frame"]:
    """Activity of every track in the frames that the rule speaks of."""
    company = jnp.max(scope.only_with[:, None] * song.dry.active, axis=0)
    return song.dry.active * (scope.frames * company)


def tracks_heard(scope: Scope, active: Float[Array, "track frame"]) -> Float[Array, " track"]:
    """One for the rule's tracks that sound at all."""
    return scope.member * (jnp.sum(active, axis=-1) > 0.0)


def mix_sounding(song: Measured, scope: Scope) -> Float[Array, " frame"]:
    """Where any track of the song sounds, in the frames that the rule speaks of; everywhere in a mix alone."""
    company = jnp.max(scope.only_with[:, None] * song.dry.active, axis=0)
    return jax.lax.stop_gradient(scope.frames * company)


def one(value: Float[Array, ""], course: Float[Array, " frame"] | None = None) -> Reading:
    """A reading of the mix as a whole."""
    return Reading(value[None], jnp.ones(1, value.dtype), None if course is None else course[None])


def smoothed(power: Float[Array, "*batch frame"], frame_s: float, span_s: float = 3.0) -> Array:
    """Running mean of a power over `span_s`, centred, of the same length."""
    n = min(max(1, round(span_s / frame_s)), power.shape[-1])
    lead = [(0, 0)] * (power.ndim - 1)
    padded = jnp.pad(power, [*lead, (n // 2, n - 1 - n // 2)])
    return jnp.sum(jnp.stack([padded[..., k : k + power.shape[-1]] for k in range(n)]), axis=0) / n
