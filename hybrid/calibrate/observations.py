"""Quantities observed in human mixes, from tables of faders or from audio, and their units."""

from __future__ import annotations

from typing import Literal, NamedTuple

Quantity = Literal["share", "covered", "lead", "level", "distance", "width", "side", "spectrum"]

UNIT: dict[Quantity, str] = {
    "share": "LU",
    "covered": "LU",
    "lead": "LU",
    "level": "LU",
    "distance": "pan",
    "width": "dB",
    "side": "dB",
    "spectrum": "dB",
}
"""share: loudness of a bus over that of the mix. covered: loudness of all buses of the budget together over that of the
mix. lead: loudness of the lead over the rest. level: loudness of a track over the mix. distance: of a track from the
centre, on either side. width: change of the width of a stereo track. side: level of the side over the mid signal of the
mix, in a band. spectrum: level of a constant-Q band over the mean of all bands."""

LEVELS_AT_FADERS = "Levels at the faders, before effects and compression, as if every track sounded all the time."
WEIGHTED_BY_SCORES = "The mixes of a song are weighted by their mean scores."
LEVELS_IN_MIX = "Levels of the tracks as fitted to the mix, while they sound."


class Observation(NamedTuple):
    """One value of one mix, in the unit of its quantity; for several tracks of a role, their median.

    `of` is a role, an entry of a budget, or a band. `weight` is relative to the other mixes of the song.
    """

    quantity: Quantity
    of: str
    song: str
    mix: str
    value: float
    n_tracks: int = 0
    weight: float = 1.0
