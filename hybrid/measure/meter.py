"""Exact meters of a stream of samples: loudness after BS.1770-4 in the time domain, and true peak."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from hybrid.measure import loudness
from hybrid.signal import kweighting, oversample

SLICE_S = 0.1
"""Length of a slice, s: blocks of 400 ms overlap by three quarters, so that every block is four slices."""
_UNIT = 1 << 16
"""Number of samples per peak computation: one length, so that one compiled program serves every stream."""
_CONTEXT = oversample.TAPS_PER_PHASE - 1
_PADDING = 1024
"""Slices are padded to a multiple of this, for the same reason: 102 s."""


class Loudness(NamedTuple):
    """Readings of the loudness meter."""

    integrated_lufs: float
    momentary_lufs: Float[np.ndarray, " block"]
    short_term_lufs: Float[np.ndarray, " block"]


class Levels(NamedTuple):
    """Readings of both meters."""

    integrated_lufs: float
    true_peak_dbtp: float
    momentary_lufs: Float[np.ndarray, " block"]
    short_term_lufs: Float[np.ndarray, " block"]


class LoudnessMeter:
    """Loudness meter of a stream of samples, block after block, in bounded memory, in float64."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        from scipy.signal import sosfilt  # half a second to import

        self._filtered = sosfilt
        self._sections = kweighting.sections(sample_rate)
        self._state = np.zeros((len(self._sections), channels, 2))
        self._slice = round(SLICE_S * sample_rate)
        self._sum = 0.0
        self._n_samples = 0
        self._slices: list[float] = []

    def add(self, x: Float[np.ndarray, "channel time"]) -> None:
        """Take the next samples, any number of them."""
        if not x.shape[-1]:
            return
        weighted, self._state = self._filtered(self._sections, x, axis=-1, zi=self._state)
        squares = np.einsum("ct,ct->t", weighted, weighted)
        # the first slice was begun by earlier calls, and the last one is completed by later ones
        first = self._slice - self._n_samples % self._slice
        sums = np.add.reduceat(squares, [0, *range(first, len(squares), self._slice)])
        self._sum += sums[0]
        for later in sums[1:]:
            self._slices.append(self._sum / self._slice)
            self._sum = later
        self._n_samples += len(squares)
        # a slice that ends with the block is complete as well, though no later sum follows it
        if self._n_samples % self._slice == 0:
            self._slices.append(self._sum / self._slice)
            self._sum = 0.0

    def loudness(self) -> Loudness:
        """Loudness of all samples so far.

        A stream shorter than 400 ms is one block of its own length; digital silence reads -120.7 LUFS.
        """
        rest = self._n_samples % self._slice
        # an incomplete block at the end does not count (BS.1770), unless it is the only one
        slices = self._slices if len(self._slices) >= 4 or not rest else [*self._slices, self._sum / rest]
        n = max(1, len(slices))
        padded = np.zeros(-(-n // _PADDING) * _PADDING, np.float32)
        padded[: len(slices)] = slices
        inside = (np.arange(len(padded)) < n).astype(np.float32)
        integrated, momentary, short_term = _readings(padded, inside)
        return Loudness(
            float(integrated),
            np.asarray(momentary)[: max(1, n - round(loudness.MOMENTARY_S / SLICE_S) + 1)],
            np.asarray(short_term)[: max(1, n - round(loudness.SHORT_TERM_S / SLICE_S) + 1)],
        )


@jax.jit
def _readings(power: Float[Array, " slice"], inside: Float[Array, " slice"]) -> tuple[Array, Array, Array]:
    """Integrated, momentary and short-term loudness, LUFS, of slices, some of which are padding."""
    over = partial(loudness.block_power, frame_s=SLICE_S)
    # blocks of padding alone divide zero by zero: `LoudnessMeter.loudness` cuts them off
    running = [over(power, block_s=s) / over(inside, block_s=s) for s in (loudness.MOMENTARY_S, loudness.SHORT_TERM_S)]
    return loudness.integrated_lufs(power, inside, SLICE_S), loudness.lufs(running[0]), loudness.lufs(running[1])


_peak = jax.jit(oversample.peak)


class PeakMeter:
    """True-peak meter of a stream of samples, block after block, in bounded memory."""

    def __init__(self, channels: int) -> None:
        self._context = np.zeros((channels, _CONTEXT), np.float32)
        self._peak = 0.0

    def add(self, x: Float[np.ndarray, "channel time"]) -> None:
        """Take the next samples, any number of them."""
        x = np.concatenate([self._context, x], axis=1)
        start = 0
        while x.shape[1] - start >= _UNIT + _CONTEXT:
            self._update(x[:, start : start + _UNIT + _CONTEXT])
            start += _UNIT
        # points between the last samples need samples that are still to come
        self._context = x[:, start:]

    def _update(self, x: Float[np.ndarray, "channel time"]) -> None:
        self._peak = max(self._peak, float(np.asarray(_peak(x)).max()))

    def true_peak_dbtp(self) -> float:
        """True peak of the stream, dBTP, to be called once, at its end; digital silence reads -100."""
        # silence follows the stream, so that points between its last samples count too
        self._update(np.pad(self._context, ((0, 0), (0, _UNIT + _CONTEXT - self._context.shape[1]))))
        return 20.0 * float(np.log10(self._peak + 1e-5))


class Meter:
    """Loudness and true-peak meter of one stream."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._loudness = LoudnessMeter(sample_rate, channels)
        self._peak = PeakMeter(channels)

    def add(self, x: Float[np.ndarray, "channel time"]) -> None:
        """Take the next samples, any number of them."""
        self._loudness.add(x)
        self._peak.add(x)

    def levels(self) -> Levels:
        """Readings of both meters, to be called once, at the end of the stream."""
        integrated, momentary, short_term = self._loudness.loudness()
        return Levels(integrated, self._peak.true_peak_dbtp(), momentary, short_term)
