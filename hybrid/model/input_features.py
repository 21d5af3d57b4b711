"""Input features of a network: independent of the gain of any track, except for one fact that states it."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from hybrid.signal import bands
from hybrid.treatment.curves import zone_curves
from hybrid.treatment.parts import N_ZONES
from hybrid.treatment.pooling import pool
from hybrid.treatment.types import Dry

FLOOR_DB, FULL_DB = -60.0, 20.0
FAINT = 1e-12
"""Powers below this are silence."""
N_FRAME = 2 * bands.N_BANDS + 2 * N_ZONES + 2
"""Number of features per frame: level and share by band, balance and correlation by zone, activity, attack."""
N_FACTS = 4
"""Number of features per track."""


class InputFeatures(NamedTuple):
    """Features of raw tracks, of about unit size."""

    frame: Float[Array, "track frame feature"]
    fact: Float[Array, "track fact"]
    """Raw loudness relative to the other tracks, active share of the song, width, dynamics."""
    active: Float[Array, "track frame"]
    present: Float[Array, " track"]
    """1 for tracks that are active at all, else 0."""
    loudness_db: Float[Array, " track"]
    """K-weighted level over active frames, dB; 0 for tracks that are never active."""


class Conditioning(NamedTuple):
    """Conditioning of a network beside the audio; zeros where unknown."""

    role: Int[Array, " track"]
    """0 unknown, else 1 plus the index in the list of roles of the weights."""
    leads: Float[Array, " track"]
    """1 for tracks with the tag `lead`."""
    side: Float[Array, " track"]
    """Side code, -1 to 1, distinct for every track: breaks the symmetry between left and right."""
    is_recorded: Float[Array, ""]
    """1 where the levels of raw tracks to each other are those of a recording, 0 where they say nothing."""


NETWORK_FRAME_S = 0.4
"""Approximate length of the frames of a network: four measured frames, or one of a very long song."""


def at_network_frames(dry: Dry) -> Dry:
    """Measurements pooled to the frame length that networks are trained on."""
    return pool(dry, max(1, round(NETWORK_FRAME_S / dry.frame_s)))


def input_features(dry: Dry) -> InputFeatures:
    """Input features of the raw tracks; padding and silent tracks are absent."""
    power = dry.power[:, 0] + dry.power[:, 1]
    power_k = jnp.sum(dry.power_k[:, 0] + dry.power_k[:, 1], axis=-1)
    n_active = jnp.sum(dry.active, axis=-1)
    mean = jnp.sum(power_k * dry.active, axis=-1) / jnp.maximum(n_active, 1e-6)
    present = ((n_active > 0.0) & (mean > FAINT)).astype(power.dtype)
    # absent tracks are divided by one and masked, not divided by zero
    unit = jnp.where(present > 0.0, mean, 1.0)
    # every track at the same loudness: spectrum, dynamics and overlap with others remain
    equalised = power / unit[:, None, None] * present[:, None, None]
    total = jnp.sum(equalised * dry.active[..., None], axis=0)
    level = unit_db(equalised)
    share = unit_db(equalised / jnp.maximum(total, FAINT)) * dry.active[..., None]
    left, right, cross = (dry.power[:, channel] @ jnp.asarray(zone_curves().T, power.dtype) for channel in range(3))
    both = left + right
    balance = (left - right) / jnp.maximum(both, FAINT)
    correlation = cross / jnp.sqrt(jnp.maximum(left * right, FAINT**2))
    # over time, relative to the mean while active
    course_db = 10.0 * jnp.log10(power_k / unit[:, None] + 1e-6)
    attack = jnp.pad(jnp.maximum(jnp.diff(course_db, axis=-1), 0.0), ((0, 0), (1, 0))) / 20.0
    frame = jnp.concatenate(
        [level, share, balance, jnp.clip(correlation, -1.0, 1.0), dry.active[..., None], attack[..., None]], axis=-1
    )
    loudness = 10.0 * jnp.log10(unit)
    mean_loudness = jnp.sum(loudness * present) / jnp.maximum(jnp.sum(present), 1.0)
    played = n_active / jnp.maximum(jnp.sum(dry.inside), 1.0)
    # 0 for mono in the centre; grows with imbalance and with decorrelation
    width = _mean_active(
        jnp.sum(jnp.abs(balance) + 1.0 - jnp.clip(correlation, -1.0, 1.0), axis=-1) / N_ZONES, dry.active
    )
    spread = (
        jnp.sqrt(_mean_active(jnp.square(course_db - _mean_active(course_db, dry.active)[:, None]), dry.active)) / 10.0
    )
    fact = jnp.stack([(loudness - mean_loudness) / 10.0, played, width, spread], axis=-1) * present[:, None]
    return InputFeatures(frame * present[:, None, None], fact, dry.active, present, loudness * present)


def _mean_active(x: Float[Array, "track frame"], active: Float[Array, "track frame"]) -> Float[Array, " track"]:
    return jnp.sum(x * active, axis=-1) / jnp.maximum(jnp.sum(active, axis=-1), 1e-6)


def unit_db(power: Float[Array, "..."]) -> Float[Array, "..."]:
    """Level of a power in units of 40 dB, clipped to -1.5 (-60 dB) and 0.5 (20 dB)."""
    db = 10.0 * jnp.log10(power + 10.0 ** (FLOOR_DB / 10.0))
    return jnp.clip(db, FLOOR_DB, FULL_DB) / 40.0


def no_conditioning(n_tracks: int) -> Conditioning:
    """Conditioning without role or lead; side codes in the order of the tracks."""
    sides = jnp.linspace(-1.0, 1.0, n_tracks)
    blank = jnp.zeros(n_tracks)
    return Conditioning(blank.astype(jnp.int32), blank, sides, jnp.zeros(()))
