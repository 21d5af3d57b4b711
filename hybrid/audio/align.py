"""Time alignment of a finished mix with its tracks, to a fraction of a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

MAX_LAG_S = 2.0
"""The largest lag that is searched, in either direction."""
_SEGMENT_S = 8.0
_MAX_SEGMENTS = 8
"""Segments of the song that are compared, spread over it: about a minute of audio."""
_MIN_PEAK_RATIO = 6.0
"""The least ratio of the peak to the root mean square of the correlation over all lags for a reliable lag. Noise
reaches 4.5 to 5 among the 10^5 lags."""
_SINC_HALF_WIDTH = 32
"""Samples on either side of the peak from which its position between two samples is interpolated."""

SignalReader = Callable[[int, int], Float[np.ndarray, " time"]]
"""Reads a mono signal, `(start, n)` to `n` samples; `start` may be negative, and zero stands where there is none."""


class Lag(NamedTuple):
    """Lag of a mix behind its tracks in samples, negative where it is early; 0 where `is_reliable` is false."""

    samples: float
    is_reliable: bool

    @property
    def rounded(self) -> int:
        """The nearest whole number of samples."""
        return round(self.samples)


def find_lag(tracks: SignalReader, mix: SignalReader, n_samples: int, sample_rate: int) -> Lag:
    """The lag of `mix` behind the sum of its tracks at which their whitened cross-correlation peaks.

    Both spectra are divided by their own magnitude (smoothed coherence transform, Carter 1973): the peak stays sharp
    for a mix with other levels and tone, and a steady beat does not give an equal peak at every bar.
    """
    max_lag = int(MAX_LAG_S * sample_rate)
    length = min(int(_SEGMENT_S * sample_rate), n_samples)
    size = length + 2 * max_lag
    cross = np.zeros(size // 2 + 1, np.complex128)
    power = np.zeros((2, size // 2 + 1))
    for start in _segment_starts(n_samples, length):
        # silence around the tracks: the circular correlation is then a linear one at all lags searched
        x = np.fft.rfft(np.pad(tracks(start, length), (max_lag, max_lag)))
        y = np.fft.rfft(mix(start - max_lag, size))
        cross += np.conj(x) * y
        power += np.square(np.abs([x, y]))
    return _peak(_whiten(cross, power), max_lag, size)


def _segment_starts(n_samples: int, length: int) -> Iterator[int]:
    """First samples of the segments that are compared."""
    count = min(_MAX_SEGMENTS, -(-n_samples // length))
    last_start = n_samples - length
    return (round(k * last_start / max(count - 1, 1)) for k in range(count))


def _whiten(cross: Complex[np.ndarray, " bin"], power: Float[np.ndarray, "2 bin"]) -> Complex[np.ndarray, " bin"]:
    """Cross spectrum over the geometric mean of both powers; bins 80 dB below the strongest weigh little."""
    floor = 1e-8 * power.max(axis=1, keepdims=True) + 1e-30
    return cross / np.sqrt(np.prod(power + floor, axis=0))


def _peak(spectrum: Complex[np.ndarray, " bin"], max_lag: int, size: int) -> Lag:
    correlation = np.fft.irfft(spectrum, size)
    # lags in order, -max_lag to max_lag: negative ones wrap around to the end
    ordered = np.concatenate([correlation[-max_lag:], correlation[: max_lag + 1]])
    at = int(np.argmax(ordered))
    if ordered[at] <= _MIN_PEAK_RATIO * np.sqrt(np.mean(np.square(ordered))):
        return Lag(0.0, False)
    return Lag(at - max_lag + _peak_offset(ordered, at), True)


def _peak_offset(values: Float[np.ndarray, " n"], at: int) -> float:
    """Offset of a band-limited peak from sample `at`, -1 to 1 in steps of 1/64, by sinc interpolation."""
    around = np.arange(max(0, at - _SINC_HALF_WIDTH), min(len(values), at + _SINC_HALF_WIDTH + 1))
    offset = np.arange(-64, 65) / 64.0
    return float(offset[np.argmax(np.sinc(offset[:, None] - (around - at)) @ values[around])])
