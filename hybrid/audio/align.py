"""Finds when a finished mix begins on its tracks' clock, to a fraction of a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

LONGEST_S = 2.0
"""Lags are looked for up to here, either way."""
_LISTEN_S = 8.0
_LISTENS = 8
"""Stretches of the song that are compared, spread over it: about a minute of audio."""
_CLEAR = 6.0
"""How far the peak must stand above the root mean square of the correlation at all lags to be believed. Noise
reaches 4.5 to 5 among the 10^5 lags."""
_SINC = 32
"""Samples on either side that place the peak between two samples."""

Source = Callable[[int, int], Float[np.ndarray, " time"]]
"""Reads a mono signal: so many samples from a sample on, which may be negative; zero where there is none."""


class Lag(NamedTuple):
    """`samples` by which the mix comes late (early, if negative); 0 where `is_clear` is false."""

    samples: float
    is_clear: bool

    @property
    def whole(self) -> int:
        """The nearest number of whole samples."""
        return round(self.samples)


def find_lag(tracks: Source, mix: Source, n_samples: int, sample_rate: int) -> Lag:
    """The lag of `mix` behind the sum of its tracks, at which their whitened correlation peaks.

    Both spectra are divided by their own magnitude (the smoothed coherence transform, Carter 1973): a mix with
    other levels and tone still peaks sharply, and a steady beat does not peak at every bar alike.
    """
    reach = int(LONGEST_S * sample_rate)
    length = min(int(_LISTEN_S * sample_rate), n_samples)
    size = length + 2 * reach
    cross = np.zeros(size // 2 + 1, np.complex128)
    own = np.zeros((2, size // 2 + 1))
    for start in _starts(n_samples, length):
        x = np.fft.rfft(np.pad(tracks(start, length), (reach, reach)))
        y = np.fft.rfft(mix(start - reach, size))
        cross += np.conj(x) * y
        own += np.square(np.abs([x, y]))
    return _peak(_whitened(cross, own), reach, size)


def _starts(n_samples: int, length: int) -> Iterator[int]:
    """Where the stretches begin that are compared."""
    count = min(_LISTENS, -(-n_samples // length))
    room = n_samples - length
    return (round(k * room / max(count - 1, 1)) for k in range(count))


def _whitened(cross: Complex[np.ndarray, " bin"], own: Float[np.ndarray, "2 bin"]) -> Complex[np.ndarray, " bin"]:
    """Cross spectrum over the geometric mean of both powers; bins 80 dB below the strongest count for little."""
    floor = 1e-8 * own.max(axis=1, keepdims=True) + 1e-30
    return cross / np.sqrt(np.prod(own + floor, axis=0))


def _peak(spectrum: Complex[np.ndarray, " bin"], reach: int, size: int) -> Lag:
    correlation = np.fft.irfft(spectrum, size)
    near = np.concatenate([correlation[-reach:], correlation[: reach + 1]])
    at = int(np.argmax(near))
    if near[at] <= _CLEAR * np.sqrt(np.mean(np.square(near))):
        return Lag(0.0, False)
    return Lag(at - reach + _vertex(near, at), True)


def _vertex(values: Float[np.ndarray, " n"], at: int) -> float:
    """Where the peak of a band-limited correlation lies around a sample, -1 to 1, to 1/64: by sinc interpolation."""
    around = np.arange(max(0, at - _SINC), min(len(values), at + _SINC + 1))
    offset = np.arange(-64, 65) / 64.0
    return float(offset[np.argmax(np.sinc(offset[:, None] - (around - at)) @ values[around])])
