"""How the tracks of a song went into a finished mix, as far as a static treatment of each can tell.

Level, tone, position and width are found; the low cut is left off, the tone says what it took. Effects, compression,
automation and mastering are not found: what they do stays unexplained, and the share that is explained tells how
much of it there is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.analysis.chunks import Progress
from hybrid.audio.align import Lag, find_lag
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.treatment.effect import mix_power, treated
from hybrid.treatment.parts import PARTS
from hybrid.treatment.types import Dry, Treatment, neutral
from hybrid.unmixing.faders import Amounts, Faders, amounts, faders
from hybrid.unmixing.least_squares import Gains, by_envelope, unmix
from hybrid.unmixing.moments import MixFile, Moments, listen

RELIABLE = 0.5
"""Share explained below which nothing that is said of tracks can be relied on."""


class Fit(NamedTuple):
    """How the tracks went into a mix. Shares are of K-weighted energy, 0 to 1."""

    treatment: Treatment
    """The output level is the median level; the others are around it."""
    dry: Dry
    """The raw tracks, active only where the mix has samples."""
    mix: Dry
    """The mix as it is, on the tracks' clock."""
    lag: Lag
    explained: float
    """Of the mix's waveform, by gains in bands."""
    explained_in_band: Float[np.ndarray, " band"]
    """NaN where the mix is silent."""
    confidence: Float[np.ndarray, " track"]
    """How much of what is said of a track rests on its own waveform, which no other track could have lent, and how
    much of the rest on a large part in its bands; 0 for tracks that are not in the mix."""


def fit(song: Song, reader: SongReader, mix: SongReader, dry: Dry, progress: Progress) -> Fit:
    """Fit the raw tracks of `song`, measured in `dry`, to its mix, whose reader has the song's rate."""
    mix_file = MixFile(mix, _lag(song, reader, mix))
    moments, heard = listen(song, reader, mix_file, progress)
    dry = replace(dry, active=jax.device_put(np.asarray(dry.active) * _covered(mix_file, dry)))
    unmixed = unmix(moments)
    nothing = neutral(dry.active.shape[0], float(dry.time_s[-1]), 1.0)
    none = np.zeros((*unmixed.gain.shape[:2], len(song.tracks)))
    by_wave = _treatment(nothing, faders(amounts(moments, unmixed, none)))
    found = amounts(moments, unmixed, _envelope(dry, heard, by_wave, len(song.tracks)))
    return Fit(
        treatment=_levelled(_treatment(nothing, faders(found)), found),
        dry=dry,
        mix=heard,
        lag=mix_file.lag,
        explained=_explained(moments, unmixed),
        explained_in_band=_explained_in_band(moments, unmixed),
        confidence=_confidence(found),
    )


def _lag(song: Song, reader: SongReader, mix: SongReader) -> Lag:
    def tracks(start: int, n: int) -> Float[np.ndarray, " time"]:
        return np.sum([reader.read(i, start, n).mean(axis=0) for i in range(len(song.tracks))], axis=0)

    def whole(start: int, n: int) -> Float[np.ndarray, " time"]:
        return mix.read(0, start, n).mean(axis=0)

    return find_lag(tracks, whole, song.n_samples, song.sample_rate)


def _covered(mix: MixFile, dry: Dry) -> Float[np.ndarray, " frame"]:
    """One for frames whose centre lies in the mix."""
    at = np.asarray(dry.time_s) * mix.reader.song.sample_rate + mix.lag.samples
    return ((at >= 0) & (at < mix.reader.song.n_samples)).astype(np.float32)


@jax.jit
def _channel_powers(dry: Dry, treatment: Treatment) -> Float[Array, "2 frame band"]:
    """Power of the treated sum in each output channel."""
    layer = treated(dry, treatment)
    one_channel = jnp.eye(2)[..., None]
    return jnp.stack([mix_power(layer._replace(pan=layer.pan * only)) for only in one_channel])


def _envelope(dry: Dry, mix: Dry, explained: Treatment, n: int) -> Float[np.ndarray, "band 2 track"]:
    """Power gains of what follows the tracks' power but not their waveform."""
    heard = np.asarray(dry.active).any(axis=0)
    made = np.asarray(_channel_powers(dry, explained))
    tracks = np.asarray(dry.power)[:n, :2]
    return by_envelope(np.asarray(mix.power)[0, :2, heard].swapaxes(0, 1), made[:, heard], tracks[:, :, heard])


def _treatment(nothing: Treatment, found: Faders) -> Treatment:
    level, tone, position, width = (_padded(x, nothing) for x in found)
    return replace(
        nothing,
        gain=nothing.gain._replace(level_db=level),
        eq=nothing.eq._replace(tone_db=tone),
        pan=nothing.pan._replace(position=position, width_db=width),
    )


def _padded(values: Float[np.ndarray, "track ..."], treatment: Treatment) -> Float[Array, "padded ..."]:
    room = treatment.gain.level_db.shape[0] - len(values)
    return jax.device_put(np.pad(values, [(0, room), *[(0, 0)] * (values.ndim - 1)]).astype(np.float32))


def _levelled(treatment: Treatment, found: Amounts) -> Treatment:
    """The median level of the tracks in the mix becomes the output level; the others keep to their range."""
    level = np.asarray(treatment.gain.level_db)[: found.mid.shape[-1]]
    heard = found.mid.any(axis=(0, 1)) | found.side.any(axis=(0, 1))
    median = float(np.median(level[heard])) if heard.any() else 0.0
    low, high = PARTS["gain.level"].bijector.limits
    around = np.where(found.mid_energy.any(axis=0), np.clip(level - median, low, high), 0.0)
    return replace(
        treatment,
        gain=treatment.gain._replace(level_db=_padded(around, treatment)),
        master=treatment.master._replace(level_db=jax.device_put(np.float32(median))),
    )


def _explained(moments: Moments, unmixed: Gains) -> float:
    k = moments.k_weight[:, None]
    total = float(np.sum(k * moments.of_mix))
    return 1.0 - float(np.sum(k * unmixed.unexplained)) / total if total > 0.0 else 0.0


def _explained_in_band(moments: Moments, unmixed: Gains) -> Float[np.ndarray, " band"]:
    total = np.sum(moments.of_mix, axis=1)
    return 1.0 - np.sum(unmixed.unexplained, axis=1) / np.where(total > 0.0, total, np.nan)


def _confidence(found: Amounts) -> Float[np.ndarray, " track"]:
    """Mean over bands of how far the gains can be believed, weighted by what is in the mix of the track."""
    mid = found.mid_energy * np.sum(np.square(found.mid), axis=1)
    energy = mid + found.side_energy * np.sum(np.square(found.side), axis=1)
    total = energy.sum(axis=0)
    return np.sum(energy * found.sure, axis=0) / np.where(total > 0.0, total, 1.0)
