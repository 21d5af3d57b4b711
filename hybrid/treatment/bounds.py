"""Bounds by construction: bijectors between unconstrained values and a treatment within its ranges.

Near the neutral value, one unconstrained unit changes a parameter by its scale, so that learning rates, gradient norms
and regularisers are comparable between parameters.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.treatment.parts import (
    PARTS,
    TIME_AXES,
    AddedPower,
    Bounded,
    BoundedOctaves,
    OneSided,
    Part,
    SquaredOctaves,
)
from hybrid.treatment.types import Treatment, added_power, map_parts, treatment_parts

_INSIDE = 0.999
"""Share of a range to which values at or beyond its end are clipped: the end itself has no finite inverse."""
_REST = 4.0
"""Distance of zero from the steepest point of the logistic curve of a one-sided part: 1.8 % of its span."""


def _tanh(x: Float[Array, "..."], limits: Bounded | BoundedOctaves) -> Float[Array, "..."]:
    # one half for each sign, so that the slope at zero is the scale whatever the two ends are
    low, high, scale = limits.low, limits.high, limits.scale
    # at zero itself `maximum` and `minimum` each pass half of the gradient, which add up to one
    up = high * jnp.tanh(jnp.maximum(x, 0.0) * (scale / high))
    down = low * jnp.tanh(jnp.minimum(x, 0.0) * (scale / low))
    return up + down


def _arctanh(value: Float[Array, "..."], limits: Bounded | BoundedOctaves) -> Float[Array, "..."]:
    low, high, scale = limits.low, limits.high, limits.scale
    up = jnp.arctanh(jnp.clip(value / high, 0.0, _INSIDE)) * (high / scale)
    down = jnp.arctanh(jnp.clip(value / low, 0.0, _INSIDE)) * (low / scale)
    return up + down


def _one_sided(x: Float[Array, "..."], side: OneSided) -> Float[Array, "..."]:
    # the logistic curve has a slope of 1/4 where it is steepest: times 4, one unit there is worth the scale
    share = jax.nn.sigmoid(x * (4.0 * (side.scale / abs(side.span))) - _REST)
    return side.rest * 2.0 ** (side.span * share) if side.octaves else side.rest + side.span * share


def _one_sided_inverse(value: Float[Array, "..."], side: OneSided) -> Float[Array, "..."]:
    if side.octaves:
        # a filter that is off, at 0 Hz or infinity, counts as its rest: neither has a finite logarithm
        beyond = jnp.maximum(value, side.rest) if side.span > 0.0 else jnp.minimum(value, side.rest)
        share = jnp.log2(beyond / side.rest) / side.span
    else:
        share = (value - side.rest) / side.span
    # the rest lies at minus infinity, where no gradient leads back: it maps to zero, at the foot of the curve
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
    """Treatment of unconstrained values, each part in its unit; the output level passes through unchanged."""
    return map_parts(_constrain, unconstrained)


@partial(jax.jit, inline=True)
def unconstrain(treatment: Treatment) -> Treatment:
    """Unconstrained values whose treatment is the given one; values at or beyond a bound map to just inside it."""
    return map_parts(_unconstrain, treatment)


def regulariser(treatment: Treatment) -> Float[Array, " track"]:
    """Amount of processing of each track, in squared unconstrained units; 0 for a neutral treatment.

    Every part counts by the regulariser of its row in the table of parts. The room belongs to no track and is excluded.
    """
    parts = treatment_parts(treatment).items()
    own = [_regulariser(PARTS[name], value) for name, value in parts if PARTS[name].per_track]
    return sum(own[1:], own[0])


def _regulariser(part: Part, value: Float[Array, "track ..."]) -> Float[Array, " track"]:
    kind = part.regulariser
    if isinstance(kind, AddedPower):
        return 4.0 * added_power(value, part.neutral)
    if isinstance(kind, SquaredOctaves):
        # not below 1 Hz: a low cut that is off, at 0 Hz, has no logarithm
        octaves = jnp.log2(jnp.maximum(value, 1.0) / kind.from_hz)
        return jnp.square(jnp.maximum(-octaves if kind.below else octaves, 0.0))
    assert isinstance(part.bijector, Bounded)
    squares = jnp.square(value / part.bijector.scale)
    # the steps of a tone curve count too: of two curves with the same squares, the smoother one costs less
    if part.axes[-1] == "tone":
        return jnp.sum(squares, axis=-1) + jnp.sum(jnp.square(jnp.diff(value / part.bijector.scale)), axis=-1)
    # a mean over time, so that the same movement costs no more in a longer song
    if part.axes[-1] in TIME_AXES:
        squares = jnp.mean(squares, axis=-1)
    return jnp.sum(squares.reshape(squares.shape[0], -1), axis=-1)
