"""Bounds by construction: unconstrained values become a treatment that cannot leave its range.

One unconstrained unit changes a parameter by its scale where little is done, so that learning rates, gradient norms
and "do little" mean the same for every parameter.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.treatment.parts import (
    PARTS,
    TIME_AXES,
    Bounded,
    BoundedOctaves,
    OneSided,
    Part,
    ReturnedPower,
    SquaredOctaves,
)
from hybrid.treatment.types import Treatment, map_parts, send_power, treatment_parts

_INSIDE = 0.999
"""Share of a range at which a value at or beyond its end is taken, since the end itself is infinitely far."""
_REST = 4.0
"""How far below the steepest point of its logistic curve a one-sided part rests, where 1.8 % of its span are open."""


def _tanh(x: Float[Array, "..."], limits: Bounded | BoundedOctaves) -> Float[Array, "..."]:
    low, high, scale = limits.low, limits.high, limits.scale
    up = high * jnp.tanh(jnp.maximum(x, 0.0) * (scale / high))
    down = low * jnp.tanh(jnp.minimum(x, 0.0) * (scale / low))
    return up + down


def _arctanh(value: Float[Array, "..."], limits: Bounded | BoundedOctaves) -> Float[Array, "..."]:
    low, high, scale = limits.low, limits.high, limits.scale
    up = jnp.arctanh(jnp.clip(value / high, 0.0, _INSIDE)) * (high / scale)
    down = jnp.arctanh(jnp.clip(value / low, 0.0, _INSIDE)) * (low / scale)
    return up + down


def _one_sided(x: Float[Array, "..."], side: OneSided) -> Float[Array, "..."]:
    share = jax.nn.sigmoid(x * (4.0 * (side.scale / abs(side.span))) - _REST)
    return side.rest * 2.0 ** (side.span * share) if side.octaves else side.rest + side.span * share


def _one_sided_inverse(value: Float[Array, "..."], side: OneSided) -> Float[Array, "..."]:
    if side.octaves:
        beyond = jnp.maximum(value, side.rest) if side.span > 0.0 else jnp.minimum(value, side.rest)
        share = jnp.log2(beyond / side.rest) / side.span
    else:
        share = (value - side.rest) / side.span
    inside = jnp.clip(share, jax.nn.sigmoid(-_REST), _INSIDE)
    return (jnp.log(inside / (1.0 - inside)) + _REST) / (4.0 * (side.scale / abs(side.span)))


def _constrain(name: str, x: Float[Array, "..."]) -> Float[Array, "..."]:
    bijector = PARTS[name].bijector
    if isinstance(bijector, Bounded):
        return _tanh(x, bijector)
    if isinstance(bijector, BoundedOctaves):
        return bijector.middle * 2.0 ** _tanh(x, bijector)
    return _one_sided(x, bijector) if isinstance(bijector, OneSided) else x


def _unconstrain(name: str, value: Float[Array, "..."]) -> Float[Array, "..."]:
    bijector = PARTS[name].bijector
    if isinstance(bijector, Bounded):
        return _arctanh(value, bijector)
    if isinstance(bijector, BoundedOctaves):
        return _arctanh(jnp.log2(value / bijector.middle), bijector)
    return _one_sided_inverse(value, bijector) if isinstance(bijector, OneSided) else value


@partial(jax.jit, inline=True)
def constrain(unconstrained: Treatment) -> Treatment:
    """The treatment of unconstrained values; the output level is taken as it is."""
    return map_parts(_constrain, unconstrained)


@partial(jax.jit, inline=True)
def unconstrain(treatment: Treatment) -> Treatment:
    """Unconstrained values that give `treatment` back; values at or beyond a bound come back just inside it."""
    return map_parts(_unconstrain, treatment)


def regulariser(treatment: Treatment) -> Float[Array, " track"]:
    """How much is done to each track, in squared unconstrained units; 0 for nothing.

    Every part counts by the regulariser of its row in the table of parts. The room is nothing that is done to a track.
    """
    parts = treatment_parts(treatment).items()
    own = [_regulariser(PARTS[name], value) for name, value in parts if PARTS[name].per_track]
    return sum(own[1:], own[0])


def _regulariser(part: Part, value: Float[Array, "track ..."]) -> Float[Array, " track"]:
    kind = part.regulariser
    if isinstance(kind, ReturnedPower):
        return 4.0 * send_power(value)
    if isinstance(kind, SquaredOctaves):
        octaves = jnp.log2(jnp.maximum(value, 1.0) / kind.from_hz)
        return jnp.square(jnp.maximum(-octaves if kind.below else octaves, 0.0))
    assert isinstance(part.bijector, Bounded)
    squares = jnp.square(value / part.bijector.scale)
    if part.axes[-1] == "tone":
        return jnp.sum(squares, axis=-1) + jnp.sum(jnp.square(jnp.diff(value / part.bijector.scale)), axis=-1)
    if part.axes[-1] in TIME_AXES:
        squares = jnp.mean(squares, axis=-1)
    return jnp.sum(squares.reshape(squares.shape[0], -1), axis=-1)
