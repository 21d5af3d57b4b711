"""Levels of tracks in human mixes with what they may depend on: role, recorded level, presence, company, a lead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

FEWEST_TRACKS = 3
"""Of two tracks there is one difference, and no balance."""


class SongLevels(NamedTuple):
    """One mix of a song: for every track that was balanced, its level and what that may depend on."""

    song: str
    author: str
    """Songs of one author are not independent; a song whose author is not known is its own."""
    roles: tuple[str, ...]
    has_lead: bool
    level_lu: Float[np.ndarray, " track"]
    """In the mix; only differences between tracks have a meaning."""
    recorded_lu: Float[np.ndarray, " track"]
    """Of the raw track; only differences between tracks have a meaning."""
    presence: Float[np.ndarray, " track"]
    """As in `measure.balance.LevelFeatures`; zeros where it is not known."""
    weight: float = 1.0
    """Among the mixes of the song."""


def per_song(mixes: Sequence[SongLevels]) -> list[SongLevels]:
    """The mixes that have enough tracks for a balance, those of each song weighted to one in all."""
    balanced = [each for each in mixes if len(each.roles) >= FEWEST_TRACKS and each.weight > 0.0]
    totals: dict[tuple[str, str], float] = defaultdict(float)
    for each in balanced:
        totals[each.author, each.song] += each.weight
    return [each._replace(weight=each.weight / totals[each.author, each.song]) for each in balanced]
