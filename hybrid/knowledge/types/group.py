"""Groups and habits: what belongs together stays together, and mixes stay near what people do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, Field

from hybrid.knowledge.select import by_role
from hybrid.knowledge.types.base import RuleType
from hybrid.knowledge.types.fields import Part
from hybrid.knowledge.types.hooks import Statistic
from hybrid.units import Lu, Plain


class Usual(BaseModel, frozen=True, extra="forbid"):
    """Mean and standard deviation of a feature for one role, in the feature's unit."""

    mean: float
    spread: float = Field(gt=0)


class CorpusPrior(RuleType):
    """Each track is treated as its kind usually is.

    For every track with an entry in `table`, how many standard deviations its `feature` lies from the mean of its
    role: `level`, its loudness while it sounds relative to the mix in LU; `position`, its distance from the centre
    from 0 to 100; `width`, its side over its mid signal in dB, of stereo tracks; `brightness`, the slope that was
    added to its spectrum in dB per octave.

    Source: the mixes that `hybrid rules fit` was given.
    Cheats: none known; it pulls towards the mean, and only beyond what is asked.
    """

    unit: ClassVar[str] = "plain"
    fitted_by: ClassVar[Statistic | None] = "usual"
    data: ClassVar[frozenset[str]] = frozenset({"table"})

    feature: Literal["level", "position", "width", "brightness"]
    table: Mapping[str, Usual] = Field(min_length=1)
    scale: Plain = 1.0
    acts_on: tuple[Part, ...] = ("gain.level", "pan", "eq.tone")

    def by_role(self) -> Mapping[str, tuple[float, ...]]:
        return {role: (usual.mean, usual.spread) for role, usual in self.table.items()}

    def patched(self, role: str, shift: float) -> dict[str, object]:
        usual = by_role(self.table, role)
        if usual is None:
            return {}
        # the reading counts spreads
        return {"table": {role: {"mean": round(usual.mean + shift * usual.spread, 1), "spread": usual.spread}}}


class GroupIntegrity(RuleType):
    """A group that was recorded as a whole keeps its balance.

    For every track in `for`, its loudness relative to that of all of them together while it sounds, minus the same of
    the raw tracks, in LU: 0 where one fader moves all.

    Source: by design, for choirs, sections and kits that came balanced; 3 LU is by taste.
    Cheats: none known; two-sided.
    """

    unit: ClassVar[str] = "LU"

    scale: Lu = 1.0
    acts_on: tuple[Part, ...] = ("gain.level",)
