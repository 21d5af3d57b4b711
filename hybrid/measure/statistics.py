"""Soft order statistics of masked values: their gradient is shared by several values."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.measure.decibel import mean_over

_SPREAD = 0.02
"""A quantile is the mean of the values whose rank lies within this share of all ranks from it."""


def worst_mean(x: Float[Array, "*batch n"], share: float, present: Float[Array, "*batch n"]) -> Float[Array, "*batch"]:
    """Mean of the largest `share` of the values that are `present` (1, else 0), in their unit; 0 if none is."""
    order = jnp.argsort(jnp.where(present > 0.0, -x, jnp.inf), axis=-1)
    count = share * jnp.sum(present, axis=-1, keepdims=True)
    # the last value counts in part, so that the mean is continuous in the share
    taken = jnp.clip(count - jnp.arange(x.shape[-1]), 0.0, 1.0)
    return mean_over(jnp.take_along_axis(x, order, axis=-1), taken)


def quantile(x: Float[Array, "*batch n"], share: float, present: Float[Array, "*batch n"]) -> Float[Array, "*batch"]:
    """Quantile at `share` of the values that are `present` (1, else 0), in their unit; 0 if none is."""
    order = jnp.argsort(jnp.where(present > 0.0, x, jnp.inf), axis=-1)
    count = jnp.sum(present > 0.0, axis=-1, keepdims=True)
    rank = jnp.arange(x.shape[-1])
    # at least one rank to either side: between few values this is linear interpolation
    reach = 1.0 + _SPREAD * count
    near = jnp.clip(reach - jnp.abs(rank - share * (count - 1)), 0.0, 1.0) * (rank < count)
    return mean_over(jnp.take_along_axis(x, order, axis=-1), near)
