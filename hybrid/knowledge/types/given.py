"""Levels and places that are given track by track: a balance that somebody has found already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from hybrid.knowledge.types.base import RuleType, asking
from hybrid.knowledge.types.fields import LuByTrack, Part, PlaceByTrack
from hybrid.knowledge.types.lookup import SongLookup
from hybrid.units import Lu, PanStep


class _Given(RuleType):
    """A number for each of some tracks, by their ids."""

    def given(self) -> Mapping[str, float]:
        """The numbers, by the ids of tracks."""
        raise NotImplementedError

    def lookup_table(self, song: SongLookup) -> Float[np.ndarray, "track 2"]:
        """The number of each track, and one for the tracks that have one."""
        given = self.given()
        table = np.zeros((song.n_tracks, 2), np.float32)
        for index, track in enumerate(song.tracks):
            if track.id in given:
                table[index] = given[track.id], 1.0
        return table

    def numbers(self, value: Float[np.ndarray, " target"], share: Float[np.ndarray, " target"]) -> dict[str, float]:
        """What is given, moved by what was read of each track, of those that were read."""
        read = zip(self.given().items(), value.tolist(), share.tolist(), strict=False)
        return {name: round(number + beyond, 2) for (name, number), beyond, counts in read if counts > 0.0}


class GivenLevel(_Given):
    """Each track is as loud as it was found to be.

    For every track in `levels`: its loudness while it sounds less the one that is given, minus the median of that over
    these tracks, in LU: only differences between tracks are asked for.

    Source: the rough mix of a song, whose balance is a decision of its producer.
    Cheats: none known.
    """

    unit: ClassVar[str] = "LU"
    family: ClassVar[str] = "loudness"
    data: ClassVar[frozenset[str]] = frozenset({"levels"})

    levels: LuByTrack
    scale: Lu = 1.0
    acts_on: tuple[Part, ...] = ("gain.level",)

    def given(self) -> Mapping[str, float]:
        return self.levels

    def naming(self, tracks: Sequence[str]) -> RuleType:
        return self.model_copy(update={"levels": dict.fromkeys(tracks, 0.0)})

    def following(
        self,
        value: Float[np.ndarray, " target"],
        share: Float[np.ndarray, " target"],
        tolerance: Float[np.ndarray, " target"],
    ) -> RuleType:
        """The rule with the levels that were read, and the least tolerance for all tracks."""
        return self.model_copy(update={**asking(0.0, float(tolerance.min())), "levels": self.numbers(value, share)})


class GivenPlace(_Given):
    """Each track stands where it was found to stand.

    For every track in `places`: its pan position, -100 to 100, less the one that is given.

    Source: the rough mix of a song, whose places are decisions of its producer.
    Cheats: none known.
    """

    moved_by: ClassVar[tuple[str, ...]] = ("gain", "eq", "dynamics", "pan")
    unit: ClassVar[str] = "pan"
    family: ClassVar[str] = "space"
    data: ClassVar[frozenset[str]] = frozenset({"places"})

    places: PlaceByTrack
    scale: PanStep = 10.0
    acts_on: tuple[Part, ...] = ("pan.position",)

    def given(self) -> Mapping[str, float]:
        return self.places

    def naming(self, tracks: Sequence[str]) -> RuleType:
        return self.model_copy(update={"places": dict.fromkeys(tracks, 0.0)})

    def following(
        self,
        value: Float[np.ndarray, " target"],
        share: Float[np.ndarray, " target"],
        tolerance: Float[np.ndarray, " target"],
    ) -> RuleType:
        """The rule with the places that were read, and the least tolerance for all tracks."""
        return self.model_copy(update={**asking(0.0, float(tolerance.min())), "places": self.numbers(value, share)})
