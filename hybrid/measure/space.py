"""Space: position, balance, side energy, mono compatibility, from left, right and cross powers."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.measure.decibel import FLOOR, db, ratio_db


def position(left: Float[Array, "*shape"], right: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Position of energy between the channels in pan units, -100 (left) to 100 (right), by the sine-cosine law.

    A mono source panned to p reads p; equal channels and silence read 0.
    """
    # the floor keeps the gradient of the roots finite, and silence in the centre
    angle = jnp.arctan2(jnp.sqrt(right + FLOOR), jnp.sqrt(left + FLOOR))
    return 100.0 * (angle * (4.0 / np.pi) - 1.0)


def balance_db(left: Float[Array, "*shape"], right: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Level of the right channel over the left, dB: 0 for a centred sound, -7.66 for a mono source at p = 0.25."""
    return ratio_db(right, left)


def mid_and_side(power: Float[Array, " 3 *shape"]) -> tuple[Float[Array, " *shape"], Float[Array, " *shape"]]:
    """Powers of (l + r) / sqrt(2) and (l - r) / sqrt(2), which add up to that of both channels."""
    mean = 0.5 * (power[0] + power[1])
    return mean + power[2], mean - power[2]


def side_to_mid_db(power: Float[Array, " 3 *shape"]) -> Float[Array, " *shape"]:
    """Level of the side signal over the mid, dB; -100 for mono, 0 for uncorrelated channels of equal level."""
    mid, side = mid_and_side(power)
    # shares of the whole: the floor then lies 100 dB below the sound rather than below full scale
    total = jnp.maximum(mid + side, FLOOR)
    return db(jnp.maximum(side, 0.0) / total) - db(jnp.maximum(mid, 0.0) / total)


def side_share(power: Float[Array, " 3 *shape"]) -> Float[Array, " *shape"]:
    """Power of the side signal as a share of mid and side: 0 mono, 0.5 uncorrelated, 1 anti-phase; silence reads 0."""
    total = power[0] + power[1]
    loud = total > FLOOR
    return jnp.where(loud, 0.5 - power[2] / jnp.where(loud, total, 1.0), 0.0)


def foldown_db(power: Float[Array, " 3 *shape"]) -> Float[Array, " *shape"]:
    """Change of power when the channels are summed to mono, dB: 0 mono, -3.01 uncorrelated, -100 anti-phase.

    Silence reads 0.
    """
    total = power[0] + power[1]
    correlation = 2.0 * power[2] / jnp.where(total > FLOOR, total, 1.0)
    share = jnp.where(total > FLOOR, 0.5 * (1.0 + jnp.clip(correlation, -1.0, 1.0)), 1.0)
    return db(share)
