"""The exact meters: loudness after BS.1770-4 in the time domain, and true peak, of a stream of samples."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.measure import loudness
from hybrid.signal import kweighting, oversample, recursive

SLICE_S = 0.1
"""Blocks of 400 ms overlap by three quarters, so that every block is four slices."""
_UNIT = 16 * recursive.STEP
"""Samples measured at a time: one length, so that one program serves every stream."""
_CONTEXT = oversample.TAPS_PER_PHASE - 1


class Levels(NamedTuple):
    """What the meters read."""

    integrated_lufs: float
    true_peak_dbtp: float
    momentary_lufs: Float[np.ndarray, " block"]
    short_term_lufs: Float[np.ndarray, " block"]


@jax.jit
def _step(
    filter_: recursive.BlockFilter, x: Float[Array, "channel time"], state: Float[Array, "channel state"]
) -> tuple[Float[Array, " time"], Float[Array, "channel state"]]:
    weighted, state = recursive.run_filter(filter_, x, state)
    return jnp.sum(jnp.square(weighted), axis=0), state


_peak = jax.jit(oversample.peak)


class Meter:
    """Reads a stream of samples, block after block, in bounded memory."""

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._filter = recursive.block_filter(kweighting.sections(sample_rate))
        self._state = jnp.zeros((channels, recursive.n_states(self._filter)))
        self._slice = round(SLICE_S * sample_rate)
        self._waiting = np.zeros((channels, 0), np.float32)
        self._sum = 0.0
        self._n_samples = 0
        self._slices: list[float] = []
        self._peak = 0.0
        self._recent = np.zeros((channels, _UNIT + _CONTEXT), np.float32)

    def add(self, x: Float[np.ndarray, "channel time"]) -> None:
        """Take the next samples, any number of them."""
        if not x.shape[-1]:
            return
        x = np.concatenate([self._waiting, x], axis=1)
        whole = x.shape[-1] // _UNIT * _UNIT
        for start in range(0, whole, _UNIT):
            self._measure(x[:, start : start + _UNIT], _UNIT)
        self._waiting = x[:, whole:]

    def _measure(self, x: Float[np.ndarray, "channel time"], count: int) -> None:
        """Advance over the first `count` samples of `x`: its peak, and its weighted squares into slices."""
        seen = np.concatenate([self._recent, x[:, :count]], axis=1)
        self._peak = max(self._peak, float(_peak(seen[:, -(_UNIT + _CONTEXT) :]).max()))
        self._recent = seen[:, -(_UNIT + _CONTEXT) :]
        squares, self._state = _step(self._filter, x, self._state)
        squares = np.asarray(squares)[:count].astype(np.float64)
        first = self._slice - self._n_samples % self._slice
        edges = [0, *range(first, count, self._slice)]
        sums = np.add.reduceat(squares, edges)
        self._sum += sums[0]
        for later in sums[1:]:
            self._slices.append(self._sum / self._slice)
            self._sum = later
        self._n_samples += count
        if self._n_samples % self._slice == 0:
            self._slices.append(self._sum / self._slice)
            self._sum = 0.0

    def levels(self) -> Levels:
        """What was read of all samples so far; to be asked once, at the end.

        A stream shorter than 400 ms is read as one block of its own length; digital silence reads -120.7 LUFS
        and -100 dBTP.
        """
        left = self._waiting.shape[-1]
        if left:
            self._measure(np.pad(self._waiting, ((0, 0), (0, _UNIT - left))), left)
            self._waiting = self._waiting[:, :0]
        ending = np.pad(self._recent[:, -_CONTEXT:], ((0, 0), (0, _CONTEXT)))
        self._peak = max(self._peak, float(_peak(ending).max()))
        rest = self._n_samples % self._slice
        slices = np.array(self._slices if len(self._slices) >= 4 or not rest else [*self._slices, self._sum / rest])
        if not len(slices):
            slices = np.zeros(1)
        power = jnp.asarray(slices)
        momentary = loudness.block_power(power, SLICE_S, loudness.MOMENTARY_S)
        short_term = loudness.block_power(power, SLICE_S, loudness.SHORT_TERM_S)
        return Levels(
            integrated_lufs=float(loudness.integrated_lufs(power, SLICE_S)),
            true_peak_dbtp=20.0 * float(np.log10(self._peak + 1e-5)),
            momentary_lufs=np.asarray(loudness.lufs(momentary)),
            short_term_lufs=np.asarray(loudness.lufs(short_term)),
        )
