"""What the level of a track in a human mix depends on: how it was recorded, and how much of the song it sounds."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.compiled import seldom
from hybrid.measure.decibel import mean_over
from hybrid.measure.loudness import active_lufs
from hybrid.treatment.types import Dry

_LEAST_SHARE = 1.0 / 64.0
"""Share of the song, six doublings below all of it: a single hit is no rarer than this."""


class LevelFeatures(NamedTuple):
    """Features of raw tracks in their song; those of tracks that do not count are finite and mean nothing."""

    recorded_lu: Float[Array, " track"]
    """Loudness while the track sounds, less the mean of that over the tracks that count, LU."""
    presence: Float[Array, " track"]
    """Doublings of the share of the song's sounding frames in which the track sounds: 0 for all of them, -1 for half,
    -6 at least."""


@seldom()
def raw_lufs(dry: Dry) -> Float[Array, " track"]:
    """Loudness of each raw track while it sounds, LUFS; silence reads -120.7."""
    return active_lufs(raw_power_k(dry), dry.active)


def raw_power_k(dry: Dry) -> Float[Array, "track frame"]:
    """K-weighted power of each raw track."""
    return jnp.sum(dry.power_k[:, :2], axis=(1, 3))


def level_features(
    raw_k: Float[Array, "track frame"], active: Float[Array, "track frame"], counts: Float[Array, " track"]
) -> LevelFeatures:
    """The features, from K-weighted powers of raw tracks; `counts` is one for the tracks that are compared."""
    level = active_lufs(raw_k, active)
    # frames in which nobody plays belong to no one's rests
    song = jnp.sum(jnp.max(active * counts[:, None], axis=0))
    share = jnp.sum(active, axis=-1) / jnp.maximum(song, 1e-6)
    return LevelFeatures(
        level - mean_over(level, counts),
        jnp.log2(jnp.clip(share, _LEAST_SHARE, 1.0)),
    )
