"""Medians, quartiles and tolerances of observations of mixes, with the song as the unit.

Several mixes of one song are not independent: each song is first reduced to the median of its mixes, and then all songs
have the same weight.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from hybrid.calibrate.observations import Observation, Quantity

MIN_SONGS_FOR_QUARTILES = 8
"""Fewest songs whose quartiles are used unchanged: the smallest of eight values lies below the true quartile in 90 of
100 samples (1 - 0.75 ** 8)."""
MIN_SONGS = 2
"""Fewest songs for an estimate: one song has no spread."""
_CHI_SQUARED = (0.0158, 0.2107, 0.5844, 1.0636, 1.6103, 2.2041)
"""Lower tenth percentile of chi-squared for 1 to 6 degrees of freedom."""
HALF_OF_NORMAL = 0.6745
"""Half of a normal distribution lies within so many standard deviations of its mean."""

Key = tuple[Quantity, str]


class Estimate(NamedTuple):
    """Statistics of one quantity over all songs that have it, in its unit; `spread` is the standard deviation."""

    median: float
    low: float
    """First quartile."""
    high: float
    """Third quartile."""
    tolerance: float
    """Half of the interquartile range, or wider for few songs."""
    mean: float
    spread: float
    n_songs: int
    n_mixes: int
    n_tracks: int

    @property
    def has_few_songs(self) -> bool:
        """Whether there are too few songs for quartiles, so that the tolerance is widened."""
        return self.n_songs < MIN_SONGS_FOR_QUARTILES


def estimates(observations: Iterable[Observation]) -> dict[Key, Estimate]:
    """The estimate of every quantity that at least two songs have, ordered by name."""
    groups: dict[Key, list[Observation]] = defaultdict(list)
    for each in observations:
        groups[each.quantity, each.of].append(each)
    by_key = {key: groups[key] for key in sorted(groups)}
    return {key: _estimate(rows) for key, rows in by_key.items() if len(_songs(rows)) >= MIN_SONGS}


def single_song_keys(observations: Iterable[Observation]) -> list[Key]:
    """The quantities that only one song has, which have no estimate."""
    songs: dict[Key, set[str]] = defaultdict(set)
    for each in observations:
        songs[each.quantity, each.of].add(each.song)
    return sorted(key for key, names in songs.items() if len(names) < MIN_SONGS)


def quantile(values: Sequence[float], share: float, weights: Sequence[float] | None = None) -> float:
    """The weighted quantile `share` (0 to 1) of the values, interpolated between the middles of the weights.

    With equal weights this is Hazen's rule, whose median is the usual one. Weights that are all zero count as equal.
    """
    # a song whose mixes all have score 0 still has a median
    weights = weights if weights and sum(weights) > 0.0 else [1.0] * len(values)
    pairs = sorted(pair for pair in zip(values, weights, strict=True) if pair[1] > 0.0)
    target = share * math.fsum(weight for _, weight in pairs)
    before_value, before, passed = pairs[0][0], -math.inf, 0.0
    for value, weight in pairs:
        # each value stands at the middle of its weight on the cumulative scale
        middle = passed + 0.5 * weight
        if middle >= target:
            part = (target - before) / (middle - before) if math.isfinite(before) else 1.0
            return before_value + part * (value - before_value)
        before_value, before, passed = value, middle, passed + weight
    return pairs[-1][0]


def half_width(values: Sequence[float]) -> float:
    """Half of the interquartile range of the values of all songs; wider for fewer than eight songs.

    Then it is half of an interval that covers half of a normal distribution with a confidence of 90 %: Howe (1969),
    Two-sided tolerance limits for normal populations. 6.6 standard deviations for two songs, 1.2 for seven.
    """
    plain = 0.5 * (quantile(values, 0.75) - quantile(values, 0.25))
    n = len(values)
    if n >= MIN_SONGS_FOR_QUARTILES:
        return plain
    # Howe's factor: the lower tenth of chi-squared bounds the true deviation with 90 % confidence
    factor = HALF_OF_NORMAL * math.sqrt((1.0 + 1.0 / n) * (n - 1) / _CHI_SQUARED[n - 2])
    return max(plain, factor * statistics.stdev(values))


def _songs(rows: Iterable[Observation]) -> Mapping[str, list[Observation]]:
    songs: dict[str, list[Observation]] = defaultdict(list)
    for row in rows:
        songs[row.song].append(row)
    return {name: songs[name] for name in sorted(songs)}


def _estimate(rows: Sequence[Observation]) -> Estimate:
    songs = _songs(rows).values()
    # first the median within each song, then statistics over songs
    values = [quantile([row.value for row in song], 0.5, [row.weight for row in song]) for song in songs]
    return Estimate(
        median=quantile(values, 0.5),
        low=quantile(values, 0.25),
        high=quantile(values, 0.75),
        tolerance=half_width(values),
        mean=statistics.fmean(values),
        spread=statistics.stdev(values),
        n_songs=len(values),
        n_mixes=len({(row.song, row.mix) for row in rows}),
        n_tracks=sum(row.n_tracks for row in rows),
    )
