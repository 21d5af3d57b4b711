"""The exact meters: loudness after BS.1770-4 in the time domain, and true peak, of a stream of samples."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from hybrid.measure import loudness
from hybrid.signal import kweighting, oversample

SLICE_S = 0.1
"""Blocks of 400 ms overlap by three quarters, so that every block is four slices."""
_UNIT = 1 << 16
"""Samples whose peak is taken at a time: one length, so that one program serves every stream."""
_CONTEXT = oversample.TAPS_PER_PHASE - 1
_PADDING = 1024
"""Slices are padded to a multiple of this, for the same reason: 102 s."""


class Loudness(NamedTuple):
    """What the loudness meter reads."""

    integrated_lufs: float
    momentary_lufs: Float[np.ndarray, " block"]
    short_term_lufs: Float[np.ndarray, " block"]


class Levels(NamedTuple):
    """What both meters read."""

    integrated_lufs: float
    true_peak_dbtp: float
    momentary_lufs: Float[np.ndarray, " block"]
    short_term_lufs: Float[np.ndarray, " block"]


class LoudnessMeter:
    """Reads the loudness of a stream of samples, block after block, in bounded memory, in float64."""

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
        first = self._slice - self._n_samples % self._slice
        sums = np.add.reduceat(squares, [0, *range(first, len(squares), self._slice)])
        self._sum += sums[0]
        for later in sums[1:]:
            self._slices.append(self._sum / self._slice)
            self._sum = later
        self._n_samples += len(squares)
        if self._n_samples % self._slice == 0:
            self._slices.append(self._sum / self._slice)
            self._sum = 0.0

    def loudness(self) -> Loudness:
        """What was read of all samples so far.

        A stream shorter than 400 ms is read as one block of its own length; digital silence reads -120.7 LUFS.
        """
        rest = self._n_samples % self._slice
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
    """Integrated, momentary and short-term loudness of slices, some of which are padding."""
    over = partial(loudness.block_power, frame_s=SLICE_S)
    running = [over(power, block_s=s) / over(inside, block_s=s) for s in (loudness.MOMENTARY_S, loudness.SHORT_TERM_S)]
    return loudness.integrated_lufs(power, inside, SLICE_S), loudness.lufs(running[0]), loudness.lufs(running[1])


_peak = jax.jit(oversample.peak)


class PeakMeter:
    """Reads the true peak of a stream of samples, block after block, in bounded memory."""

    def __init__(self, channels: int) -> None:
        self._waiting = np.zeros((channels, _CONTEXT), np.float32)
        self._peak = 0.0

    def add(self, x: Float[np.ndarray, "channel time"]) -> None:
        """Take the next samples, any number of them."""
        x = np.concatenate([self._waiting, x], axis=1)
        start = 0
        while x.shape[1] - start >= _UNIT + _CONTEXT:
            self._look(x[:, start : start + _UNIT + _CONTEXT])
            start += _UNIT
        self._waiting = x[:, start:]

    def _look(self, x: Float[np.ndarray, "channel time"]) -> None:
        self._peak = max(self._peak, float(np.asarray(_peak(x)).max()))

    def true_peak_dbtp(self) -> float:
        """The highest peak so far, to be asked once, at the end; digital silence reads -100 dBTP."""
        self._look(np.pad(self._waiting, ((0, 0), (0, _UNIT + _CONTEXT - self._waiting.shape[1]))))
        return 20.0 * float(np.log10(self._peak + 1e-5))


class Meter:
    """Both meters on one stream."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._loudness = LoudnessMeter(sample_rate, channels)
        self._peak = PeakMeter(channels)

    def add(self, x: Float[np.ndarray, "channel time"]) -> None:
        """Take the next samples, any number of them."""
        self._loudness.add(x)
        self._peak.add(x)

    def levels(self) -> Levels:
        """What was read of all samples so far; to be asked once, at the end."""
        integrated, momentary, short_term = self._loudness.loudness()
        return Levels(integrated, self._peak.true_peak_dbtp(), momentary, short_term)
