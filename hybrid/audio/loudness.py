"""Loudness of samples as others measure it: pyloudnorm's, which shares nothing with the measures of the rules."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from pyloudnorm import Meter

_K_WEIGHTING = "DeMan"
"""The filter of pyloudnorm that follows the standard at any sample rate; its default reads 0.05 LU low."""
_BLOCK_S = 0.4
"""Length of a block of the standard: nothing shorter has a loudness."""
_RANGE_BLOCK_S = 3.0


def loudness_lufs(samples: Float[np.ndarray, "channel time"], sample_rate: int) -> float:
    """Integrated loudness by ITU-R BS.1770, in LUFS: -3.01 for a sine of 997 Hz at full scale in one channel.

    Silence reads -inf, and so does what is shorter than 0.4 s.
    """
    if samples.shape[1] < _BLOCK_S * sample_rate:
        return -np.inf
    with warnings.catch_warnings():
        # pyloudnorm warns of every silent block
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(_meter(sample_rate).integrated_loudness(samples.T.astype(np.float64)))


def loudness_range_lu(samples: Float[np.ndarray, "channel time"], sample_rate: int) -> float | None:
    """Loudness range by EBU Tech 3342, in LU; None for less than three seconds, and for silence."""
    if samples.shape[1] < _RANGE_BLOCK_S * sample_rate:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        range_lu = float(_meter(sample_rate).loudness_range(samples.T.astype(np.float64)))
    return range_lu if np.isfinite(range_lu) else None


def _meter(sample_rate: int) -> Meter:
    # loads SciPy, for which commands that measure nothing need not wait
    from pyloudnorm import Meter

    return Meter(sample_rate, _K_WEIGHTING)
