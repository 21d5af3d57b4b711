"""Cross-spectra of pairs of tracks, and the lag, similarity and polarity that follow from them. NumPy.

The correlation is whitened by both tracks' powers (the smoothed coherence transform, Carter 1973), so that unrelated
bins count for little, and weighted by one over the root of frequency, between equal octaves and equal bins: of a snare
from above and from below only the lower octaves agree, but a filter turns their phase.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from hybrid.analysis.chunks import Grid
from hybrid.signal import bandpower, stft

LOW_HZ = (20.0, 500.0)
"""The band in which polarity is judged: there a metre of path turns a wave by less than one and a half turns, and drums
and basses have most of their power."""
MAX_SEARCH_LAG_S = 0.020
"""Largest lag that is searched, in either direction: 7 m of air, which is beyond a drum kit's overheads."""
MAX_STRETCHES = 12
"""Stretches into which a song is divided at most, to test whether a result holds throughout."""
_MIN_HZ = 40.0
"""Lowest frequency that counts in the correlation: below it microphones pick up rumble."""
_BIN_THRESHOLD = 1e-6
"""A bin counts where both tracks are within 60 dB of their strongest bin."""
_STRETCH_THRESHOLD = 1e-3
"""A stretch counts where both tracks are within 30 dB of their loudest stretch below 500 Hz."""


class Peak(NamedTuple):
    """Extrema of whitened correlations."""

    lag: Int[np.ndarray, "*shape"]
    """Samples by which the second track is later than the first; negative where it is earlier."""
    value: Float[np.ndarray, "*shape"]
    """-1 to 1: of a copy 1, of an inverted copy -1, of unrelated tracks near 0."""
    opposite: Float[np.ndarray, "*shape"]
    """Magnitude of the extremum of the other sign, 0 to 1: where it is close to the value, the sign is ambiguous."""


class CrossSpectra(NamedTuple):
    """Cross-spectra of pairs of tracks and power spectra of the tracks, stretch by stretch."""

    pairs: Int[np.ndarray, "pair 2"]
    cross: Complex[np.ndarray, "stretch pair bin"]
    """Of the second track with the first: its phase falls with the delay of the second."""
    own: Float[np.ndarray, "stretch track bin"]
    window: int
    sample_rate: int

    def select(self, which: Bool[np.ndarray, " pair"]) -> CrossSpectra:
        """The cross-spectra of some of the pairs."""
        return self._replace(pairs=self.pairs[which], cross=self.cross[:, which])

    @property
    def bin_hz(self) -> Float[np.ndarray, " bin"]:
        """Frequencies of the bins, Hz."""
        return np.arange(self.own.shape[-1]) * (self.sample_rate / self.window)

    @property
    def _is_low(self) -> slice:
        first, last = np.searchsorted(self.bin_hz, LOW_HZ)
        return slice(int(first), int(last))

    def low_power(self) -> Float[np.ndarray, "stretch track"]:
        """Power of each track below 500 Hz."""
        return self.own[..., self._is_low].sum(axis=-1)

    def low_cross(self, lag: Int[np.ndarray, " pair"]) -> Float[np.ndarray, "stretch pair"]:
        """Real cross power of each pair below 500 Hz, were the second track earlier by `lag` samples."""
        low = self._is_low
        turn = np.exp(2j * np.pi * lag[:, None] * np.arange(low.start, low.stop) / self.window)
        return np.real(np.sum(self.cross[..., low] * turn, axis=-1))

    def both_active(self) -> Float[np.ndarray, "stretch pair"]:
        """1 in stretches in which both tracks of a pair are active, else 0."""
        power = self.low_power()
        is_on = (power > _STRETCH_THRESHOLD * power.max(axis=0)) & (power > 0.0)
        return (is_on[:, self.pairs[:, 0]] & is_on[:, self.pairs[:, 1]]).astype(np.float64)

    def low_powers(self) -> Float[np.ndarray, "2 pair"]:
        """Power below 500 Hz of the first and the second track of each pair, over the whole song."""
        return self.low_power().sum(axis=0)[self.pairs.T]

    def peak(self) -> Peak:
        """The peak of each pair's correlation over the whole song."""
        return self._peak_of(self.cross.sum(axis=0), self.own.sum(axis=0))

    def peaks(self) -> Peak:
        """The peak of each pair's correlation in each stretch."""
        return self._peak_of(self.cross, self.own)

    def _peak_of(self, cross: Complex[np.ndarray, "*s pair bin"], own: Float[np.ndarray, "*s track bin"]) -> Peak:
        first, second = (own[..., self.pairs[:, k], :] for k in (0, 1))
        carries = (first > _BIN_THRESHOLD * first.max(axis=-1, keepdims=True)) & (
            second > _BIN_THRESHOLD * second.max(axis=-1, keepdims=True)
        )
        weight = carries * self._weight()
        # over the weights of the bins that count, so that a copy reads 1 however few they are
        scale = np.sqrt(np.where(carries, first * second, 1.0)) * np.maximum(weight.sum(axis=-1, keepdims=True), 1e-30)
        # an inverse transform divides by its length, and a real one counts every bin twice
        # bins above the compared ones are missing, and taken as zero by the transform
        correlation = np.fft.irfft(weight * cross / scale, self.window, axis=-1) * (0.5 * self.window)
        return _peak_within(correlation, min(int(MAX_SEARCH_LAG_S * self.sample_rate), self.window // 2 - 1))

    def _weight(self) -> Float[np.ndarray, " bin"]:
        hz = self.bin_hz
        return np.where(hz >= _MIN_HZ, 1.0 / np.sqrt(np.maximum(hz, _MIN_HZ)), 0.0)


def _peak_within(correlation: Float[np.ndarray, "*shape time"], reach: int) -> Peak:
    # the correlation is circular: negative lags lie at its end
    near = np.concatenate([correlation[..., -reach:], correlation[..., : reach + 1]], axis=-1)
    at = np.argmax(np.abs(near), axis=-1)
    value = np.take_along_axis(near, at[..., None], axis=-1)[..., 0]
    opposite = np.max(-near * np.sign(value)[..., None], axis=-1, initial=0.0)
    return Peak(at - reach, value, opposite)


class CrossSpectraAccumulator:
    """Accumulates cross-spectra of `pairs` from the spectra of chunks, one after the other."""

    def __init__(self, pairs: Int[np.ndarray, "pair 2"], n_tracks: int, n_chunks: int, grid: Grid) -> None:
        self._pairs, self._n_chunks, self._hop = pairs, n_chunks, grid.hop
        self.n_bins = min(bandpower.COMPARED_BINS, stft.HOPS_PER_WINDOW * grid.hop // 2 + 1)
        n_stretches = min(MAX_STRETCHES, n_chunks)
        self._cross = np.zeros((n_stretches, len(pairs), self.n_bins), np.complex64)
        self._own = np.zeros((n_stretches, n_tracks, self.n_bins))
        self._n_added = 0

    def __call__(self, spectra: Complex[np.ndarray, "track window bin"]) -> None:
        """Adds the spectra of the next chunk."""
        stretch = self._n_added * len(self._own) // self._n_chunks
        # bins in front: all pairs of tracks are one matrix product per bin
        columns = np.ascontiguousarray(spectra.transpose(2, 0, 1))
        products = np.conj(columns) @ columns.transpose(0, 2, 1)
        self._cross[stretch] += products[:, self._pairs[:, 0], self._pairs[:, 1]].T
        self._own[stretch] += np.einsum("bii->ib", products).real
        self._n_added += 1

    def cross_spectra(self, sample_rate: int) -> CrossSpectra:
        """The cross-spectra of all chunks so far."""
        return CrossSpectra(self._pairs, self._cross, self._own, stft.HOPS_PER_WINDOW * self._hop, sample_rate)
