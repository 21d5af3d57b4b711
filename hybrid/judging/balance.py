"""Errors of a balance of tracks against one that a person decided: levels by track and by family, and places.

A balance is a gain for each track, and only differences between its gains count: of two mixes the louder is not the
better. The error is the mean absolute difference left by the common gain that leaves the least, which is the median.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

Levels = Float[np.ndarray, " track"]


def level_error_lu(levels_lu: Levels, human_lu: Levels) -> float:
    """Mean absolute difference of the tracks' levels after removing a common gain, LU."""
    difference = np.asarray(levels_lu, np.float64) - np.asarray(human_lu, np.float64)
    return float(np.mean(np.abs(difference - np.median(difference))))


def family_levels_lu(levels_lu: Levels, families: Sequence[str]) -> dict[str, float]:
    """Level of the sum of each family's tracks, as if they were uncorrelated, LU."""
    power: dict[str, float] = {}
    for level, family in zip(levels_lu, families, strict=True):
        power[family] = power.get(family, 0.0) + 10.0 ** (float(level) / 10.0)
    return {family: 10.0 * float(np.log10(total)) for family, total in power.items()}


def family_error_lu(levels_lu: Levels, human_lu: Levels, families: Sequence[str]) -> float | None:
    """The same for the sums of families; None for fewer than two, between which there is no balance."""
    own, human = family_levels_lu(levels_lu, families), family_levels_lu(human_lu, families)
    if len(own) < 2:
        return None
    return level_error_lu(np.array(list(own.values())), np.array([human[family] for family in own]))


def pan_error(pan: Mapping[str, float], human: Mapping[str, float]) -> float | None:
    """Mean absolute difference of the places of the tracks that both have, pan units; None for none.

    A mix and its mirror image are one balance: the nearer of the two counts.
    """
    both = [name for name in human if name in pan]
    if not both:
        return None
    own, other = (np.array([places[name] for name in both], np.float64) for places in (pan, human))
    return float(min(np.mean(np.abs(own - other)), np.mean(np.abs(own + other))))
