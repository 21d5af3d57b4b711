"""One song, never twice the same: gains, colours, sides and absences drawn anew each time, in the power domain."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from hybrid.signal import bands
from hybrid.training.example import Frames
from hybrid.training.recipe import Variety
from hybrid.treatment.curves import tone_curves
from hybrid.treatment.types import N_TONE


def varied(frames: Frames, n_tracks: int, variety: Variety, rng: np.random.Generator) -> Frames:
    """The recording as if its first `n_tracks` tracks, all that are not padding, had come otherwise."""
    n = len(frames.power)
    stays = rng.random(n_tracks) >= variety.drop
    if stays.sum() < 2:
        stays[:] = True
    heard = np.pad(stays, (0, n - n_tracks)).astype(np.float32)
    gain_db = rng.normal(0.0, variety.gain_db, n)
    tone_db = rng.normal(0.0, variety.tone_db, (n, N_TONE)) @ tone_curves()
    sides = rng.random(n) < variety.mirror
    return _mirrored(_scaled(frames, gain_db[:, None] + tone_db, heard), sides)


def _scaled(frames: Frames, gain_db: Float[np.ndarray, "track band"], heard: Float[np.ndarray, " track"]) -> Frames:
    """Every band of every track at another gain; tracks that are not heard are silent."""
    power = (10.0 ** (gain_db / 10.0) * heard[:, None]).astype(np.float32)
    amplitude = np.sqrt(power)
    low = np.stack([np.interp(frames.low_hz, bands.band_centres_hz(), row) for row in power]).astype(np.float32)
    both = amplitude[frames.pairs[:, 0]] * amplitude[frames.pairs[:, 1]]
    return frames._replace(
        power=frames.power * power[:, None, None],
        power_k=frames.power_k * power[:, None, None],
        cross=frames.cross * both[:, None, None, None],
        low_power=frames.low_power * low,
        active=frames.active * heard[:, None],
    )


def _mirrored(frames: Frames, sides: np.ndarray) -> Frames:
    """Left and right change places in the tracks that are marked."""
    swapped = [1, 0, 2]
    power, power_k, cross = frames.power.copy(), frames.power_k.copy(), frames.cross.copy()
    power[sides], power_k[sides] = power[sides][:, swapped], power_k[sides][:, swapped]
    first, second = sides[frames.pairs[:, 0]], sides[frames.pairs[:, 1]]
    cross[first] = cross[first][:, ::-1]
    cross[second] = cross[second][:, :, ::-1]
    return frames._replace(power=power, power_k=power_k, cross=cross)
