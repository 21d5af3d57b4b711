"""Fidelity: distance of a treated track from the raw one."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.measure.decibel import db, mean_over
from hybrid.measure.masking import importance


def timbre_change_db(
    before: Float[Array, "track frame band"],
    after: Float[Array, "track frame band"],
    active: Float[Array, "track frame"],
    low_cut_db: Float[Array, "track band"],
) -> Float[Array, " track"]:
    """Change of a track's long-term spectral shape, dB RMS over bands, weighted by their importance to the raw track.

    Long-term means over active frames; a change of level alone reads 0. The gain of the low cut (`low_cut_db`, part of
    the change) and the rest of the change add as squares, so that neither can cancel the other.
    """
    raw, treated = (jnp.einsum("itb,it->ib", power, active) for power in (before, after))
    weight = importance(raw)
    # bands that the raw track does not use have no ratio, and no weight
    change = jnp.where(weight > 0.0, db(treated / jnp.where(raw > 0.0, raw, 1.0)), 0.0)
    square = _variance(change - low_cut_db, weight) + _variance(low_cut_db, weight)
    # the gradient of the root is infinite at zero: an unchanged track reads 0 with zero gradient
    return jnp.where(square > 1e-8, jnp.sqrt(jnp.maximum(square, 1e-8)), 0.0)


def _variance(x: Float[Array, "track band"], weight: Float[Array, "track band"]) -> Float[Array, " track"]:
    return mean_over(jnp.square(x - mean_over(x, weight)[:, None]), weight)
