"""From what was observed of mixes to medians, quartiles and tolerances, with the song as the unit.

Several mixes of one song are not independent: each song is first reduced to the median of its mixes, and every song
then counts the same.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from hybrid.calibrate.observed import Observed, Quantity

ENOUGH = 8
"""Songs from which quartiles are taken as they are: the smallest of eight lies below the true quartile in 90 of 100
samples (1 - 0.75 ** 8)."""
FEWEST = 2
"""One song says nothing of how songs differ."""
_CHI_SQUARED = (0.0158, 0.2107, 0.5844, 1.0636, 1.6103, 2.2041)
"""Its lower tenth for 1 to 6 degrees of freedom."""
HALF_OF_NORMAL = 0.6745
"""A normal law has its half within so many standard deviations."""

Key = tuple[Quantity, str]


class Estimate(NamedTuple):
    """One quantity over all songs that have it, in its unit; `spread` is the standard deviation."""

    median: float
    low: float
    """First quartile."""
    high: float
    """Third quartile."""
    tolerance: float
    """Half of the distance between the quartiles, or wider for few songs."""
    mean: float
    spread: float
    n_songs: int
    n_mixes: int
    n_tracks: int

    @property
    def is_thin(self) -> bool:
        """Whether the tolerance had to be widened, there being few songs."""
        return self.n_songs < ENOUGH


def estimates(observed: Iterable[Observed]) -> dict[Key, Estimate]:
    """The estimate of every quantity that at least two songs have, in order of its name."""
    groups: dict[Key, list[Observed]] = defaultdict(list)
    for each in observed:
        groups[each.quantity, each.of].append(each)
    found = {key: groups[key] for key in sorted(groups)}
    return {key: _estimate(rows) for key, rows in found.items() if len(_songs(rows)) >= FEWEST}


def alone(observed: Iterable[Observed]) -> list[Key]:
    """What only one song has, so that there is no estimate of it."""
    songs: dict[Key, set[str]] = defaultdict(set)
    for each in observed:
        songs[each.quantity, each.of].add(each.song)
    return sorted(key for key, names in songs.items() if len(names) < FEWEST)


def quantile(values: Sequence[float], share: float, weights: Sequence[float] | None = None) -> float:
    """The value below which `share` (0 to 1) of the weight lies, interpolated between the middles of the weights.

    With equal weights this is Hazen's rule: the median is the usual one. Weights that are all zero count as equal.
    """
    weights = weights if weights and sum(weights) > 0.0 else [1.0] * len(values)
    pairs = sorted(pair for pair in zip(values, weights, strict=True) if pair[1] > 0.0)
    wanted = share * math.fsum(weight for _, weight in pairs)
    before_value, before, passed = pairs[0][0], -math.inf, 0.0
    for value, weight in pairs:
        middle = passed + 0.5 * weight
        if middle >= wanted:
            part = (wanted - before) / (middle - before) if math.isfinite(before) else 1.0
            return before_value + part * (value - before_value)
        before_value, before, passed = value, middle, passed + weight
    return pairs[-1][0]


def half_width(values: Sequence[float]) -> float:
    """Half of the distance between the quartiles of some songs' values, wider for fewer than eight.

    Then it is that of an interval which holds half of a normal law with a confidence of 90 %: Howe (1969), Two-sided
    tolerance limits for normal populations. 6.6 standard deviations for two songs, 1.2 for seven.
    """
    plain = 0.5 * (quantile(values, 0.75) - quantile(values, 0.25))
    n = len(values)
    if n >= ENOUGH:
        return plain
    factor = HALF_OF_NORMAL * math.sqrt((1.0 + 1.0 / n) * (n - 1) / _CHI_SQUARED[n - 2])
    return max(plain, factor * statistics.stdev(values))


def _songs(rows: Iterable[Observed]) -> Mapping[str, list[Observed]]:
    songs: dict[str, list[Observed]] = defaultdict(list)
    for row in rows:
        songs[row.song].append(row)
    return {name: songs[name] for name in sorted(songs)}


def _estimate(rows: Sequence[Observed]) -> Estimate:
    songs = _songs(rows).values()
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
