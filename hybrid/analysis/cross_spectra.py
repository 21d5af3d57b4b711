"""How pairs of tracks relate as microphones do: which comes later, how alike they are, with which sign. NumPy.

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
"""Where polarity is judged, as by `phase_coherence`: below, a metre of path turns a wave by less than one and a half
turns, and most of the power of drums and basses lies there."""
LONGEST_S = 0.020
"""Lags are looked for up to here, either way: 7 m of air, which is beyond a drum kit's overheads."""
N_STRETCHES = 12
"""Stretches of a song that are told apart at most, to see whether what is found holds throughout."""
_HEARD_HZ = 40.0
"""Correlation counts from here: below it microphones hear rumble."""
_CARRIES = 1e-6
"""A bin counts where both tracks are within 60 dB of their strongest bin."""
_SOUNDS = 1e-3
"""A stretch counts where both tracks are within 30 dB of their loudest stretch below 500 Hz."""


class Peak(NamedTuple):
    """Where whitened correlations are furthest from zero."""

    lag: Int[np.ndarray, "*shape"]
    """Samples by which the second track is behind the first; negative where it is ahead."""
    value: Float[np.ndarray, "*shape"]
    """-1 to 1: of a copy 1, of an inverted copy -1, of unrelated tracks near 0."""
    rival: Float[np.ndarray, "*shape"]
    """The furthest of the other sign, 0 to 1: close to the value, the sign says nothing."""


class Relations(NamedTuple):
    """What pairs of tracks share, stretch by stretch."""

    pairs: Int[np.ndarray, "pair 2"]
    cross: Complex[np.ndarray, "stretch pair bin"]
    """Of the second track with the first: its phase falls with the second's delay."""
    own: Float[np.ndarray, "stretch track bin"]
    window: int
    sample_rate: int

    def of(self, which: Bool[np.ndarray, " pair"]) -> Relations:
        """Those of some of the pairs."""
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

    def sounds(self) -> Float[np.ndarray, "stretch pair"]:
        """1 in stretches in which both tracks of a pair sound."""
        power = self.low_power()
        is_on = (power > _SOUNDS * power.max(axis=0)) & (power > 0.0)
        return (is_on[:, self.pairs[:, 0]] & is_on[:, self.pairs[:, 1]]).astype(np.float64)

    def low_powers(self) -> Float[np.ndarray, "2 pair"]:
        """Power below 500 Hz of the first and the second track of each pair, over the whole song."""
        return self.low_power().sum(axis=0)[self.pairs.T]

    def peak(self) -> Peak:
        """Of each pair over the whole song."""
        return self._peak_of(self.cross.sum(axis=0), self.own.sum(axis=0))

    def peaks(self) -> Peak:
        """Of each pair in each stretch."""
        return self._peak_of(self.cross, self.own)

    def _peak_of(self, cross: Complex[np.ndarray, "*s pair bin"], own: Float[np.ndarray, "*s track bin"]) -> Peak:
        first, second = (own[..., self.pairs[:, k], :] for k in (0, 1))
        carries = (first > _CARRIES * first.max(axis=-1, keepdims=True)) & (
            second > _CARRIES * second.max(axis=-1, keepdims=True)
        )
        weight = carries * self._weight()
        scale = np.sqrt(np.where(carries, first * second, 1.0)) * np.maximum(weight.sum(axis=-1, keepdims=True), 1e-30)
        # an inverse transform divides by its length, and a real one counts every bin twice
        correlation = np.fft.irfft(weight * cross / scale, self.window, axis=-1) * (0.5 * self.window)
        return _furthest(correlation, min(int(LONGEST_S * self.sample_rate), self.window // 2 - 1))

    def _weight(self) -> Float[np.ndarray, " bin"]:
        hz = self.bin_hz
        return np.where(hz >= _HEARD_HZ, 1.0 / np.sqrt(np.maximum(hz, _HEARD_HZ)), 0.0)


def _furthest(correlation: Float[np.ndarray, "*shape time"], reach: int) -> Peak:
    near = np.concatenate([correlation[..., -reach:], correlation[..., : reach + 1]], axis=-1)
    at = np.argmax(np.abs(near), axis=-1)
    value = np.take_along_axis(near, at[..., None], axis=-1)[..., 0]
    rival = np.max(-near * np.sign(value)[..., None], axis=-1, initial=0.0)
    return Peak(at - reach, value, rival)


class Listener:
    """Gathers relations of `pairs` from the spectra of chunks, handed to it one after the other."""

    def __init__(self, pairs: Int[np.ndarray, "pair 2"], n_tracks: int, n_chunks: int, grid: Grid) -> None:
        self._pairs, self._n_chunks, self._hop = pairs, n_chunks, grid.hop
        self.n_bins = min(bandpower.HEARD_BINS, stft.HOPS_PER_WINDOW * grid.hop // 2 + 1)
        n_stretches = min(N_STRETCHES, n_chunks)
        self._cross = np.zeros((n_stretches, len(pairs), self.n_bins), np.complex64)
        self._own = np.zeros((n_stretches, n_tracks, self.n_bins))
        self._heard = 0

    def __call__(self, spectra: Complex[np.ndarray, "track window bin"]) -> None:
        """Take the next chunk."""
        stretch = self._heard * len(self._own) // self._n_chunks
        columns = np.ascontiguousarray(spectra.transpose(2, 0, 1))
        products = np.conj(columns) @ columns.transpose(0, 2, 1)
        self._cross[stretch] += products[:, self._pairs[:, 0], self._pairs[:, 1]].T
        self._own[stretch] += np.einsum("bii->ib", products).real
        self._heard += 1

    def relations(self, sample_rate: int) -> Relations:
        """What was heard."""
        return Relations(self._pairs, self._cross, self._own, stft.HOPS_PER_WINDOW * self._hop, sample_rate)
