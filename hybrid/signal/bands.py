"""Auditory filter bank: 40 bands equally spaced in ERB-number from 30 Hz to 16 kHz.

Triangular power weights that sum to one at every frequency, so that band powers sum to the power of the signal;
the lowest and the highest band take all power beyond their centre. Bands above half the sample rate are empty.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Numbers = Float[np.ndarray, "..."] | float
N_BANDS = 40
LOWEST_HZ = 30.0
HIGHEST_HZ = 16000.0
_ROUNDING = 1e-9
"""Relative tolerance of a band's centre: the highest is 16 kHz plus a rounding error."""


def erb_number(frequency_hz: Numbers) -> Float[np.ndarray, "..."]:
    """ERB-number (Cam) of a frequency: 21.4 log10(1 + 0.00437 f). Glasberg and Moore 1990, equation 4."""
    return np.asarray(21.4 * np.log10(1.0 + 0.00437 * frequency_hz))


def frequency_hz(erb: Numbers) -> Float[np.ndarray, "..."]:
    """Frequency of an ERB-number, Hz; the inverse of `erb_number`."""
    return np.asarray((10.0 ** (erb / 21.4) - 1.0) / 0.00437)


def bark_number(frequency_hz: Numbers) -> Float[np.ndarray, "..."]:
    """Critical-band rate in Bark: 13 atan(0.00076 f) + 3.5 atan((f/7500)^2). Zwicker and Terhardt 1980."""
    return np.asarray(13.0 * np.arctan(0.00076 * frequency_hz) + 3.5 * np.arctan((frequency_hz / 7500.0) ** 2))


def band_centres_hz(n_bands: int = N_BANDS) -> Float[np.ndarray, " {n_bands}"]:
    """Centre frequencies of the bands, Hz."""
    return frequency_hz(np.linspace(erb_number(LOWEST_HZ), erb_number(HIGHEST_HZ), n_bands))


def octaves_per_band() -> Float[np.ndarray, " band"]:
    """Width of each band in octaves: bands are equal in ERB, so low ones are wider."""
    edges = frequency_hz(
        erb_number(LOWEST_HZ)
        + (np.arange(N_BANDS + 1) - 0.5) * (erb_number(HIGHEST_HZ) - erb_number(LOWEST_HZ)) / (N_BANDS - 1)
    )
    return np.diff(np.log2(edges))


def bands_between(band_hz: tuple[float, float]) -> Float[np.ndarray, " band"]:
    """1 for bands whose centre lies in the range, its ends included, else 0."""
    centres = band_centres_hz()
    inside = (centres >= band_hz[0] * (1.0 - _ROUNDING)) & (centres <= band_hz[1] * (1.0 + _ROUNDING))
    return inside.astype(np.float64)


def curve_db(points: Sequence[tuple[float, float]]) -> Float[np.ndarray, " band"]:
    """Level at the band centres in dB of a curve through points (Hz, dB): straight lines over log frequency, constant
    beyond the ends."""
    corners_hz, levels_db = zip(*points, strict=True)
    return np.interp(np.log2(band_centres_hz()), np.log2(corners_hz), levels_db)


def bin_frequencies_hz(window: int, sample_rate: int) -> Float[np.ndarray, " bin"]:
    """Frequencies of the bins of a real transform of `window` samples, Hz."""
    return np.arange(window // 2 + 1) * (sample_rate / window)


def band_weights(bin_hz: Float[np.ndarray, " bin"], n_bands: int = N_BANDS) -> Float[np.ndarray, "bin {n_bands}"]:
    """Share of every bin's power that belongs to every band; each row sums to one.

    The same matrix interpolates a curve given at the band centres to the bins, linearly in ERB-number.
    """
    first, last = erb_number(LOWEST_HZ), erb_number(HIGHEST_HZ)
    position = np.clip((erb_number(bin_hz) - first) / (last - first) * (n_bands - 1), 0.0, n_bands - 1.0)
    # triangles that reach to the next centre: at every position two of them sum to one
    return np.maximum(0.0, 1.0 - np.abs(position[:, None] - np.arange(n_bands)))


def spectrum_scale(window: Float[np.ndarray, " window"]) -> Float[np.ndarray, " bin"]:
    """Factor for squared bin magnitudes after which they sum to the mean power under `window` (Parseval)."""
    size = window.shape[-1]
    # a real transform holds one of each pair of conjugate bins; 0 Hz and the Nyquist frequency have no partner
    twice = np.full(size // 2 + 1, 2.0)
    twice[0] = 1.0
    if size % 2 == 0:
        twice[-1] = 1.0
    return twice / (size * np.sum(np.square(window)))
