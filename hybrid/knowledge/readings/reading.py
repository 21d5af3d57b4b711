"""What a rule type reads of a song."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.knowledge.scope import Scope
from hybrid.measure.panel import Measured
from hybrid.treatment import effect


class Reading(NamedTuple):
    """Values in the type's unit, one per target; how much each target counts; and its course over the song.

    A share of zero means that there is no such target: a padding track, a bus without tracks, a track that never
    sounds. `course` has the same unit and is used only to say where a rule is worst.
    """

    value: Float[Array, " target"]
    share: Float[Array, " target"]
    course: Float[Array, "target frame"] | None = None


_memo: ContextVar[dict[tuple[str | float | int, ...], Array] | None] = ContextVar("memo", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """While rules are read, what several of them read of one panel is worked out once, and so is its gradient."""
    token = _memo.set({})
    try:
        yield
    finally:
        _memo.reset(token)


def once(song: Measured, name: str, make: Callable[[], Array], *given: float) -> Array:
    """What `make` gives for this panel, made once while `sharing`; `given` are the parameters that it depends on."""
    memo = _memo.get()
    if memo is None:
        return make()
    key = (name, id(song), *given)
    if key not in memo:
        memo[key] = make()
    return memo[key]


def direct(song: Measured) -> Float[Array, "track frame band"]:
    """Power of every track without what comes back of it."""
    return once(song, "direct", lambda: effect.direct_power(song.tracks))


def total(song: Measured) -> Float[Array, "track frame band"]:
    """Power of every track with what comes back of it."""
    back = song.tracks.reverb_return
    return direct(song) if back is None else once(song, "total", lambda: direct(song) + back.of_track)


def whole(song: Measured) -> Float[Array, "frame band"]:
    """Power of the mix."""
    return once(song, "whole", lambda: effect.mix_power(song.whole))


def bus(song: Measured, member: Float[Array, "*bus track"]) -> Float[Array, "*bus frame band"]:
    """Power of the sum of some tracks, by a 0/1 membership."""
    pairs = once(song, "pairs", lambda: effect.pair_power(song.tracks))
    both = effect.pair_member(song.dry, member)
    return jnp.maximum(jnp.tensordot(member, total(song), 1) + jnp.tensordot(both, pairs, 1), 0.0)


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


def bus_reading(value: jax.Array, present: jax.Array, course: jax.Array | None = None) -> Reading:
    """A reading of one bus, which is no target unless it is present."""
    return Reading(value[None], present[None].astype(value.dtype), None if course is None else course[None])


def pairs_of(first: jax.Array, second: jax.Array) -> jax.Array:
    """One, above the diagonal, for pairs with one track from each of two groups."""
    return jnp.triu(jnp.maximum(jnp.outer(first, second), jnp.outer(second, first)), 1)


def pair_reading(value: jax.Array, share: jax.Array) -> Reading:
    """A reading of all pairs, row by row; pairs with no share are not targets."""
    return Reading(value.reshape(-1), jax.lax.stop_gradient(share.reshape(-1)))


def around(x: Float[Array, "*batch frame"], frame_s: float, span_s: float) -> Float[Array, "n *batch frame"]:
    """The frames within `span_s` around each, on a new first axis; beyond the ends there is nothing."""
    n = min(max(1, round(span_s / frame_s)), x.shape[-1])
    lead = [(0, 0)] * (x.ndim - 1)
    padded = jnp.pad(x, [*lead, (n // 2, n - 1 - n // 2)])
    return jnp.stack([padded[..., k : k + x.shape[-1]] for k in range(n)])


def smoothed(power: Float[Array, "*batch frame"], frame_s: float, span_s: float = 3.0) -> Array:
    """Running mean of a power over `span_s`, centred, of the same length."""
    return jnp.mean(around(power, frame_s, span_s), axis=0)
