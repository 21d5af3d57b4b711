"""Dynamics: what gains do over time to a track as a whole, and what is left of its movement. Levels in dB."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.measure.decibel import db, mean_over
from hybrid.treatment.curves import LN_DB, zone_curves

_RISE_DB = 3.0
"""A raw track that gets louder by more than this from frame to frame has an onset there (by taste)."""
_STILL_DB = 0.1
"""Movements smaller than this are none."""


def broadband_db(
    zone_db: Float[Array, "track zone frame"], raw: Float[Array, "track frame band"]
) -> Float[Array, "track frame"]:
    """Gain of a track as a whole from gains in zones, weighted by the energy that the raw track has in each."""
    energy = jnp.einsum("itb,zb->izt", raw, jnp.asarray(zone_curves(), raw.dtype))
    whole = jnp.sum(energy, axis=1, keepdims=True)
    share = energy / jnp.where(whole > 0.0, whole, 1.0)
    gain = jnp.sum(share * jnp.exp(LN_DB * zone_db), axis=1)
    return jnp.where(gain > 0.0, db(jnp.where(gain > 0.0, gain, 1.0)), 0.0)


def onsets(raw: Float[Array, "track frame band"], active: Float[Array, "track frame"]) -> Float[Array, "track frame"]:
    """Strength of the raw track's onset in every frame: how much louder than the frame before it is, dB."""
    level = db(jnp.sum(raw, axis=-1))
    rise = level[:, 1:] - level[:, :-1] - _RISE_DB
    return jax.lax.stop_gradient(jnp.pad(jnp.maximum(rise, 0.0), ((0, 0), (1, 0))) * active)


def movement_db(
    power: Float[Array, "track frame"], active: Float[Array, "track frame"], frame_s: float
) -> Float[Array, " track"]:
    """Movement of a level about its running mean over 2 s: its mean square over active frames, in dB re 1 dB.

    Levels count from 40 dB below the mean: how silent the gaps within a frame are is not movement.
    """
    level = db(power + 1e-4 * jax.lax.stop_gradient(mean_over(power, active))[:, None])
    n = max(3, round(2.0 / frame_s)) | 1
    around = _running(level * active, n) / jnp.maximum(_running(active, n), 1e-3)
    square = mean_over(jnp.square(level - around), active)
    return 10.0 * jnp.log10(square + _STILL_DB**2)


def _running(x: Float[Array, "track frame"], n: int) -> Float[Array, "track frame"]:
    """Sum over `n` frames, an odd number, around each."""
    padded = jnp.cumsum(jnp.pad(x, ((0, 0), (n // 2 + 1, n // 2))), axis=-1)
    return padded[:, n:] - padded[:, :-n]


def in_rests_db(
    power: Float[Array, "track frame"], active: Float[Array, "track frame"], rest: Float[Array, "track frame"]
) -> Float[Array, " track"]:
    """Level of a track in its rests relative to where it sounds, dB, not below -50.

    What is fainter is hidden by the track itself: the ends of a filter's response are, beside each note.
    """
    loud, quiet = mean_over(power, active), mean_over(power, rest)
    return 10.0 * jnp.log10(quiet / jnp.where(loud > 0.0, loud, 1.0) + 1e-5)
