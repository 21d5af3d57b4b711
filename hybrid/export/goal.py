"""Content of a report on a followed goal: every quantity before and after, and excerpts to be compared by ear.

Plain NumPy and floats, as `sheet`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class GoalValue(NamedTuple):
    """One target of a quantity, in its unit."""

    name: str
    """Of the band or the region; empty where there is one target."""
    raw: float
    own: float
    """The mix that follows nothing."""
    asked: float
    after: float
    reference: float | None
    """None where no reference is followed in it."""


class GoalRow(NamedTuple):
    """One quantity that a goal asks for, or keeps."""

    aspect: str
    rule: str
    says: str
    unit: str
    amount: float
    """From 0, kept as it was, to 1."""
    values: tuple[GoalValue, ...]
    own_distance: float
    """Root mean square of own values from the reference's; 0 where none is followed."""
    after_distance: float


class GoalCurve(NamedTuple):
    """A spectrum that is followed, over the bands, in dB relative to its own mean."""

    title: str
    band_hz: Float[np.ndarray, " band"]
    own_db: Float[np.ndarray, " band"]
    after_db: Float[np.ndarray, " band"]
    reference_db: Float[np.ndarray, " band"]


class Excerpt(NamedTuple):
    """The loudest seconds of a mix, as loud as the other excerpts."""

    name: str
    start_s: float
    uri: str
    """The sound itself, as a `data:` address."""


class GoalSheet(NamedTuple):
    """What a goal asked of a mix, and what came of it."""

    references: tuple[str, ...]
    rows: tuple[GoalRow, ...]
    curves: tuple[GoalCurve, ...]
    excerpts: tuple[Excerpt, ...]
