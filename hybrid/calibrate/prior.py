"""What is usual for a single track of each role, as a mean and a spread: the rows of a prior."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from hybrid.calibrate.estimate import HALF_OF_NORMAL, Estimate, Key
from hybrid.calibrate.observed import UNIT, Quantity

Feature = Literal["level", "position", "width", "brightness"]

FEATURE_OF: dict[Quantity, Feature] = {"level": "level", "distance": "position", "width": "width"}
"""Nothing that is read of mixes tells the brightness of a track yet."""


class PriorRow(NamedTuple):
    """A normal law for one feature of tracks of one role, in `unit`."""

    feature: Feature
    role: str
    unit: str
    mean: float
    spread: float
    """Standard deviation between songs, wider for few songs as tolerances are."""
    n_songs: int


def prior_rows(found: Mapping[Key, Estimate]) -> Iterator[PriorRow]:
    """The rows that some estimates give, in their order.

    Left and right are alike: the mean position is the centre, and its spread the root mean square of the distances.
    """
    for (quantity, role), each in found.items():
        if quantity in FEATURE_OF:
            is_distance = quantity == "distance"
            spread = math.hypot(each.mean, each.spread) if is_distance else each.spread
            mean = 0.0 if is_distance else each.mean
            wide = max(spread, each.tolerance / HALF_OF_NORMAL)
            yield PriorRow(FEATURE_OF[quantity], role, UNIT[quantity], mean, wide, each.n_songs)
