"""Coherence of tracks of one source below 500 Hz: polarity and delay of microphones, in the power domain."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hybrid.measure.decibel import FLOOR, db
from hybrid.signal import bands

HIGHEST_HZ = 500.0
"""Highest band centre that counts: above, microphones a few centimetres apart comb whatever their polarity."""


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

    Two equal tracks read 3.01, four 6.02, unrelated ones 0, a track and its inverted copy -100. `pair_power` is the
    contribution of each pair to the sum of its two tracks, positive or negative; `member` is 1 for tracks of the group,
    and `active` weights frames. Silence reads 0 with zero gradient.
    """
    low = jnp.asarray(low_bands(), power.dtype)
    own = jnp.einsum("ifb,f,b->i", power, active, low)
    shared = jnp.einsum("pfb,f,b->p", pair_power, active, low)
    both = member[pairs[:, 0]] * member[pairs[:, 1]]
    incoherent = member @ own
    sounds = incoherent > FLOOR
    # `where` inside as well: 0 / 0 in the branch that is not taken would make the gradient NaN
    return db(jnp.where(sounds, (incoherent + both @ shared) / jnp.where(sounds, incoherent, 1.0), 1.0))
