"""K-weighting of ITU-R BS.1770 at any sample rate: digital filters and their power response.

The shelf and the high pass are designed from their analogue parameters (De Man, AES 145, 2018), which gives the
standard's printed coefficients at 48 kHz.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex, Float

_SHELF_HZ, _SHELF_DB, _SHELF_Q = 1681.974450955533, 3.999843853973347, 0.7071752369554196
_HIGH_PASS_HZ, _HIGH_PASS_Q = 38.13547087602444, 0.5003270373238773


def sections(sample_rate: int) -> Float[np.ndarray, "2 6"]:
    """Coefficients of the two biquads as rows b0 b1 b2 a0 a1 a2 with a0 = 1: the shelf, then the high pass."""
    # bilinear transform, each filter prewarped at its own frequency
    high = 10.0 ** (_SHELF_DB / 20.0)
    # not quite the square root: with this exponent the standard's coefficients come out to 1e-9
    mid = high**0.4996667741545416
    k = np.tan(np.pi * _SHELF_HZ / sample_rate)
    d = 1.0 + k / _SHELF_Q + k * k
    shelf = [
        (high + mid * k / _SHELF_Q + k * k) / d,
        2.0 * (k * k - high) / d,
        (high - mid * k / _SHELF_Q + k * k) / d,
        1.0,
        2.0 * (k * k - 1.0) / d,
        (1.0 - k / _SHELF_Q + k * k) / d,
    ]
    k = np.tan(np.pi * _HIGH_PASS_HZ / sample_rate)
    d = 1.0 + k / _HIGH_PASS_Q + k * k
    # the numerator is not divided by d, as in the standard: at unity gain all would read 0.04 dB low
    high_pass = [1.0, -2.0, 1.0, 1.0, 2.0 * (k * k - 1.0) / d, (1.0 - k / _HIGH_PASS_Q + k * k) / d]
    return np.array([shelf, high_pass])


def _response(section: Float[np.ndarray, " 6"], z: Complex[np.ndarray, " bin"]) -> Complex[np.ndarray, " bin"]:
    # `z` is the delay z^-1, whose highest power `polyval` expects first
    return np.polyval(section[2::-1], z) / np.polyval(section[5:2:-1], z)


def power_response(frequency_hz: Float[np.ndarray, " bin"], sample_rate: int) -> Float[np.ndarray, " bin"]:
    """Squared magnitude of the K-weighting: 0 at 0 Hz, +0.69 dB at 1 kHz (48 kHz), about +4 dB above 4 kHz."""
    z = np.exp(-2j * np.pi * np.asarray(frequency_hz) / sample_rate)
    shelf, high_pass = sections(sample_rate)
    return np.abs(_response(shelf, z) * _response(high_pass, z)) ** 2
