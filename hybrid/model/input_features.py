"""What a network hears of a song: the same for any gain of any track, but for the facts that say how loud each came."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hybrid.signal import bands
from hybrid.treatment.curves import zone_curves
from hybrid.treatment.effect import pool
from hybrid.treatment.parts import N_ZONES
from hybrid.treatment.types import Dry

FLOOR_DB, FULL_DB = -60.0, 20.0
FAINT = 1e-12
"""Powers below this are silence."""
N_FRAME = 2 * bands.N_BANDS + 2 * N_ZONES + 2
"""Numbers per frame: level and share by band, balance and correlation by zone, activity, attack."""
N_FACTS = 4


class InputFeatures(NamedTuple):
    """Numbers of about unit size."""

    frame: Float[Array, "track frame hearing"]
    fact: Float[Array, "track fact"]
    """How loud the track came beside the others, how much of the song it plays, its width, its dynamics."""
    active: Float[Array, "track frame"]
    present: Float[Array, " track"]
    """One for tracks that sound at all."""
    loudness_db: Float[Array, " track"]
    """K-weighted level while the track sounds; 0 for those that never do."""


class Conditioning(NamedTuple):
    """What is known beside the sound; zeros where nothing is."""

    role: Int[Array, " track"]
    """0 unknown, else one more than the place in the list of roles that the weights were made with."""
    leads: Float[Array, " track"]
    side: Float[Array, " track"]
    """-1 to 1, no two alike: on which side to place a track that might as well be on the other."""
    reference: Float[Array, " reference"]
    """Features of a mix to come near to; empty where there is none."""


NETWORK_FRAME_S = 0.4
"""Length of the frames that a network hears, about: four of those that are measured, or one of a very long song."""


def at_network_frames(dry: Dry) -> Dry:
    """The recording in frames of the length that networks are trained on."""
    return pool(dry, max(1, round(NETWORK_FRAME_S / dry.frame_s)))


def input_features(dry: Dry) -> InputFeatures:
    """What is heard of these tracks; padding and silence read as absent."""
    power = dry.power[:, 0] + dry.power[:, 1]
    weighed = jnp.sum(dry.power_k[:, 0] + dry.power_k[:, 1], axis=-1)
    sounding = jnp.sum(dry.active, axis=-1)
    mean = jnp.sum(weighed * dry.active, axis=-1) / jnp.maximum(sounding, 1e-6)
    present = ((sounding > 0.0) & (mean > FAINT)).astype(power.dtype)
    unit = jnp.where(present > 0.0, mean, 1.0)
    # every track at the same loudness: what is left is its spectrum, its movement, and whom it meets
    even = power / unit[:, None, None] * present[:, None, None]
    total = jnp.sum(even * dry.active[..., None], axis=0)
    level = unit_db(even)
    share = unit_db(even / jnp.maximum(total, FAINT)) * dry.active[..., None]
    left, right, cross = (dry.power[:, channel] @ jnp.asarray(zone_curves().T, power.dtype) for channel in range(3))
    both = left + right
    balance = (left - right) / jnp.maximum(both, FAINT)
    correlation = cross / jnp.sqrt(jnp.maximum(left * right, FAINT**2))
    course = 10.0 * jnp.log10(weighed / unit[:, None] + 1e-6)
    attack = jnp.pad(jnp.maximum(jnp.diff(course, axis=-1), 0.0), ((0, 0), (1, 0))) / 20.0
    frame = jnp.concatenate(
        [level, share, balance, jnp.clip(correlation, -1.0, 1.0), dry.active[..., None], attack[..., None]], axis=-1
    )
    loudness = 10.0 * jnp.log10(unit)
    among = jnp.sum(loudness * present) / jnp.maximum(jnp.sum(present), 1.0)
    played = sounding / jnp.maximum(jnp.sum(dry.inside), 1.0)
    wide = _over(jnp.sum(jnp.abs(balance) + 1.0 - jnp.clip(correlation, -1.0, 1.0), axis=-1) / N_ZONES, dry.active)
    spread = jnp.sqrt(_over(jnp.square(course - _over(course, dry.active)[:, None]), dry.active)) / 10.0
    fact = jnp.stack([(loudness - among) / 10.0, played, wide, spread], axis=-1) * present[:, None]
    return InputFeatures(frame * present[:, None, None], fact, dry.active, present, loudness * present)


def _over(x: Float[Array, "track frame"], active: Float[Array, "track frame"]) -> Float[Array, " track"]:
    return jnp.sum(x * active, axis=-1) / jnp.maximum(jnp.sum(active, axis=-1), 1e-6)


def unit_db(power: Float[Array, "..."]) -> Float[Array, "..."]:
    """Decibels between the floor and full, as -1.5 to 0.5 about."""
    db = 10.0 * jnp.log10(power + 10.0 ** (FLOOR_DB / 10.0))
    return jnp.clip(db, FLOOR_DB, FULL_DB) / 40.0


def no_conditioning(n_tracks: int, n_reference: int) -> Conditioning:
    """No hint at all; tracks sit in their order."""
    sides = jnp.linspace(-1.0, 1.0, n_tracks)
    return Conditioning(jnp.zeros(n_tracks, jnp.int32), jnp.zeros(n_tracks), sides, jnp.zeros(n_reference))
