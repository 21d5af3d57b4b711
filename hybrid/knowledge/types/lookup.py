"""Tables of one song that rules look up: buses, values by role, sections, as arrays of the padded size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hybrid.audio.song import Track
from hybrid.knowledge.select import Selector, by_role, select, share_selector


class SongLookup(NamedTuple):
    """Tracks, sets and sections of one song, and the padded size of what is looked up in it."""

    tracks: Sequence[Track]
    sets: Mapping[str, Selector]
    sections: Mapping[str, Sequence[tuple[float, float]]]
    """Start and end in s, by name."""
    n_tracks: int
    """Padding included."""
    time_s: Float[np.ndarray, " frame"]
    levels_are_recorded: bool = True
    """Whether the levels of the raw tracks to each other tell something."""

    def selected(self, selector: Selector) -> tuple[int, ...]:
        """Indices of the selected tracks."""
        return select(selector, self.tracks, self.sets)

    def bus_members(self, buses: Sequence[str]) -> Float[np.ndarray, "bus track"]:
        """One for the tracks of each bus, which is a set or a role pattern."""
        members = [self.selected(share_selector(name, self.sets)) for name in buses]
        return np.stack([ones(indices, self.n_tracks) for indices in members])

    def values_by_role(self, values: Mapping[str, tuple[float, ...]]) -> Float[np.ndarray, "track value"]:
        """The values of each track's role; zeros for tracks whose role has none."""
        width = len(next(iter(values.values())))
        rows = [by_role(values, track.role) or (0.0,) * width for track in self.tracks]
        return np.pad(np.array(rows, np.float32).reshape(-1, width), ((0, self.n_tracks - len(rows)), (0, 0)))

    def section_frames(self, names: Sequence[str]) -> Float[np.ndarray, "section frame"]:
        """One for the frames of each of these sections, or of all sections if none is named."""
        named = names or tuple(self.sections)
        rows = [
            np.max([(self.time_s >= start) & (self.time_s < end) for start, end in self.sections[name]], axis=0)
            for name in named
        ]
        return np.array(rows, np.float32).reshape(len(named), len(self.time_s))


def ones(indices: Sequence[int], n: int) -> Float[np.ndarray, " n"]:
    """One at each index, zero elsewhere."""
    mask = np.zeros(n, np.float32)
    mask[list(indices)] = 1.0
    return mask
