"""Fidelity: how far a treated track has moved from its raw self."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.measure.decibel import FLOOR, mean_over
from hybrid.measure.masking import importance


def timbre_change_db(
    before: Float[Array, "track frame band"], after: Float[Array, "track frame band"], active: Array
) -> Float[Array, " track"]:
    """Change of spectral shape, dB RMS over bands and active frames, weighted by what matters to the raw track.

    A change of level alone reads 0. Bands more than 60 dB below the track's strongest are left out.
    """
    floor = 1e-6 * jnp.max(before, axis=-1, keepdims=True) + FLOOR
    weight = importance(before) * (before > floor) * active[..., None]
    change = 10.0 * (jnp.log10(jnp.maximum(after, FLOOR * FLOOR) + 1e-3 * floor) - jnp.log10(before + 1e-3 * floor))
    flat = (*change.shape[:-2], -1)
    change, weight = change.reshape(flat), jax.lax.stop_gradient(weight.reshape(flat))
    mean = mean_over(change, weight)
    square = mean_over(jnp.square(change - mean[..., None]), weight)
    # the root's slope is infinite at zero: an untouched track reads 0 with no gradient
    return jnp.where(square > 1e-8, jnp.sqrt(jnp.maximum(square, 1e-8)), 0.0)


def worst_mean(x: Float[Array, "*batch n"], share: float, present: Float[Array, "*batch n"]) -> Float[Array, "*batch"]:
    """Mean of the largest `share` of the values that are `present` (1, else 0): a maximum that spreads its gradient."""
    order = jnp.argsort(jnp.where(present > 0.0, -x, jnp.inf), axis=-1)
    count = share * jnp.sum(present, axis=-1, keepdims=True)
    taken = jnp.clip(count - jnp.arange(x.shape[-1]), 0.0, 1.0)
    return mean_over(jnp.take_along_axis(x, order, axis=-1), taken)
