"""Decibels of powers, with one floor for all measures."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

FLOOR = 1e-10
"""A power, 100 dB below full scale: safe in float32, and the gradient at silence stays finite."""


def db(power: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Level of a power re full scale, dB; silence reads -100."""
    # rounding can leave cancelling powers below zero; an added floor, unlike a maximum, keeps a gradient below it
    return 10.0 * jnp.log10(jnp.maximum(power, 0.0) + FLOOR)


def ratio_db(power: Float[Array, "*shape"], reference: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Level of one power re another, dB. Zero where both are silent, with zero gradient."""
    return db(power) - db(reference)


def mean_over(x: Float[Array, "*shape n"], weight: Float[Array, "*#shape n"]) -> Float[Array, "*shape"]:
    """Weighted mean over the last axis; zero where all weights are zero."""
    total = jnp.sum(weight, axis=-1)
    # no floor under the total: it would lower the mean wherever the weights are small
    return jnp.sum(x * weight, axis=-1) / jnp.where(total > 0.0, total, 1.0)
