"""What differences between mixes of the same songs mean. The song is the unit: seeds are averaged within it first.

Tests are exact or resampled and assume no distribution; what a test cannot see is said beside what it finds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

CONFIDENCE = 0.95
POWER = 0.8
_EXACT_UP_TO = 16
"""Songs for which all signs are tried; for more, so many are drawn."""
_DRAWS = 20_000
_RESAMPLED_FROM = 16
FEWEST_EQUIVALENT = 3
"""Songs from which a difference can be said not to matter."""


class Effect(NamedTuple):
    """The differences of one arm from another over songs."""

    songs: int
    mean: float
    low: float
    high: float
    """Of the mean, with 95 % confidence: by resampling songs (bias-corrected and accelerated, Efron 1987), below
    sixteen songs, for which that is too narrow, by Student's t."""
    p: float
    """That signs as lopsided come by chance: the paired permutation test."""
    p_wilcoxon: float
    size: float
    """Mean over standard deviation (Cohen's d of paired differences); 0 where all songs differ alike."""
    spread: float
    """Standard deviation over songs; NaN for one."""
    detectable: float
    """The smallest mean difference that so many songs, as scattered as these, show in four of five studies, if it is
    the only one that is tested."""
    smallest_p: float
    """That so few songs can give at all."""


def effect_of(differences: Sequence[float]) -> Effect:
    """Of differences, one for each song. Raises ValueError for none."""
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
        min(1.0, 2.0 ** (1 - n)) if n <= _EXACT_UP_TO else 1.0 / (_DRAWS + 1),
    )


def permutation_p(differences: Float[np.ndarray, " song"]) -> float:
    """Two-sided: the share of all ways to turn signs whose mean is as far from zero (Fisher 1935); 1 if none differs.

    Exact up to 16 songs, with 20,000 drawn signs beyond.
    """
    x = np.asarray(differences, np.float64)
    n = len(x)
    if n <= _EXACT_UP_TO:
        codes = np.arange(2**n)
        signs = 1.0 - 2.0 * ((codes[:, None] >> np.arange(n)) & 1)
        means = np.abs(signs @ x) / n
        return float(np.mean(means >= abs(x.mean()) - 1e-12 * np.max(np.abs(x), initial=0.0)))
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (_DRAWS, n))
    as_far = np.sum(np.abs(signs @ x) / n >= abs(x.mean()) - 1e-12 * np.max(np.abs(x)))
    return float((as_far + 1) / (_DRAWS + 1))


def _wilcoxon_p(x: Float[np.ndarray, " song"]) -> float:
    if not np.any(x) or len(x) < 2:
        return 1.0
    return float(np.asarray(stats.wilcoxon(x, zero_method="zsplit"))[1])


def _interval(x: Float[np.ndarray, " song"]) -> tuple[float, float]:
    """NaN for one song."""
    if len(x) < 2:
        return float("nan"), float("nan")
    if np.ptp(x) == 0.0:
        return float(x[0]), float(x[0])
    if len(x) < _RESAMPLED_FROM:
        half = float(stats.t.ppf(0.5 + CONFIDENCE / 2.0, len(x) - 1) * np.std(x, ddof=1) / np.sqrt(len(x)))
        return float(np.mean(x)) - half, float(np.mean(x)) + half
    options = {"confidence_level": CONFIDENCE, "n_resamples": 2000, "rng": np.random.default_rng(0)}
    with np.errstate(all="ignore"):
        found = stats.bootstrap((x,), np.mean, **options).confidence_interval
    return float(found.low), float(found.high)


def detectable(spread: float, n: int, n_tests: int = 1) -> float:
    """The mean difference that a two-sided t-test at 5 % over so many tests finds with a power of 80 %; NaN for one
    song."""
    if n < 2 or not np.isfinite(spread):
        return float("nan")
    tail = (1.0 - CONFIDENCE) / 2.0 / n_tests
    return float((stats.t.isf(tail, n - 1) + stats.t.ppf(POWER, n - 1)) * spread / np.sqrt(n))


def holm(p: Sequence[float]) -> list[float]:
    """The p-values after Holm's correction (1979): their order stays, none is above 1."""
    order = np.argsort(p, kind="stable")
    adjusted, highest = np.empty(len(p)), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = highest
    return adjusted.tolist()


def is_equivalent(differences: Sequence[float], margin: float) -> bool:
    """Whether the mean difference lies within the margin, both ways, at 5 %: two one-sided t-tests (Schuirmann 1987).

    Never for fewer than three songs. Not corrected for how many such tests are made.
    """
    x = np.asarray(differences, np.float64)
    if len(x) < FEWEST_EQUIVALENT:
        return False
    if np.ptp(x) == 0.0:
        return bool(abs(x[0]) < margin)
    error = float(np.std(x, ddof=1)) / np.sqrt(len(x))
    nearest = (margin - abs(float(np.mean(x)))) / error
    return bool(stats.t.sf(nearest, len(x) - 1) < 1.0 - CONFIDENCE)


def by_song(values: Mapping[tuple[str, int], float]) -> dict[str, float]:
    """Means over seeds, of values by song and seed."""
    songs: dict[str, list[float]] = {}
    for (song, _), value in values.items():
        songs.setdefault(song, []).append(value)
    return {song: float(np.mean(found)) for song, found in songs.items()}
