"""Balance that follows from the arrangement and from what was recorded."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, Field, field_validator

from hybrid import quantity
from hybrid.knowledge.select import by_role
from hybrid.knowledge.types.base import RuleType
from hybrid.knowledge.types.fields import Part
from hybrid.knowledge.types.hooks import Statistic
from hybrid.knowledge.types.lookup import SongLookup
from hybrid.units import FieldCodec, Lu, Plain, field_error, parse_range


def _interval(unit: str) -> FieldCodec:
    def write(value: object) -> str:
        assert isinstance(value, tuple)
        return quantity.write_range((value[0], value[1]), unit)

    shape = {"type": "string", "description": f"such as '{quantity.range_example(unit)}'"}
    return FieldCodec(lambda value, info: parse_range(value, unit), write, shape)


LuInterval = Annotated[tuple[float, float], _interval("LU")]
PlainInterval = Annotated[tuple[float, float], _interval("plain")]


class UsualLevel(BaseModel, frozen=True, extra="forbid"):
    """What is usual for the tracks of a role, against the mean of the song's tracks."""

    level: Lu
    """Loudness in the mix."""
    recorded: Lu = 0.0
    """Loudness of the raw track: only what differs from it is evidence."""
    with_lead: Lu = 0.0
    """Added to the level in songs that have a lead."""
    interval: LuInterval | None = None
    """95 % interval of the level, to be read by people."""
    songs: Annotated[int, Field(ge=1)] | None = None
    """Songs that it rests on, to be read by people."""


class Slope(BaseModel, frozen=True, extra="forbid"):
    """Change of the expected level with a feature of the track, LU."""

    value: Lu = 0.0
    interval: LuInterval | None = None
    """95 % interval, to be read by people."""


class RecordedSlope(BaseModel, frozen=True, extra="forbid"):
    """Change of the expected level with the recorded one, LU per LU."""

    value: Annotated[Plain, Field(ge=0.0, le=1.5)] = 0.0
    interval: PlainInterval | None = None
    """95 % interval, to be read by people."""


class ExpectedLevel(RuleType):
    """Each track is as loud as its part in the arrangement and its recording lead one to expect.

    The expected level of a track, against the mean of the song's tracks, is the usual `level` of its role, and
    `recorded.value` for each LU by which it was recorded louder than is usual for its role, and `presence.value` for
    each doubling of the share of the song in which it sounds, and `company.value` for each doubling of the number of
    tracks of its family. For every track: its loudness while it sounds less what is expected, minus the median of
    that over the tracks of the rule, in LU. Where recorded levels say nothing, since song.yaml calls them `arbitrary`
    or all raw tracks are equally loud, nothing is made of them. Only differences between tracks are asked for: a song
    without drums has no share to be filled.

    Source: `hybrid rules fit` on human mixes. That half of the recorded balance and half of the usual one predict a
    mix better than either does: MixologyDB, 90 mixes of 13 songs.
    Cheats: none beyond those of role_budget.
    """

    unit: ClassVar[str] = "LU"
    family: ClassVar[str] = "loudness"
    fitted_by: ClassVar[Statistic | None] = "expected"
    data: ClassVar[frozenset[str]] = frozenset({"roles", "recorded", "presence", "company"})
    starts_levels: ClassVar[bool] = True

    roles: Mapping[str, UsualLevel]
    recorded: RecordedSlope = RecordedSlope()
    presence: Slope = Slope()
    company: Slope = Slope()
    scale: Lu = 1.0
    acts_on: tuple[Part, ...] = ("gain.level",)

    def by_role(self) -> Mapping[str, tuple[float, ...]]:
        return {role: (usual.level, usual.recorded, usual.with_lead) for role, usual in self.roles.items()}

    def lookup_table(self, song: SongLookup) -> Float[np.ndarray, "track 4"]:
        """Of each track: the level that its role and company lead one to expect, LU; its usual recorded level, LU;
        the slopes of the recorded level, LU per LU, and of the presence, LU per doubling."""
        level, recorded, with_lead = song.values_by_role(self.by_role()).T
        if any("lead" in track.tags for track in song.tracks):
            level = level + with_lead
        families = [track.role.partition(".")[0] for track in song.tracks]
        members = Counter(families[k] for k in song.selected(self.for_))
        # strangers are no company: nobody knows that they are alike
        doublings = [0.0 if name == "unknown" else math.log2(max(members[name], 1)) for name in families]
        level = level + self.company.value * np.pad(np.array(doublings, np.float32), (0, len(level) - len(doublings)))
        recorded_slope = self.recorded.value * song.levels_are_recorded
        slopes = (np.full_like(level, slope) for slope in (recorded_slope, self.presence.value))
        return np.stack([level, recorded, *slopes], axis=1).astype(np.float32)

    def trusts_raw_levels(self) -> bool:
        return self.recorded.value > 0.0

    def shifted(self, draw: Callable[[], float]) -> RuleType:
        # one shift of all tracks would shift nothing
        moved = {role: usual.model_copy(update={"level": usual.level + draw()}) for role, usual in self.roles.items()}
        return self.model_copy(update={"roles": moved})

    def patched(self, role: str, shift: float) -> dict[str, object]:
        # a role without an entry of its own gets one: that of its family goes on for the others
        usual = by_role(self.roles, role) or self.roles["all"]
        entry: dict[str, object] = {"level": quantity.write(round(usual.level + shift, 2), "LU")}
        if role not in self.roles:
            entry["recorded"] = quantity.write(usual.recorded, "LU")
            entry |= {"with_lead": quantity.write(usual.with_lead, "LU")} if usual.with_lead else {}
        return {"roles": {role: entry}}

    @field_validator("roles")
    @classmethod
    def _covers_all(cls, usual_levels: Mapping[str, UsualLevel]) -> Mapping[str, UsualLevel]:
        if "all" not in usual_levels:
            raise field_error("needs an entry `all`: what is expected of tracks whose role has none of its own")
        return usual_levels
