"""The rows of a corpus prior: mean and spread of a feature of single tracks, by role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from hybrid.calibrate.estimate import HALF_OF_NORMAL, Estimate, Key
from hybrid.calibrate.observations import UNIT, Quantity

Feature = Literal["level", "position"]

FEATURE_OF: dict[Quantity, Feature] = {"level": "level", "distance": "position"}
"""Priors are over features of the mixed track: widths are observed as changes only, and brightness not at all."""


class PriorRow(NamedTuple):
    """A normal distribution of one feature of tracks of one role, in `unit`."""

    quantity: Quantity
    feature: Feature
    role: str
    unit: str
    mean: float
    spread: float
    """Standard deviation between songs; widened for few songs, like tolerances."""
    n_songs: int


def prior_rows(estimates: Mapping[Key, Estimate]) -> Iterator[PriorRow]:
    """A row for each estimate of a feature: the median, and the larger of its standard deviation and its tolerance."""
    for (quantity, role), each in estimates.items():
        if quantity in FEATURE_OF:
            # a widened tolerance, as a standard deviation of the normal distribution with that quartile
            wide = max(each.spread, each.tolerance / HALF_OF_NORMAL)
            yield PriorRow(quantity, FEATURE_OF[quantity], role, UNIT[quantity], each.median, wide, each.n_songs)
