"""Ranks of a mix's features among those of other mixes: human mixes of the same song, or a corpus of finished mixes.

Among human mixes of a song, the distance in units of their spread shows how plausible a mix is better than the distance
to any single one (after De Man & Reiss 2017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

DELIVERY_FEATURES = frozenset({"loudness_lufs", "true_peak_dbtp", "clipped", "dc_db"})
"""Features of the delivery, not of the mix: they are not ranked."""
MIN_MIXES = 3
"""Least number of other mixes for a spread."""
_MIN_DEVIATION = 1e-9


class FeatureRank(NamedTuple):
    """A feature of a mix among those of other mixes."""

    value: float
    median: float
    spreads: float | None
    """Signed distance from the median in median absolute deviations; None where the others do not differ."""
    percentile: float
    """Percentage of the others that are lower, equal ones counted half."""
    is_inside: bool
    """Between the tenth and the ninetieth percentile of the others."""


def rank_features(features: Mapping[str, float], others: Sequence[Mapping[str, float]]) -> dict[str, FeatureRank]:
    """The rank of every feature that at least three of the others have, but for features of the delivery."""
    ranks = {}
    for name, value in features.items():
        if name in DELIVERY_FEATURES:
            continue
        values = np.array([other[name] for other in others if name in other])
        if len(values) >= MIN_MIXES:
            ranks[name] = _rank(value, values)
    return ranks


def _rank(value: float, others: np.ndarray) -> FeatureRank:
    median = float(np.median(others))
    deviation = float(np.median(np.abs(others - median)))
    # a median value reads 50 however many of the others equal it
    below = np.sum(others < value) + 0.5 * np.sum(others == value)
    low, high = np.quantile(others, [0.1, 0.9])
    return FeatureRank(
        value,
        median,
        (value - median) / deviation if deviation > _MIN_DEVIATION else None,
        100.0 * float(below) / len(others),
        bool(low <= value <= high),
    )


def inside_share(ranks: Mapping[str, FeatureRank]) -> float:
    """Share of the features between the tenth and the ninetieth percentile, 0 to 1; NaN for none."""
    return float(np.mean([each.is_inside for each in ranks.values()])) if ranks else float("nan")
