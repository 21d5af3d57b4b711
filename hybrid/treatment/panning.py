"""Powers of panned and spread tracks from left, right and cross power: quadratic forms of the pan's gains."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def total_shares(pan: Float[Array, "track 2 2"]) -> Float[Array, "track 3"]:
    """Coefficients of left, right and cross power in the sum of both output powers."""
    # (a l + b r)^2 + (c l + d r)^2 = (a^2 + c^2) l^2 + (b^2 + d^2) r^2 + 2 (a b + c d) l r
    own = jnp.sum(jnp.square(pan), axis=-2)
    return jnp.concatenate([own, 2.0 * jnp.sum(pan[..., 0] * pan[..., 1], axis=-1, keepdims=True)], axis=-1)


def mid_gains(pan: Float[Array, "track 2 2"]) -> Float[Array, "track 2"]:
    """Amplitude gains of both input channels in the mean of both output channels."""
    return 0.5 * jnp.sum(pan, axis=-2)


def mid_shares(pan: Float[Array, "track 2 2"]) -> Float[Array, "track 3"]:
    """Coefficients of left, right and cross power in the power of the mean of both output channels."""
    mid = mid_gains(pan)
    return jnp.concatenate([jnp.square(mid), 2.0 * jnp.prod(mid, axis=-1, keepdims=True)], axis=-1)


def mid_power(power: Float[Array, " item 3 *shape"]) -> Float[Array, " item *shape"]:
    """Power of the mean of both channels, from left, right and cross power."""
    return 0.25 * (power[:, 0] + power[:, 1] + 2.0 * power[:, 2])


def with_side(
    power: Float[Array, " item 3 *shape"], side: Float[Array, " item *shape"]
) -> Float[Array, " item 3 *shape"]:
    """Left, right and cross power with a side signal of that power, in quadrature to the mid."""
    return power + jnp.stack([side, side, -side], axis=1)


def weighed(shares: Float[Array, "item part"], power: Float[Array, "item part frame band"]) -> Array:
    """Weighted sum over parts, written out: a contraction over so few parts would be many times slower."""
    parts = [shares[:, k, None, None] * power[:, k] for k in range(shares.shape[1])]
    return sum(parts[1:], parts[0])


def panned(power: Float[Array, "track 3 band"], pan: Float[Array, "track 2 2"]) -> Float[Array, "track 3 band"]:
    """Left, right and cross power after the pan matrix."""
    return jnp.einsum("iop,ipb->iob", panned_shares(pan), power)


def panned_shares(pan: Float[Array, "track 2 2"]) -> Float[Array, "track 3 3"]:
    """Coefficients of left, right and cross power in those after the pan matrix ((a, b), (c, d))."""
    (a, b), (c, d) = ((pan[:, i, 0], pan[:, i, 1]) for i in (0, 1))
    # the cross power is the mean of (a l + b r)(c l + d r) = ac l^2 + bd r^2 + (ad + bc) l r
    rows = [(a * a, b * b, 2.0 * a * b), (c * c, d * d, 2.0 * c * d), (a * c, b * d, a * d + b * c)]
    return jnp.stack([jnp.stack(row, axis=-1) for row in rows], axis=1)


def pair_shares(
    pan: Float[Array, "track 2 2"], first: Int[Array, " pair"], second: Int[Array, " pair"]
) -> Float[Array, "pair 3 4"]:
    """Coefficients of the cross powers of each pair, channel by channel, in left, right and cross power of the sum."""
    both = jnp.einsum("pak,pbl->pabkl", pan[first], pan[second]).reshape(len(first), 2, 2, 4)
    # a product of two sums holds each pair twice: L1 L2 both times within a channel, L1 R2 and R1 L2 across
    return jnp.stack([2.0 * both[:, 0, 0], 2.0 * both[:, 1, 1], both[:, 0, 1] + both[:, 1, 0]], axis=1)
