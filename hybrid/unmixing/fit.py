"""Static treatment with which the tracks of a song went into a finished mix.

Level, tone, position and width are estimated; there is no low cut, whose effect is in the tone. Effects, compression,
automation and mastering are not estimated: their effect stays unexplained, and the explained share shows how large it
is.
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
from hybrid.unmixing.faders import Faders, TrackGains, faders, track_gains
from hybrid.unmixing.least_squares import Gains, by_envelope, unmix
from hybrid.unmixing.moments import MixFile, Moments, measure_moments

RELIABLE = 0.5
"""Explained share below which estimates of tracks are not reliable."""


class Fit(NamedTuple):
    """Treatment with which the tracks went into a mix, and its reliability. Shares are of K-weighted energy, 0 to 1."""

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
    """Share of the estimate of a track that rests on its own waveform, which no other track contains, or on a large
    part of the energy of its bands; 0 for tracks that are not in the mix."""


def fit(song: Song, reader: SongReader, mix: SongReader, dry: Dry, progress: Progress) -> Fit:
    """Fit of the raw tracks of `song`, measured in `dry`, to its mix, whose reader has the sample rate of the song."""
    mix_file = MixFile(mix, _lag(song, reader, mix))
    moments, mix_dry = measure_moments(song, reader, mix_file, progress)
    dry = replace(dry, active=jax.device_put(np.asarray(dry.active) * _covered(mix_file, dry)))
    unmixed = unmix(moments)
    nothing = neutral(dry.active.shape[0], float(dry.time_s[-1]), 1.0)
    none = np.zeros((*unmixed.gain.shape[:2], len(song.tracks)))
    # the waveform comes first: the envelope is fitted to the power that it leaves
    by_wave = _treatment(nothing, faders(track_gains(moments, unmixed, none)))
    gains = track_gains(moments, unmixed, _envelope(dry, mix_dry, by_wave, len(song.tracks)))
    return Fit(
        treatment=_levelled(_treatment(nothing, faders(gains)), gains),
        dry=dry,
        mix=mix_dry,
        lag=mix_file.lag,
        explained=_explained(moments, unmixed),
        explained_in_band=_explained_in_band(moments, unmixed),
        confidence=_confidence(gains),
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
    # `mix_power` sums both channels: with one row of every pan matrix at zero, it is that of the other
    return jnp.stack([mix_power(layer._replace(pan=layer.pan * only)) for only in one_channel])


def _envelope(dry: Dry, mix: Dry, explained: Treatment, n: int) -> Float[np.ndarray, "band 2 track"]:
    """Power gains of the part of the mix that follows the power of the tracks but not their waveform."""
    audible = np.asarray(dry.active).any(axis=0)
    power = np.asarray(_channel_powers(dry, explained))
    tracks = np.asarray(dry.power)[:n, :2]
    # an index and a mask with a slice in between put the frames in front
    return by_envelope(np.asarray(mix.power)[0, :2, audible].swapaxes(0, 1), power[:, audible], tracks[:, :, audible])


def _treatment(nothing: Treatment, static: Faders) -> Treatment:
    level, tone, position, width = (_padded(x, nothing) for x in static)
    return replace(
        nothing,
        gain=nothing.gain._replace(level_db=level),
        eq=nothing.eq._replace(tone_db=tone),
        pan=nothing.pan._replace(position=position, width_db=width),
    )


def _padded(values: Float[np.ndarray, "track ..."], treatment: Treatment) -> Float[Array, "padded ..."]:
    room = treatment.gain.level_db.shape[0] - len(values)
    return jax.device_put(np.pad(values, [(0, room), *[(0, 0)] * (values.ndim - 1)]).astype(np.float32))


def _levelled(treatment: Treatment, gains: TrackGains) -> Treatment:
    """The treatment with the median level of the tracks as output level, and levels around it within their range."""
    level = np.asarray(treatment.gain.level_db)[: gains.mid.shape[-1]]
    audible = gains.mid.any(axis=(0, 1)) | gains.side.any(axis=(0, 1))
    # tracks that are not in the mix have -120 dB, and would draw the median down
    median = float(np.median(level[audible])) if audible.any() else 0.0
    low, high = PARTS["gain.level"].bijector.limits
    around = np.where(gains.mid_energy.any(axis=0), np.clip(level - median, low, high), 0.0)
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


def _confidence(gains: TrackGains) -> Float[np.ndarray, " track"]:
    """Mean confidence of the gains over bands, weighted by the energy of the track in the mix."""
    mid = gains.mid_energy * np.sum(np.square(gains.mid), axis=1)
    energy = mid + gains.side_energy * np.sum(np.square(gains.side), axis=1)
    total = energy.sum(axis=0)
    return np.sum(energy * gains.confidence, axis=0) / np.where(total > 0.0, total, 1.0)
