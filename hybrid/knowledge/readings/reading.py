"""Readings of rule types, and what they share while they are made."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.knowledge.scope import Scope
from hybrid.measure.panel import Measured
from hybrid.treatment import effect
from hybrid.treatment.types import Treatment


class Reading(NamedTuple):
    """Values in the type's unit, one per target; how much each target counts; and its course over the song.

    A share of zero means that there is no such target: a padding track, a bus without tracks, a track that never
    sounds. `course` has the same unit and is used only to say where a rule is worst.
    """

    value: Float[Array, " target"]
    share: Float[Array, " target"]
    course: Float[Array, "target frame"] | None = None


class Panel(Measured):
    """Measurements of a song with quantities that several rules share: each is computed once, as is its gradient.

    Made anew for each evaluation, so that no value outlives its inputs.
    """

    @cached_property
    def track_power(self) -> Float[Array, "track frame band"]:
        """Power of every track with its reverberation."""
        back = self.tracks.reverb_return
        return self.direct_power if back is None else self.direct_power + back.of_track

    def bus_power(self, member: Float[Array, "*bus track"]) -> Float[Array, "*bus frame band"]:
        """Power of the sum of some tracks, by a 0/1 membership."""
        pairs, both = self.pair_power, effect.pair_member(self.dry, member)
        # cancelling pairs reach zero only to rounding
        return jnp.maximum(jnp.tensordot(member, self.track_power, 1) + jnp.tensordot(both, pairs, 1), 0.0)

    def once(self, name: str, make: Callable[[], Array], *given: float) -> Array:
        """The value of `make` for this panel, computed once; `given` are the parameters that it depends on."""
        key = (name, *given)
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    @cached_property
    def _made(self) -> dict[tuple[str | float, ...], Array]:
        return {}


def sounding(song: Measured, scope: Scope) -> Float[Array, "track frame"]:
    """Activity of every track in the frames of the rule, 0 to 1."""
    company = jnp.max(scope.only_with[:, None] * song.dry.active, axis=0)
    return song.dry.active * (scope.frames * company)


def tracks_heard(scope: Scope, active: Float[Array, "track frame"]) -> Float[Array, " track"]:
    """One for the rule's tracks that sound at all."""
    return scope.member * (jnp.sum(active, axis=-1) > 0.0)


def mix_sounding(song: Measured, scope: Scope) -> Float[Array, " frame"]:
    """One for frames of the rule in which any track of the song sounds."""
    company = jnp.max(scope.only_with[:, None] * song.dry.active, axis=0)
    return jax.lax.stop_gradient(scope.frames * company)


def one(value: Float[Array, ""], course: Float[Array, " frame"] | None = None) -> Reading:
    """A reading of the mix as a whole."""
    return Reading(value[None], jnp.ones(1, value.dtype), None if course is None else course[None])


def bus_reading(value: jax.Array, present: jax.Array, course: jax.Array | None = None) -> Reading:
    """A reading of one bus, which is no target unless it is present."""
    return Reading(value[None], present[None].astype(value.dtype), None if course is None else course[None])


def treatment_of(song: Measured) -> Treatment:
    """The treatment of the tracks. Only for types that require one: without it, their rules are not read."""
    assert song.treatment is not None
    return song.treatment


def pairs_of(first: jax.Array, second: jax.Array) -> jax.Array:
    """One, above the diagonal, for pairs with one track from each of two groups."""
    return jnp.triu(jnp.maximum(jnp.outer(first, second), jnp.outer(second, first)), 1)


def pair_reading(value: jax.Array, share: jax.Array) -> Reading:
    """A reading of all pairs, row by row; pairs with no share are not targets."""
    # how much a pair counts must be no way of satisfying its rule
    return Reading(value.reshape(-1), jax.lax.stop_gradient(share.reshape(-1)))


def around(x: Float[Array, "*batch frame"], frame_s: float, span_s: float) -> Float[Array, "n *batch frame"]:
    """The frames within `span_s` around each, on a new first axis; beyond the ends there is nothing."""
    # static, since it sets shapes
    n = min(max(1, round(span_s / frame_s)), x.shape[-1])
    lead = [(0, 0)] * (x.ndim - 1)
    padded = jnp.pad(x, [*lead, (n // 2, n - 1 - n // 2)])
    return jnp.stack([padded[..., k : k + x.shape[-1]] for k in range(n)])


def smoothed(power: Float[Array, "*batch frame"], frame_s: float, span_s: float = 3.0) -> Array:
    """Running mean of a power over `span_s`, centred, of the same length."""
    return jnp.mean(around(power, frame_s, span_s), axis=0)
