"""Where a mix stands among several: people's mixes of the same song, or a corpus of finished mixes.

Among people's mixes of a song, distance in units of how much they differ answers "is this a plausible mix" better than
the distance to any one (after De Man & Reiss 2017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

AS_FOUND = frozenset({"loudness_lufs", "true_peak_dbtp", "clipped", "dc_db"})
FEWEST = 3
"""Mixes from which one can speak of a spread."""
_ALIKE = 1e-9


class Standing(NamedTuple):
    """One feature of a mix among those of others."""

    value: float
    median: float
    spreads: float | None
    """Distance from the median in median absolute deviations, signed; None where the others do not differ."""
    percentile: float
    """Share of the others that are lower, those that are equal counted half, 0 to 100."""
    is_inside: bool
    """Between the tenth and the ninetieth percentile of the others."""


def standing(found: Mapping[str, float], others: Sequence[Mapping[str, float]]) -> dict[str, Standing]:
    """Of every feature that three of the others have at least, but for levels as they were found: they say how a mix
    was delivered."""
    result = {}
    for name, value in found.items():
        if name in AS_FOUND:
            continue
        known = np.array([other[name] for other in others if name in other])
        if len(known) >= FEWEST:
            result[name] = _standing(value, known)
    return result


def _standing(value: float, known: np.ndarray) -> Standing:
    median = float(np.median(known))
    deviation = float(np.median(np.abs(known - median)))
    below = np.sum(known < value) + 0.5 * np.sum(known == value)
    low, high = np.quantile(known, [0.1, 0.9])
    return Standing(
        value,
        median,
        (value - median) / deviation if deviation > _ALIKE else None,
        100.0 * float(below) / len(known),
        bool(low <= value <= high),
    )


def inside_share(standings: Mapping[str, Standing]) -> float:
    """Share of the features that lie between the tenth and the ninetieth percentile; NaN for none."""
    return float(np.mean([each.is_inside for each in standings.values()])) if standings else float("nan")
