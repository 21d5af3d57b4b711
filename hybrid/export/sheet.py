"""Content of a report on one song: the treatment of every track and its measurements, before and after.

Plain NumPy and floats, so that a report can be written, kept and tested without an accelerator library.
Axes are named in the annotations: `band` runs over `band_hz`, `zone` over `zone_names` and `frame` over
`time_s`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from hybrid.export.goal import GoalSheet
from hybrid.knowledge.verdict import Verdict

SILENT_LU = -70.0
"""Loudness relative to the mix at and below which a track is called silent."""

_CERTAIN = 0.5
"""Confidence in a guessed role from which it is not called uncertain."""

FAMILIES = {
    "vocal": "Vocals",
    "drums": "Drums",
    "bass": "Bass",
    "guitar": "Guitars",
    "keys": "Keys",
    "synth": "Synths",
    "orchestra": "Strings and winds",
    "other": "Other",
}
"""Families of roles in the order in which an engineer lays out a console, and what to call them."""

_FAMILY_OF_ROOT = {"choir": "vocal", "strings": "orchestra", "brass": "orchestra", "woodwind": "orchestra"}


class Cut(NamedTuple):
    """A filter of a track that takes away what is beyond its corner."""

    name: str
    corner_hz: float
    is_low: bool
    """Whether it takes what is below."""


@dataclass(frozen=True)
class TrackSheet:
    """One track: who it is, how loud it was and became, and what was done to it."""

    id: str
    role: str
    tags: tuple[str, ...]
    confidence: float
    before_lu: float
    """Loudness in the raw sum, relative to the raw sum; minus infinity for silence."""
    after_lu: float
    """Loudness in the mix, relative to the mix; minus infinity for silence."""
    level_db: float
    pan: float
    """-100 is hard left, 100 is hard right."""
    width_db: float | None
    """Gain of the side signal against the mid; None for a mono track."""
    spread_db: float | None
    """Level of the side signal that is made of the mid, relative to it; None where there is none."""
    send_db: float | None
    """Level of what comes back from the room relative to the track; None in a dry mix or where nothing is sent."""
    cuts: tuple[Cut, ...]
    tone_db: Float[np.ndarray, " band"]
    ride_db: Float[np.ndarray, " frame"]
    dynamics_db: Float[np.ndarray, "zone frame"]
    active: Bool[np.ndarray, " frame"]

    @property
    def family(self) -> str:
        """The key of `FAMILIES` that its role belongs to."""
        root = self.role.split(".")[0]
        name = _FAMILY_OF_ROOT.get(root, root)
        return name if name in FAMILIES else "other"

    @property
    def has_uncertain_role(self) -> bool:
        """Whether its role was guessed and is more likely wrong than right."""
        return self.confidence < _CERTAIN

    @property
    def is_silent(self) -> bool:
        """Whether nothing of it can be heard in the mix."""
        return not self.after_lu > SILENT_LU or not self.active.any()


@dataclass(frozen=True)
class Sheet:
    """One mixed song. Spectra are relative to their own mean; a target band is None where no rule asks."""

    song: str
    title: str
    sample_rate: int
    duration_s: float
    tracks: tuple[TrackSheet, ...]
    band_hz: Float[np.ndarray, " band"]
    zone_names: tuple[str, ...]
    time_s: Float[np.ndarray, " frame"]
    raw_spectrum_db: Float[np.ndarray, " band"]
    mix_spectrum_db: Float[np.ndarray, " band"]
    target_low_db: Float[np.ndarray, " band"] | None
    target_high_db: Float[np.ndarray, " band"] | None
    raw_short_term_lufs: Float[np.ndarray, " frame"]
    mix_short_term_lufs: Float[np.ndarray, " frame"]
    before: Verdict
    after: Verdict
    notes: tuple[str, ...]
    made_with: dict[str, str]
    goal: GoalSheet | None = None
    """What references asked; None where none is followed."""

    @property
    def has_spread(self) -> bool:
        """Whether any track is given a width of its own."""
        return any(track.spread_db is not None for track in self.tracks)

    @property
    def has_reverb(self) -> bool:
        """Whether anything is sent to the room."""
        return any(track.send_db is not None for track in self.tracks)

    @property
    def in_console_order(self) -> list[TrackSheet]:
        """The tracks by family, louder first within one."""
        families = list(FAMILIES)
        return sorted(self.tracks, key=lambda track: (families.index(track.family), -track.after_lu, track.id))
