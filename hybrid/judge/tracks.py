"""How each raw track went into a mix, by least squares: its level, its place and its tone, and how loud it is heard.

In every octave and for each output channel, non-negative gains of the tracks' own channels are found that explain the
mix best (SciPy's NNLS on the normal equations). Effects, reverb and gain over time are not explained: `explained`
says how much of the mix is. The same is done to every mix that is compared, so errors of the method are shared.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float
from scipy import optimize

from hybrid.audio.read import SongReader
from hybrid.judge.mix import WINDOW, Mix, spectra_of

OCTAVES_HZ = 1000.0 * 2.0 ** (np.arange(-5, 4) + 0.5)
"""Edges between octaves, from 44 Hz to 11 kHz: what is below or above belongs to the outermost."""
N_BANDS = len(OCTAVES_HZ) + 1
_BLOCK_FRAMES = 256
_RIDGE = 1e-6
"""Of the loudest track's energy: tracks that are the same share what they explain."""
_PRESENT_DB = -40.0
"""A track whose energy, raw or in the mix, is this far below that of the loudest is not compared. A guess."""
_EXPONENT = 0.23
"""Specific loudness over power of excitation (Zwicker & Fastl 2007, chapter 8)."""
_SPREAD_DB_PER_THIRD = 8.0
"""Slope of masking upwards, about 25 dB/octave at middle levels (Zwicker & Fastl 2007, chapter 4)."""
_THRESHOLD_DB = -70.0
"""Against the loudest moment of a band of all tracks: what is fainter is not heard. A guess."""


class Fit(NamedTuple):
    """What of a mix its tracks explain."""

    power: Float[np.ndarray, "track 2 band"]
    """Of each raw track's contribution to left and right: its own energy times the squared gain."""
    raw: Float[np.ndarray, "track band"]
    """Energy of the raw tracks."""
    gain: Float[np.ndarray, "track 2 band"]
    explained: float
    """Share of the mix's energy, 0 to 1."""

    @property
    def level_db(self) -> Float[np.ndarray, " track"]:
        """Gain of each track over all bands; -120 for what is not heard."""
        heard, raw = self.power.sum(axis=(1, 2)), 2.0 * self.raw.sum(axis=1)
        return 10.0 * np.log10(np.maximum(np.divide(heard, raw, out=np.zeros_like(raw), where=raw > 0.0), 1e-12))

    @property
    def pan(self) -> Float[np.ndarray, " track"]:
        """-1 for left alone to 1 for right alone, by the sine-cosine law."""
        left, right = np.sqrt(self.power.sum(axis=2)).T
        return np.where(left + right > 0.0, np.arctan2(right, left) * 4.0 / np.pi - 1.0, 0.0)

    @property
    def tone_db(self) -> Float[np.ndarray, "track band"]:
        """Gain of each band against the track's level; 0 where the raw track has next to nothing (-30 dB)."""
        gain = 10.0 * np.log10(np.maximum(np.mean(np.square(self.gain), axis=1), 1e-12))
        has = self.raw > 1e-3 * self.raw.sum(axis=1, keepdims=True)
        return np.where(has, np.clip(gain - self.level_db[:, None], -30.0, 30.0), 0.0)

    @property
    def present(self) -> Bool[np.ndarray, " track"]:
        """Tracks that are loud enough, raw and in the mix, to be compared."""
        heard, raw = self.power.sum(axis=(1, 2)), self.raw.sum(axis=1)
        floor = 10.0 ** (_PRESENT_DB / 10.0)
        return (raw > floor * np.max(raw, initial=0.0)) & (heard > floor * np.max(heard, initial=0.0))


def fit_tracks(reader: SongReader, mixes: Sequence[Mix]) -> list[Fit]:
    """How the tracks went into each of the mixes, which begin with them and have their rate."""
    gram, against, own = _moments(reader, mixes)
    return [_fitted(gram, against[k], own[k]) for k in range(len(mixes))]


def _moments(reader: SongReader, mixes: Sequence[Mix]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Real products of the tracks' spectra with each other, with the mixes', and of the mixes' with themselves."""
    n = len(reader.song.tracks)
    gram, against = np.zeros((2, N_BANDS, n, n)), np.zeros((len(mixes), 2, N_BANDS, n))
    own = np.zeros((len(mixes), 2, N_BANDS))
    edges = _edges(reader.song.sample_rate)
    for start, length in _stretches(reader.song.n_samples):
        x = np.stack([spectra_of(_both(reader.read(k, start, length))) for k in range(n)])
        y = [spectra_of(_stretch(mix.samples, start, length)) for mix in mixes]
        for band, (low, high) in enumerate(pairwise(edges)):
            for side in range(2):
                tracks = _flat(x[:, side, low:high])
                gram[side, band] += tracks @ tracks.T
                for number, mix in enumerate(y):
                    whole = _flat(mix[None, side, low:high])[0]
                    against[number, side, band] += tracks @ whole
                    own[number, side, band] += whole @ whole
    return gram, against, own


def _flat(spectra: Complex[np.ndarray, "track bin frame"]) -> Float[np.ndarray, "track number"]:
    """Real and imaginary parts side by side: their products are the real products."""
    parts = np.concatenate([np.real(spectra), np.imag(spectra)], axis=1)
    return parts.reshape(len(spectra), -1).astype(np.float64)


def _edges(sample_rate: int) -> list[int]:
    """First bins of the bands, and the one after the last."""
    bins = np.searchsorted(np.fft.rfftfreq(WINDOW, 1.0 / sample_rate), OCTAVES_HZ)
    return [1, *np.maximum(bins, 1).tolist(), WINDOW // 2 + 1]


def _stretches(n_samples: int) -> list[tuple[int, int]]:
    size = _BLOCK_FRAMES * WINDOW // 2
    return [(start, min(size, n_samples - start) + WINDOW // 2) for start in range(0, n_samples, size)]


def _both(x: Float[np.ndarray, "_ time"]) -> Float[np.ndarray, "2 time"]:
    return np.broadcast_to(x, (2, x.shape[1]))


def _stretch(x: Float[np.ndarray, "2 time"], start: int, length: int) -> Float[np.ndarray, "2 length"]:
    part = x[:, start : start + length]
    return np.pad(part, ((0, 0), (0, length - part.shape[1])))


def _fitted(gram: np.ndarray, against: np.ndarray, own: np.ndarray) -> Fit:
    n = gram.shape[-1]
    gain = np.zeros((n, 2, N_BANDS))
    left_over = 0.0
    for side in range(2):
        for band in range(N_BANDS):
            g, b = gram[side, band], against[side, band]
            if not np.any(np.diag(g)):
                left_over += own[side, band]
                continue
            ridge = _RIDGE * np.max(np.diag(g)) * np.eye(n)
            root = np.linalg.cholesky(g + ridge).T
            found, _ = optimize.nnls(root, np.linalg.solve(root.T, b), maxiter=50 * n)
            gain[:, side, band] = found
            left_over += max(0.0, own[side, band] - 2.0 * found @ b + found @ g @ found)
    energy = np.einsum("sbii->isb", gram)
    total = float(own.sum())
    explained = 1.0 - left_over / total if total > 0.0 else 0.0
    return Fit(np.square(gain) * energy, energy.mean(axis=1), gain, float(np.clip(explained, 0.0, 1.0)))


class Heard(NamedTuple):
    """How much of each track is left beside the others: partial loudness over its loudness alone, 0 to 1."""

    track: Float[np.ndarray, " track"]
    """NaN for tracks that are not present."""
    mean: float


def heard(reader: SongReader, fits: Sequence[Fit]) -> list[Heard]:
    """Masked-to-unmasked ratio of each track in each mix (after Aichinger, Sontacchi, Schneider-Stickler 2011).

    Of the tracks as they were fitted, in third octaves with masking spread upwards. Loudness is a power law, and that
    beside a masker what the sum is louder than the masker: simpler than the model of Moore, Glasberg and Baer, and
    level-independent. A track alone reads 1; two that are the same read 0.17 each.
    """
    bands = _thirds(reader.song.sample_rate)
    n, n_octaves = len(reader.song.tracks), fits[0].gain.shape[-1]
    octave = np.searchsorted(OCTAVES_HZ, _THIRDS_HZ).clip(0, n_octaves - 1)

    def powers_of(track: int, start: int, length: int) -> Float[np.ndarray, "third frame"]:
        return bands @ np.mean(np.square(np.abs(spectra_of(_both(reader.read(track, start, length))))), axis=0)

    parts = _stretches(reader.song.n_samples)
    powers = np.concatenate([np.stack([powers_of(k, *part) for k in range(n)]) for part in parts], axis=-1)
    return [_heard(powers * np.mean(np.square(fit.gain), axis=1)[:, octave, None], fit.present) for fit in fits]


_THIRDS_HZ = 1000.0 * 10.0 ** (np.arange(-13, 13) / 10.0)


def _thirds(sample_rate: int) -> Float[np.ndarray, "third bin"]:
    """Which bins are in which third octave, from 50 Hz on; a band without a bin takes the nearest."""
    hz = np.fft.rfftfreq(WINDOW, 1.0 / sample_rate)
    inside = np.abs(np.log10(np.maximum(hz, 1.0))[None, :] - np.log10(_THIRDS_HZ)[:, None]) < 0.05
    nearest = np.argmin(np.abs(hz[None, :] - _THIRDS_HZ[:, None]), axis=1)
    inside[np.arange(len(_THIRDS_HZ)), nearest] = True
    return inside.astype(np.float64) * (_THIRDS_HZ[:, None] < sample_rate / 2.0)


def _heard(power: Float[np.ndarray, "track third frame"], present: Bool[np.ndarray, " track"]) -> Heard:
    excited = power.copy()
    step = 10.0 ** (-_SPREAD_DB_PER_THIRD / 10.0)
    for band in range(1, power.shape[1]):
        excited[:, band] += step * excited[:, band - 1]
    floor = np.max(power.sum(axis=0), axis=-1, keepdims=True) * 10.0 ** (_THRESHOLD_DB / 10.0) + 1e-30
    total = excited.sum(axis=0)

    def loudness(x: np.ndarray) -> np.ndarray:
        return np.power(x + floor, _EXPONENT)

    found = np.full(len(power), np.nan)
    for index in np.flatnonzero(present):
        alone = np.sum(loudness(excited[index]) - loudness(np.zeros_like(total)))
        others = np.maximum(total - excited[index], 0.0)
        found[index] = np.sum(loudness(total) - loudness(others)) / alone if alone > 0.0 else np.nan
    known = found[np.isfinite(found)]
    return Heard(found, float(np.mean(known)) if len(known) else np.nan)
