"""What is usual for a single track of each role, as a mean and a spread: the rows of a prior."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from hybrid.calibrate.estimate import HALF_OF_NORMAL, Estimate, Key
from hybrid.calibrate.observed import UNIT, Quantity

Feature = Literal["level", "position"]

FEATURE_OF: dict[Quantity, Feature] = {"level": "level", "distance": "position"}
"""Of a width only what was done to it is read, and of brightness nothing: the features are those of the mixed track."""


class PriorRow(NamedTuple):
    """A normal law for one feature of tracks of one role, in `unit`."""

    quantity: Quantity
    feature: Feature
    role: str
    unit: str
    mean: float
    spread: float
    """Standard deviation between songs, wider for few songs as tolerances are."""
    n_songs: int


def prior_rows(found: Mapping[Key, Estimate]) -> Iterator[PriorRow]:
    """The rows that some estimates give, in their order: the median, and the wider of deviation and tolerance."""
    for (quantity, role), each in found.items():
        if quantity in FEATURE_OF:
            wide = max(each.spread, each.tolerance / HALF_OF_NORMAL)
            yield PriorRow(quantity, FEATURE_OF[quantity], role, UNIT[quantity], each.median, wide, each.n_songs)
