"""Statistics of paired differences between mixes. The song is the unit: seeds are averaged within it first.

Tests are exact or by resampling and assume no distribution; each effect states the smallest one that is detectable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

CONFIDENCE = 0.95
POWER = 0.8
_MAX_EXACT_SONGS = 16
"""Largest number of songs for which all signs are enumerated; for more, `_DRAWS` are drawn."""
_DRAWS = 20_000
_MIN_BOOTSTRAP_SONGS = 16
MIN_SONGS_EQUIVALENCE = 3
"""Least number of songs for a test of equivalence."""


class Effect(NamedTuple):
    """Paired differences between two arms over songs."""

    songs: int
    mean: float
    low: float
    high: float
    """Ends of the 95 % confidence interval of the mean: by a BCa bootstrap over songs (bias-corrected and accelerated,
    Efron 1987), below sixteen songs, for which that is too narrow, by Student's t."""
    p: float
    """Of the paired permutation test."""
    p_wilcoxon: float
    cohens_d: float
    """Mean over standard deviation (Cohen's d of paired differences); 0 for equal differences."""
    spread: float
    """Standard deviation over songs; NaN for one."""
    detectable: float
    """The smallest mean difference that is significant with a power of 80 % for this number of songs and spread, as a
    single test."""
    smallest_p: float
    """The smallest p-value that this number of songs can give."""


def paired_effect(differences: Sequence[float]) -> Effect:
    """The effect of differences, one for each song. Raises ValueError for none."""
    x = np.asarray(differences, np.float64)
    if not len(x):
        raise ValueError("expected at least one difference")
    n, mean = len(x), float(np.mean(x))
    spread = float(np.std(x, ddof=1)) if n > 1 else float("nan")
    low, high = _interval(x)
    return Effect(
        n,
        mean,
        low,
        high,
        permutation_p(x),
        _wilcoxon_p(x),
        mean / spread if n > 1 and spread > 0.0 else 0.0,
        spread,
        detectable(spread, n),
        min(1.0, 2.0 ** (1 - n)) if n <= _MAX_EXACT_SONGS else 1.0 / (_DRAWS + 1),
    )


def permutation_p(differences: Float[np.ndarray, " song"]) -> float:
    """Two-sided p-value of the sign-flip permutation test (Fisher 1935): the share of sign patterns whose mean is as
    far from zero; 1 if all differences are zero.

    Exact up to 16 songs, with 20,000 random sign patterns beyond.
    """
    x = np.asarray(differences, np.float64)
    n = len(x)
    if n <= _MAX_EXACT_SONGS:
        codes = np.arange(2**n)
        # bit k of a code is the sign of song k: all 2^n patterns
        signs = 1.0 - 2.0 * ((codes[:, None] >> np.arange(n)) & 1)
        means = np.abs(signs @ x) / n
        # the observed pattern is among them: rounding must not exclude it
        return float(np.mean(means >= abs(x.mean()) - 1e-12 * np.max(np.abs(x), initial=0.0)))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (_DRAWS, n))
    as_far = np.sum(np.abs(signs @ x) / n >= abs(x.mean()) - 1e-12 * np.max(np.abs(x)))
    # the observed pattern counts as one of the draws: p is never 0 (Phipson & Smyth 2010)
    return float((as_far + 1) / (_DRAWS + 1))


def _wilcoxon_p(x: Float[np.ndarray, " song"]) -> float:
    if not np.any(x) or len(x) < 2:
        return 1.0
    return float(np.asarray(stats.wilcoxon(x, zero_method="zsplit"))[1])


def _interval(x: Float[np.ndarray, " song"]) -> tuple[float, float]:
    """95 % confidence interval of the mean; NaN for one song."""
    if len(x) < 2:
        return float("nan"), float("nan")
    if np.ptp(x) == 0.0:
        return float(x[0]), float(x[0])
    if len(x) < _MIN_BOOTSTRAP_SONGS:
        half = float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, len(x) - 1) * np.std(x, ddof=1) / np.sqrt(len(x)))
        return float(np.mean(x)) - half, float(np.mean(x)) + half
    options = {"confidence_level": CONFIDENCE, "n_resamples": 2000, "rng": np.random.default_rng(0)}
    # the acceleration of nearly equal differences divides by a variance near 0
    with np.errstate(all="ignore"):
        interval = stats.bootstrap((x,), np.mean, **options).confidence_interval
    return float(interval.low), float(interval.high)


def detectable(spread: float, n: int, n_tests: int = 1) -> float:
    """The mean difference that a two-sided t-test at 5 % finds with a power of 80 %; NaN for one song.

    The level is divided by the number of tests (Bonferroni).
    """
    if n < 2 or not np.isfinite(spread):
        return float("nan")
    # significance and power are quantiles of one t distribution, shifted by the difference
    tail = (1.0 - CONFIDENCE) / 2.0 / n_tests
    return float((stats.t.isf(tail, n - 1) + stats.t.ppf(POWER, n - 1)) * spread / np.sqrt(n))


def holm(p: Sequence[float]) -> list[float]:
    """The p-values after Holm's correction (1979), in the same order, at most 1."""
    order = np.argsort(p, kind="stable")
    adjusted, highest = np.empty(len(p)), 0.0
    for rank, index in enumerate(order):
        # a larger p-value must not get a smaller adjusted one: the running maximum
        highest = max(highest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = highest
    return adjusted.tolist()


def is_equivalent(differences: Sequence[float], margin: float) -> bool:
    """Whether the mean difference is within the margin at 5 %, by two one-sided t-tests (Schuirmann 1987).

    False for fewer than three songs. Not corrected for the number of tests.
    """
    x = np.asarray(differences, np.float64)
    if len(x) < MIN_SONGS_EQUIVALENCE:
        return False
    if np.ptp(x) == 0.0:
        return bool(abs(x[0]) < margin)
    error = float(np.std(x, ddof=1)) / np.sqrt(len(x))
    nearest = (margin - abs(float(np.mean(x)))) / error
    return bool(stats.t.sf(nearest, len(x) - 1) < 1.0 - CONFIDENCE)


def mean_by_song(values: Mapping[tuple[str, int], float]) -> dict[str, float]:
    """Mean of each song over its seeds."""
    songs: dict[str, list[float]] = {}
    for (song, _), value in values.items():
        songs.setdefault(song, []).append(value)
    return {song: float(np.mean(each)) for song, each in songs.items()}
