"""What is observed of a human mix, whether a table of faders or audio says so, and in which unit."""

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
"""Share: loudness of a bus over that of the mix. Covered: of all buses of the budget together. Lead:
of the lead over the rest. Level: of one track over the mix. Distance: of a track from the centre, on either side.
Width: change of a stereo track's. Side: of the mix, over its mid, in a band. Spectrum: level of a band of constant Q
over the mean of the bands."""

AT_THE_FADERS = "Levels at the faders, before effects and compression, every track as if it sounded all the time."
WEIGHED = "Among mixes of one song, each counts by its mean score."
IN_THE_MIX = "Levels of the tracks as fitted to the mix, while they sound."


class Observed(NamedTuple):
    """One number of one mix; of several tracks of a role, their median.

    `of` is a role, an entry of a budget, or a band. `weight` counts among the mixes of the song only.
    """

    quantity: Quantity
    of: str
    song: str
    mix: str
    value: float
    n_tracks: int = 0
    weight: float = 1.0
