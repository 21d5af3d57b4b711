"""One song, never twice the same: gains, colours, sides and absences drawn anew each time, in the power domain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from hybrid.signal import bands
from hybrid.training.recipe import Variety
from hybrid.treatment.curves import tone_curves
from hybrid.treatment.types import N_TONE, Dry


def varied(dry: Dry, n_tracks: int, variety: Variety, rng: np.random.Generator) -> Dry:
    """The recording as if its first `n_tracks` tracks, all that are not padding, had come otherwise."""
    n = len(dry.power)
    stays = rng.random(n_tracks) >= variety.drop
    if stays.sum() < 2:
        stays[:] = True
    heard = np.pad(stays, (0, n - n_tracks)).astype(np.float32)
    gain_db = rng.normal(0.0, variety.gain_db, n)
    tone_db = rng.normal(0.0, variety.tone_db, (n, N_TONE)) @ tone_curves()
    sides = rng.random(n) < variety.mirror
    return _mirrored(_scaled(dry, gain_db[:, None] + tone_db, heard), sides)


def _scaled(dry: Dry, gain_db: Float[np.ndarray, "track band"], heard: Float[np.ndarray, " track"]) -> Dry:
    """Every band of every track at another gain; tracks that are not heard are silent."""
    power = (10.0 ** (gain_db / 10.0) * heard[:, None]).astype(np.float32)
    amplitude = np.sqrt(power)
    low = np.stack([np.interp(dry.low_hz, bands.band_centres_hz(), row) for row in power]).astype(np.float32)
    both = amplitude[dry.pairs[:, 0]] * amplitude[dry.pairs[:, 1]]
    return replace(
        dry,
        power=dry.power * power[:, None, None],
        power_k=dry.power_k * power[:, None, None],
        cross=dry.cross * both[:, None, None, None],
        low_power=dry.low_power * low,
        active=dry.active * heard[:, None],
    )


def _mirrored(dry: Dry, sides: np.ndarray) -> Dry:
    """Left and right change places in the tracks that are marked."""
    swapped = [1, 0, 2]
    power, power_k, cross = dry.power.copy(), dry.power_k.copy(), dry.cross.copy()
    power[sides], power_k[sides] = power[sides][:, swapped], power_k[sides][:, swapped]
    first, second = sides[dry.pairs[:, 0]], sides[dry.pairs[:, 1]]
    cross[first] = cross[first][:, ::-1]
    cross[second] = cross[second][:, :, ::-1]
    return replace(dry, power=power, power_k=power_k, cross=cross)
