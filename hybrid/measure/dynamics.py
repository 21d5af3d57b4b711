"""Dynamics: broadband gain over time, onsets, level movement and level in rests of tracks. Levels in dB."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.measure.decibel import db, mean_over
from hybrid.treatment.curves import LN_DB, zone_curves

_RISE_DB = 3.0
"""A raw track that gets louder by more than this from frame to frame has an onset there (by taste)."""
_STILL_DB = 0.1
"""Floor of movement: smaller ones count as none."""


def broadband_db(
    zone_db: Float[Array, "track zone frame"], raw: Float[Array, "track frame band"]
) -> Float[Array, "track frame"]:
    """Broadband gain in dB of a track from its gains in zones, weighted by the energy of the raw track in each."""
    energy = jnp.einsum("itb,zb->izt", raw, jnp.asarray(zone_curves(), raw.dtype))
    whole = jnp.sum(energy, axis=1, keepdims=True)
    # no floor: under it the shares of a quiet frame would not sum to one, which reads as a gain
    share = energy / jnp.where(whole > 0.0, whole, 1.0)
    gain = jnp.sum(share * jnp.exp(LN_DB * zone_db), axis=1)
    # a silent frame has no shares: 0 dB with zero gradient, not the floor
    return jnp.where(gain > 0.0, db(jnp.where(gain > 0.0, gain, 1.0)), 0.0)


def onsets(raw: Float[Array, "track frame band"], active: Float[Array, "track frame"]) -> Float[Array, "track frame"]:
    """Strength of the raw track's onset in every frame, dB: its rise over the previous frame beyond 3 dB."""
    level = db(jnp.sum(raw, axis=-1))
    rise = level[:, 1:] - level[:, :-1] - _RISE_DB
    return jax.lax.stop_gradient(jnp.pad(jnp.maximum(rise, 0.0), ((0, 0), (1, 0))) * active)


def movement_db(
    power: Float[Array, "track frame"], active: Float[Array, "track frame"], frame_s: float
) -> Float[Array, " track"]:
    """Movement of a level about its running mean over 2 s: mean square over active frames, in dB re 1 dB.

    Levels are limited softly at 40 dB below the mean, so that the depth of gaps is not movement.
    """
    level = db(power + 1e-4 * jax.lax.stop_gradient(mean_over(power, active))[:, None])
    n = max(3, round(2.0 / frame_s)) | 1
    # a rest longer than the window has no mean: it does not count, but must be finite
    around = _running(level * active, n) / jnp.maximum(_running(active, n), 1e-3)
    square = mean_over(jnp.square(level - around), active)
    return 10.0 * jnp.log10(square + _STILL_DB**2)


def _running(x: Float[Array, "track frame"], n: int) -> Float[Array, "track frame"]:
    """Sum over `n` frames, an odd number, centred on each frame."""
    padded = jnp.cumsum(jnp.pad(x, ((0, 0), (n // 2 + 1, n // 2))), axis=-1)
    return padded[:, n:] - padded[:, :-n]


def in_rests_db(
    power: Float[Array, "track frame"], active: Float[Array, "track frame"], rest: Float[Array, "track frame"]
) -> Float[Array, " track"]:
    """Level of a track in its rests relative to its active frames, dB, not below -50.

    Fainter sound is masked by the track itself, such as the tail of a filter's response after each note.
    """
    loud, quiet = mean_over(power, active), mean_over(power, rest)
    return 10.0 * jnp.log10(quiet / jnp.where(loud > 0.0, loud, 1.0) + 1e-5)
