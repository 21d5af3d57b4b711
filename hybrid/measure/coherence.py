"""How well tracks of one source add below 500 Hz: polarity and delay of microphones, in the power domain."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hybrid.measure.decibel import FLOOR, db
from hybrid.signal import bands

HIGHEST_HZ = 500.0
"""Bands up to here count: above, microphones a few centimetres apart comb whatever their polarity."""


def low_bands() -> Float[np.ndarray, " band"]:
    """1 for bands that centre below 500 Hz, 0 for the others."""
    return (bands.band_centres_hz() < HIGHEST_HZ).astype(np.float32)


def group_coherence_db(
    power: Float[Array, "track frame band"],
    pair_power: Float[Array, "pair frame band"],
    member: Float[Array, " track"],
    pairs: Int[Array, "pair 2"],
    active: Float[Array, " frame"],
) -> Float[Array, ""]:
    """Power of the sum of a group over the sum of its tracks' powers below 500 Hz, dB.

    Two equal tracks read 3.01, four 6.02, unrelated ones 0, a track and its inverted copy -100. `pair_power` is what
    each pair adds to its two tracks, positive or negative; `member` is 1 for tracks of the group, and `active` weighs
    frames. Silence reads 0 with zero gradient. Source: by geometry.
    """
    low = jnp.asarray(low_bands(), power.dtype)
    own = jnp.einsum("ifb,f,b->i", power, active, low)
    shared = jnp.einsum("pfb,f,b->p", pair_power, active, low)
    both = member[pairs[:, 0]] * member[pairs[:, 1]]
    each = member @ own
    sounds = each > FLOOR
    return db(jnp.where(sounds, (each + both @ shared) / jnp.where(sounds, each, 1.0), 1.0))
