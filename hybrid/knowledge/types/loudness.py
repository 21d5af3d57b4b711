"""Loudness balance: who is how loud."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from hybrid.knowledge.types.base import RuleType
from hybrid.knowledge.types.fields import LuByRole, Part
from hybrid.knowledge.types.hooks import Statistic, TargetKind
from hybrid.units import Db, Lu, Plain, field_error, field_warning


class LeadToRestRatio(RuleType):
    """The lead is about as loud as everything else together.

    Loudness of the tracks in `for` minus that of the tracks in `against`, both as sums, over the frames in
    which the lead sounds, in LU. 0 LU is the lead 3.01 LU below the whole mix. One number for the rule.

    Source: Gerdes 2023; de Clercq 2024 (loudness against the mix without the lead).
    Cheats: turning the rest down (role_budget, audibility_floor), a wide lead in antiphase (mono_foldown),
    lifting the lead at 2-4 kHz only, where the K-weighting favours it (timbre_change).
    """

    unit: ClassVar[str] = "LU"
    target_kind: ClassVar[TargetKind] = "bus"
    opposes: ClassVar[Literal["never", "may", "must"]] = "must"
    fitted_by: ClassVar[Statistic | None] = "lead"

    scale: Lu = 1.0
    acts_on: tuple[Part, ...] = ("gain",)


class BudgetShare(BaseModel, frozen=True, extra="forbid"):
    """The share of one role: its loudness relative to the mix."""

    target: Lu
    tolerance: Lu = 2.0


class RoleBudget(RuleType):
    """Each role takes its usual share of the mix.

    For every role pattern or set in `targets`: loudness of the bus of its tracks minus loudness of the mix,
    over the frames in which the bus sounds, in LU. One number for each entry that has tracks. The shares
    must be able to add up to a whole; `budget_sum_lu` checks that.

    Source: shares by taste; levels from an energy model were preferred to loudness models (Wichern 2015).
    Cheats: playing less often (activity is taken from the dry tracks), splitting a part over tracks
    (buses).
    """

    unit: ClassVar[str] = "LU"
    target_kind: ClassVar[TargetKind] = "bus"
    asks: ClassVar[bool] = False
    fitted_by: ClassVar[Statistic | None] = "share"
    data: ClassVar[frozenset[str]] = frozenset({"targets"})

    targets: Mapping[str, BudgetShare]
    scale: Lu = 1.0
    acts_on: tuple[Part, ...] = ("gain",)

    def entries(self) -> Mapping[str, tuple[float | None, float | None]]:
        return {
            role: (share.target - share.tolerance, share.target + share.tolerance)
            for role, share in self.targets.items()
        }

    def buses(self) -> tuple[str, ...]:
        return tuple(self.targets)

    def shifted(self, draw: Callable[[], float]) -> RuleType:
        rule = super().shifted(draw)
        targets = {
            role: share.model_copy(update={"target": share.target + draw()}) for role, share in self.targets.items()
        }
        return rule.model_copy(update={"targets": targets})

    @field_validator("targets")
    @classmethod
    def _adds_up(cls, targets: Mapping[str, BudgetShare], info: ValidationInfo) -> Mapping[str, BudgetShare]:
        if not targets:
            raise field_error("a budget needs at least one role")
        total = budget_sum_lu({role: share.target for role, share in targets.items()})
        if total > 1.0:
            raise field_error(f"the shares add up to {total:+.1f} LU of the mix: more than there is")
        if total < -1.0:
            field_warning(info, f"the shares add up to only {total:+.1f} LU of the mix: something else must fill it")
        return targets


def budget_sum_lu(targets: Mapping[str, float]) -> float:
    """Loudness of all shares together relative to the mix, in LU: 0 when uncorrelated shares make a whole.

    Two shares of -3.01 LU make 0. Every share is taken to sound all the time.
    """
    return 10.0 * math.log10(math.fsum(10.0 ** (target / 10.0) for target in targets.values()))


class EqualLoudness(RuleType):
    """All tracks are equally loud, but for a boost by role.

    For every track, its loudness while it sounds, less its `boost`, minus the median of that over the tracks of
    the rule, in LU. A baseline for studies, against which budgets are judged; not how people mix.

    Source: Perez Gonzalez and Reiss 2009; Ronan 2018, who lifts the lead by 6 dB.
    Cheats: none beyond those of role_budget.
    """

    unit: ClassVar[str] = "LU"
    data: ClassVar[frozenset[str]] = frozenset({"boost"})

    boost: LuByRole = Field(default={})
    scale: Lu = 1.0
    acts_on: tuple[Part, ...] = ("gain",)

    def by_role(self) -> Mapping[str, tuple[float, ...]]:
        return {role: (boost,) for role, boost in self.boost.items()} or {"all": (0.0,)}


class AudibilityFloor(RuleType):
    """Nothing that plays may vanish.

    For every track, the share of the frames in which it sounds where its five best bands stand out from the
    rest: the mean of a soft step at -3 dB of band level minus masking level, from 0 (never heard) to 1.

    Source: by design, the counterweight to every rule that could be met by turning a track down.
    Cheats: one loud click in each frame (the five best bands are averaged; timbre_change).
    """

    unit: ClassVar[str] = "plain"

    offset: Db = 6.0
    """How far below a masker of noise its masking level lies."""
    scale: Plain = 0.1
    acts_on: tuple[Part, ...] = ("gain", "eq")
