"""Level, pan, tone and audibility of each raw track in a mix, by least squares.

In every octave and for each output channel, non-negative gains of the tracks' channels are fitted to the mix (SciPy's
NNLS on the normal equations). Effects, reverb and time-varying gain are not modelled: `explained` is the share of the
mix that is. All mixes that are compared are fitted alike, so that they share the errors of the method.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float
from scipy import optimize

from hybrid.audio.read import SongReader
from hybrid.judging.mix import WINDOW, Mix, stft

OCTAVES_HZ = 1000.0 * 2.0 ** (np.arange(-5, 4) + 0.5)
"""Edges between octaves, from 44 Hz to 11 kHz; the outermost bands extend to 0 Hz and to Nyquist."""
N_BANDS = len(OCTAVES_HZ) + 1
_BLOCK_FRAMES = 256
_RIDGE = 1e-6
"""Ridge of the normal equations, as a share of the loudest track's energy: equal tracks get equal gains."""
_PRESENT_DB = -40.0
"""Energy of a track, raw and in the mix, against the loudest one's, from which it is present. A guess."""
_EXPONENT = 0.23
"""Exponent of specific loudness over power of excitation (Zwicker & Fastl 2007, chapter 8)."""
_SPREAD_DB_PER_THIRD = 8.0
"""Slope of upward masking, about 25 dB/octave at medium levels (Zwicker & Fastl 2007, chapter 4)."""
_THRESHOLD_DB = -70.0
"""Threshold of hearing in a band, against the loudest frame of all tracks in it. A guess."""


class TrackFit(NamedTuple):
    """Least-squares fit of the tracks to a mix."""

    power: Float[np.ndarray, "track 2 band"]
    """Energy of each track in left and right: its raw energy times the squared gain."""
    raw: Float[np.ndarray, "track band"]
    """Energy of the raw tracks."""
    gain: Float[np.ndarray, "track 2 band"]
    """Linear gain to left and right."""
    explained: float
    """Share of the mix's energy, 0 to 1."""

    @property
    def level_db(self) -> Float[np.ndarray, " track"]:
        """Gain of each track over all bands, in dB; -120 for a silent one."""
        # raw energy counts for each output channel: unity gain to both reads 0 dB
        power, raw = self.power.sum(axis=(1, 2)), 2.0 * self.raw.sum(axis=1)
        return 10.0 * np.log10(np.maximum(np.divide(power, raw, out=np.zeros_like(raw), where=raw > 0.0), 1e-12))

    @property
    def pan(self) -> Float[np.ndarray, " track"]:
        """Pan of each track by the sine-cosine law, from -1 (left) to 1 (right)."""
        left, right = np.sqrt(self.power.sum(axis=2)).T
        return np.where(left + right > 0.0, np.arctan2(right, left) * 4.0 / np.pi - 1.0, 0.0)

    @property
    def tone_db(self) -> Float[np.ndarray, "track band"]:
        """Gain of each band relative to the track's level, in dB; 0 for bands below -30 dB of the raw track."""
        gain = 10.0 * np.log10(np.maximum(np.mean(np.square(self.gain), axis=1), 1e-12))
        has = self.raw > 1e-3 * self.raw.sum(axis=1, keepdims=True)
        return np.where(has, np.clip(gain - self.level_db[:, None], -30.0, 30.0), 0.0)

    @property
    def present(self) -> Bool[np.ndarray, " track"]:
        """Whether each track is loud enough, raw and in the mix, to be compared."""
        power, raw = self.power.sum(axis=(1, 2)), self.raw.sum(axis=1)
        floor = 10.0 ** (_PRESENT_DB / 10.0)
        return (raw > floor * np.max(raw, initial=0.0)) & (power > floor * np.max(power, initial=0.0))


def fit_tracks(reader: SongReader, mixes: Sequence[Mix]) -> list[TrackFit]:
    """The fit of the tracks to each of the mixes, which start with them and have their sample rate."""
    gram, cross, energy = _normal_equations(reader, mixes)
    return [_solve(gram, cross[k], energy[k]) for k in range(len(mixes))]


def _normal_equations(reader: SongReader, mixes: Sequence[Mix]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inner products of the tracks' spectra with each other, with the mixes', and of the mixes' with themselves."""
    n = len(reader.song.tracks)
    gram, cross = np.zeros((2, N_BANDS, n, n)), np.zeros((len(mixes), 2, N_BANDS, n))
    energy = np.zeros((len(mixes), 2, N_BANDS))
    edges = _edges(reader.song.sample_rate)
    for start, length in _segments(reader.song.n_samples):
        x = np.stack([stft(_as_stereo(reader.read(k, start, length))) for k in range(n)])
        y = [stft(_segment(mix.samples, start, length)) for mix in mixes]
        for band, (low, high) in enumerate(pairwise(edges)):
            for side in range(2):
                tracks = _flat(x[:, side, low:high])
                # sums over segments: only these products are in memory, not the spectra
                gram[side, band] += tracks @ tracks.T
                for number, mix in enumerate(y):
                    target = _flat(mix[None, side, low:high])[0]
                    cross[number, side, band] += tracks @ target
                    energy[number, side, band] += target @ target
    return gram, cross, energy


def _flat(spectra: Complex[np.ndarray, "track bin frame"]) -> Float[np.ndarray, "track number"]:
    """Real and imaginary parts as one row per track: inner products of rows are real parts of complex ones."""
    parts = np.concatenate([np.real(spectra), np.imag(spectra)], axis=1)
    return parts.reshape(len(spectra), -1).astype(np.float64)


def _edges(sample_rate: int) -> list[int]:
    """First bin of every band, and the one after the last; the first bin, DC, belongs to none."""
    bins = np.searchsorted(np.fft.rfftfreq(WINDOW, 1.0 / sample_rate), OCTAVES_HZ)
    return [1, *np.maximum(bins, 1).tolist(), WINDOW // 2 + 1]


def _segments(n_samples: int) -> list[tuple[int, int]]:
    """Start and length of the segments that are read at once; each overlaps the next by half a window."""
    size = _BLOCK_FRAMES * WINDOW // 2
    return [(start, min(size, n_samples - start) + WINDOW // 2) for start in range(0, n_samples, size)]


def _as_stereo(x: Float[np.ndarray, "_ time"]) -> Float[np.ndarray, "2 time"]:
    return np.broadcast_to(x, (2, x.shape[1]))


def _segment(x: Float[np.ndarray, "2 time"], start: int, length: int) -> Float[np.ndarray, "2 length"]:
    part = x[:, start : start + length]
    return np.pad(part, ((0, 0), (0, length - part.shape[1])))


def _solve(gram: np.ndarray, cross: np.ndarray, mix_energy: np.ndarray) -> TrackFit:
    n = gram.shape[-1]
    gain = np.zeros((n, 2, N_BANDS))
    residual = 0.0
    for side in range(2):
        for band in range(N_BANDS):
            g, b = gram[side, band], cross[side, band]
            if not np.any(np.diag(g)):
                residual += mix_energy[side, band]
                continue
            # with G = RᵀR, |R x - R⁻ᵀ b|² is xᵀG x - 2 xᵀb but for a constant: NNLS in n dimensions, not in all bins
            ridge = _RIDGE * np.max(np.diag(g)) * np.eye(n)
            root = np.linalg.cholesky(g + ridge).T
            x, _ = optimize.nnls(root, np.linalg.solve(root.T, b), maxiter=50 * n)
            gain[:, side, band] = x
            # the squared error, expanded into inner products: the spectra are not kept
            residual += max(0.0, mix_energy[side, band] - 2.0 * x @ b + x @ g @ x)
    # the diagonal of the Gram matrices is the energy of each track
    energy = np.einsum("sbii->isb", gram)
    total = float(mix_energy.sum())
    explained = 1.0 - residual / total if total > 0.0 else 0.0
    return TrackFit(np.square(gain) * energy, energy.mean(axis=1), gain, float(np.clip(explained, 0.0, 1.0)))


class Audibility(NamedTuple):
    """Audibility of each track beside the others: partial loudness over unmasked loudness, 0 to 1."""

    track: Float[np.ndarray, " track"]
    """NaN for tracks that are not present."""
    mean: float
    """Over the tracks that are present; NaN for none."""


def track_audibility(reader: SongReader, fits: Sequence[TrackFit]) -> list[Audibility]:
    """Masked-to-unmasked ratio of each track in each mix (after Aichinger, Sontacchi, Schneider-Stickler 2011).

    Of the fitted tracks, in third octaves with upward spread of masking. Loudness is a power law, and partial loudness
    the loudness of all tracks less that of the others: simpler than the model of Moore, Glasberg and Baer, and
    level-independent. A track alone reads 1; two equal ones read 0.17 each.
    """
    bands = _third_octave_matrix(reader.song.sample_rate)
    n, n_octaves = len(reader.song.tracks), fits[0].gain.shape[-1]
    # gains are known by octave: each third octave takes that of its octave
    octave = np.searchsorted(OCTAVES_HZ, _THIRD_OCTAVES_HZ).clip(0, n_octaves - 1)

    def powers_of(track: int, start: int, length: int) -> Float[np.ndarray, "third frame"]:
        return bands @ np.mean(np.square(np.abs(stft(_as_stereo(reader.read(track, start, length))))), axis=0)

    parts = _segments(reader.song.n_samples)
    powers = np.concatenate([np.stack([powers_of(k, *part) for k in range(n)]) for part in parts], axis=-1)
    return [_audibility(powers * np.mean(np.square(fit.gain), axis=1)[:, octave, None], fit.present) for fit in fits]


_THIRD_OCTAVES_HZ = 1000.0 * 10.0 ** (np.arange(-13, 13) / 10.0)


def _third_octave_matrix(sample_rate: int) -> Float[np.ndarray, "third bin"]:
    """Sums bins to third octaves from 50 Hz on; a band without a bin takes the nearest."""
    hz = np.fft.rfftfreq(WINDOW, 1.0 / sample_rate)
    inside = np.abs(np.log10(np.maximum(hz, 1.0))[None, :] - np.log10(_THIRD_OCTAVES_HZ)[:, None]) < 0.05
    nearest = np.argmin(np.abs(hz[None, :] - _THIRD_OCTAVES_HZ[:, None]), axis=1)
    inside[np.arange(len(_THIRD_OCTAVES_HZ)), nearest] = True
    return inside.astype(np.float64) * (_THIRD_OCTAVES_HZ[:, None] < sample_rate / 2.0)


def _audibility(power: Float[np.ndarray, "track third frame"], present: Bool[np.ndarray, " track"]) -> Audibility:
    # excitation: each band spreads to all above it, weaker by a constant step per third octave
    excitation = power.copy()
    step = 10.0 ** (-_SPREAD_DB_PER_THIRD / 10.0)
    for band in range(1, power.shape[1]):
        excitation[:, band] += step * excitation[:, band - 1]
    floor = np.max(power.sum(axis=0), axis=-1, keepdims=True) * 10.0 ** (_THRESHOLD_DB / 10.0) + 1e-30
    total = excitation.sum(axis=0)

    def loudness(x: np.ndarray) -> np.ndarray:
        return np.power(x + floor, _EXPONENT)

    ratio = np.full(len(power), np.nan)
    for index in np.flatnonzero(present):
        # less the loudness at the threshold itself, so that silence has none
        unmasked = np.sum(loudness(excitation[index]) - loudness(np.zeros_like(total)))
        others = np.maximum(total - excitation[index], 0.0)
        ratio[index] = np.sum(loudness(total) - loudness(others)) / unmasked if unmasked > 0.0 else np.nan
    finite = ratio[np.isfinite(ratio)]
    return Audibility(ratio, float(np.mean(finite)) if len(finite) else np.nan)
