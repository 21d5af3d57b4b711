"""How the tracks of a song went into a finished mix, as far as a static treatment of each can tell.

Level, tone, position and width are found. Effects, compression, automation and mastering are not: what they do is
left unexplained, and the share of the mix that is explained says how much of it there is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.mixing.align import Lag, find_lag
from hybrid.mixing.analyse import Progress
from hybrid.mixing.moments import MixFile, Moments, listen
from hybrid.mixing.unmix import Unmixed, by_envelope, unmix
from hybrid.treatment.bounds import RANGES
from hybrid.treatment.effect import mix_total, tone_curves, treated
from hybrid.treatment.types import N_TONE, Dry, Treatment, neutral

RELIABLE = 0.5
"""Share explained below which nothing that is said of tracks can be relied on."""
_TONE_RIDGE = 0.02
"""Pull of the tone curve to flat, per band of full weight and squared decibel."""


class Fit(NamedTuple):
    """How the tracks went into a mix. Shares are of K-weighted energy, 0 to 1."""

    treatment: Treatment
    """Levels around their median, which is the output level."""
    dry: Dry
    """The raw tracks, active only where the mix has samples."""
    mix: Dry
    """The mix on the tracks' clock."""
    lag: Lag
    explained: float
    explained_in_band: Float[np.ndarray, " band"]
    """NaN where the mix is silent."""
    confidence: Float[np.ndarray, " track"]
    """How much of each track's level rests on its own waveform, found in the mix and not lent by another track."""


class _Amounts(NamedTuple):
    """What the fit says of each track in the mix: gains of its mid and side, and how much each band counts."""

    mid: Float[np.ndarray, "band 2 track"]
    side: Float[np.ndarray, "band 2 track"]
    mid_energy: Float[np.ndarray, "band track"]
    side_energy: Float[np.ndarray, "band track"]


def fit(song: Song, reader: SongReader, mix: SongReader, dry: Dry, progress: Progress) -> Fit:
    """Fit the raw tracks of `song`, measured in `dry`, to its mix, read at the same rate."""
    lag = _lag(song, reader, mix)
    mix_file = MixFile(mix, lag)
    moments, heard = listen(song, reader, mix_file, progress)
    dry = replace(dry, active=dry.active * jnp.asarray(_covered(mix_file, dry), jnp.float32))
    unmixed = unmix(moments)
    n = len(song.tracks)
    nothing = neutral(dry.active.shape[0], float(dry.time_s[-1]), 1.0)
    first = _treatment(nothing, _amounts(moments, unmixed.gain, np.zeros((len(unmixed.gain), 2, n))), moments)
    envelope = _envelope(dry, heard, first, n)
    treatment = _treatment(nothing, _amounts(moments, unmixed.gain, envelope), moments)
    k, total = moments.k_weight[:, None], moments.of_mix
    return Fit(
        treatment=_levelled(treatment, n),
        dry=dry,
        mix=heard,
        lag=lag,
        explained=1.0 - float(np.sum(k * unmixed.unexplained) / np.sum(k * total)),
        explained_in_band=1.0 - np.sum(unmixed.unexplained, axis=1) / np.where(total.any(axis=1), total.sum(axis=1), np.nan),
        confidence=_confidence(moments, unmixed, envelope),
    )


def _lag(song: Song, reader: SongReader, mix: SongReader) -> Lag:
    def tracks(start: int, n: int) -> Float[np.ndarray, " time"]:
        return sum((reader.read(i, start, n).mean(axis=0) for i in range(len(song.tracks))), np.zeros(n))

    return find_lag(tracks, lambda start, n: mix.read(0, start, n).mean(axis=0), song.n_samples, song.sample_rate)


def _covered(mix: MixFile, dry: Dry) -> Float[np.ndarray, " frame"]:
    """One for frames whose centre lies in the mix."""
    at = np.asarray(dry.time_s) * mix.reader.song.sample_rate + mix.lag.samples
    return ((at >= 0) & (at < mix.reader.song.n_samples)).astype(np.float32)


def _envelope(dry: Dry, mix: Dry, explained: Treatment, n: int) -> Float[np.ndarray, "band 2 track"]:
    """Power gains of what followed the tracks' power but not their waveform."""
    layer = treated(dry, explained)
    channels = np.eye(2, dtype=np.float32)[..., None]
    made = np.stack([mix_total(layer._replace(pan=layer.pan * channel)) for channel in channels])
    heard = np.asarray(jnp.any(dry.active > 0.0, axis=0) & (dry.time_s >= 0.0))
    tracks = np.asarray(dry.power[:n, :2])
    return by_envelope(np.asarray(mix.power[0, :2])[:, heard], made[:, heard], tracks[:, :, heard])


def _amounts(
    moments: Moments, gain: Float[np.ndarray, "band 2 part"], envelope: Float[np.ndarray, "band 2 track"]
) -> _Amounts:
    """Amplitude gains by track: those of the waveform, and on top of them, in power, those of the envelope."""
    n = envelope.shape[-1]
    stereo = moments.parts.track[n:]
    own = np.einsum("bpp->bp", moments.within[:, 0])
    side, side_energy = np.zeros_like(envelope), np.zeros((len(own), n))
    side[..., stereo] = np.sqrt(np.square(gain[..., n:]) + envelope[..., stereo])
    side_energy[:, stereo] = own[:, n:]
    return _Amounts(np.sqrt(np.square(gain[..., :n]) + envelope), side, own[:, :n], side_energy)


def _treatment(nothing: Treatment, amounts: _Amounts, moments: Moments) -> Treatment:
    """The treatment nearest to the gains of each track, band by band as its own energy weighs."""
    k = moments.k_weight[:, None]
    mid, side = k * amounts.mid_energy, k * amounts.side_energy
    out = np.sum(mid[:, None] * amounts.mid + side[:, None] * amounts.side, axis=0)
    angle = np.where(out.any(axis=0), np.arctan2(out[1], out[0]), np.pi / 4.0)
    low, high = RANGES["pan.position"][:2]
    position = np.clip(100.0 * (angle * (4.0 / np.pi) - 1.0), low, high)
    width = _width(amounts, side, mid)
    curve, weight = _curve(amounts, mid, side, position, width)
    level = _db(np.sum(weight * curve, axis=0) / np.maximum(weight.sum(axis=0), 1e-30))
    level = np.where(weight.any(axis=0), level, 0.0)
    tone = _tone(np.clip(_db(curve) - level, -12.0, 12.0), weight)
    return replace(
        nothing,
        gain=nothing.gain._replace(level_db=_padded(level, nothing)),
        eq=nothing.eq._replace(tone_db=_padded(tone, nothing)),
        pan=nothing.pan._replace(position=_padded(position, nothing), width_db=_padded(_db(width), nothing)),
    )


def _width(amounts: _Amounts, side: np.ndarray, mid: np.ndarray) -> Float[np.ndarray, " track"]:
    """Gain of the side over that of the mid; 1 for tracks whose side lies 40 dB below their mid."""
    low, high = RANGES["pan.width"][:2]
    wide = np.sum(side[:, None] * amounts.side, axis=(0, 1))
    plain = np.sum(side[:, None] * amounts.mid, axis=(0, 1))
    is_heard = (side.sum(axis=0) > 1e-4 * mid.sum(axis=0)) & (plain > 0.0)
    ratio = np.where(is_heard, wide / np.where(is_heard, plain, 1.0), 1.0)
    return np.clip(ratio, 10.0 ** (low / 20.0), 10.0 ** (high / 20.0))


def _curve(
    amounts: _Amounts, mid: np.ndarray, side: np.ndarray, position: np.ndarray, width: np.ndarray
) -> tuple[Float[np.ndarray, "band track"], Float[np.ndarray, "band track"]]:
    """Amplitude gain of each track per band at its position and width, and how much each band counts."""
    angle = (position / 100.0 + 1.0) * (np.pi / 4.0)
    law = np.sqrt(2.0) * np.stack([np.cos(angle), np.sin(angle)])
    weight = mid + np.square(width) * side
    made = np.sum(law * (mid[:, None] * amounts.mid + width * side[:, None] * amounts.side), axis=1)
    return 0.5 * made / np.where(weight > 0.0, weight, 1.0), weight


def _tone(curve_db: Float[np.ndarray, "band track"], weight: Float[np.ndarray, "band track"]) -> np.ndarray:
    """Points of the tone curve nearest to a curve, in which bands count by about the loudness they hold."""
    knots = tone_curves()
    share = (weight / np.maximum(weight.max(axis=0), 1e-30)) ** 0.3 * (weight > 0.0)
    normal = np.einsum("kb,bi,lb->ikl", knots, share, knots) + _TONE_RIDGE * np.eye(N_TONE)
    wanted = np.einsum("kb,bi,bi->ik", knots, share, curve_db)
    low, high = RANGES["eq.tone"][:2]
    return np.clip(np.linalg.solve(normal, wanted[..., None])[..., 0], low, high)


def _levelled(treatment: Treatment, n: int) -> Treatment:
    """The same with the median level as the output level, and the others around it, within their range."""
    level = np.asarray(treatment.gain.level_db)[:n]
    low, high = RANGES["gain.level"][:2]
    median = float(np.median(level))
    return replace(
        treatment,
        gain=treatment.gain._replace(level_db=_padded(np.clip(level - median, low, high), treatment)),
        master=treatment.master._replace(level_db=jnp.asarray(median, jnp.float32)),
    )


def _confidence(
    moments: Moments, unmixed: Unmixed, envelope: Float[np.ndarray, "band 2 track"]
) -> Float[np.ndarray, " track"]:
    n = envelope.shape[-1]
    energy = moments.k_weight[:, None, None] * np.einsum("bopp->bop", moments.within)
    sure = np.sum(energy * np.square(unmixed.gain) * unmixed.certain, axis=(0, 1))
    whole = np.sum(energy * (np.square(unmixed.gain) + envelope[..., moments.parts.track]), axis=(0, 1))
    found, all_ = (np.bincount(moments.parts.track, x, minlength=n) for x in (sure, whole))
    return np.where(all_ > 0.0, found / np.where(all_ > 0.0, all_, 1.0), 0.0)


def _db(gain: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    return 20.0 * np.log10(np.maximum(gain, 1e-6))


def _padded(values: np.ndarray, treatment: Treatment) -> jnp.ndarray:
    n = treatment.gain.level_db.shape[0]
    return jnp.asarray(np.pad(values, [(0, n - len(values)), *[(0, 0)] * (values.ndim - 1)]), jnp.float32)
