"""The table of rules: the allowed interval of each, its value, and the excess beyond it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from hybrid.export.verdict import n_kept, ordered, state
from hybrid.knowledge.verdict import Finding, TargetFinding, Verdict
from hybrid.pages.plot import Axis

_TIERS = {0: "Safety", 1: "Fidelity", 2: "Balance", 3: "Colour"}
_MOST_TARGETS = 80
"""Targets listed per rule, worst first: pairs of sixty tracks would fill the file."""


class Dumbbell(NamedTuple):
    """Raw and mixed value of a target over an axis that holds its allowed interval."""

    axis: Axis
    low: float
    high: float
    """Ends of the allowed interval, or of the axis where it is open; wide enough to be seen."""
    before: float
    after: float


class RuleRow(NamedTuple):
    """One rule in the mix, beside the same rule in the raw sum."""

    mix: Finding
    raw: Finding | None

    @property
    def state(self) -> str:
        """kept, broken, or unused: it matched nothing."""
        return state(self.mix)

    @property
    def is_newly_broken(self) -> bool:
        """Whether mixing broke what the raw sum kept."""
        return self.state == "broken" and self.raw is not None and self.raw.kept

    @property
    def worst(self) -> TargetFinding:
        """The target with the largest excess in the mix."""
        return self.mix.targets[0]

    @property
    def raw_excess(self) -> float:
        """The largest excess in the raw sum, in the rule's unit."""
        return self.raw.targets[0].excess if self.raw and self.raw.targets else 0.0

    @property
    def listed(self) -> tuple[TargetFinding, ...]:
        """The targets that are listed, worst first; none where there is but one."""
        return self.mix.targets[:_MOST_TARGETS] if len(self.mix.targets) > 1 else ()

    @property
    def n_over(self) -> int:
        """Number of targets beyond what is allowed."""
        return sum(target.excess > 0 for target in self.mix.targets)

    def raw_of(self, target: TargetFinding) -> TargetFinding | None:
        """The same target in the raw sum."""
        targets = self.raw.targets if self.raw else ()
        return next((other for other in targets if other.name == target.name), None)

    @property
    def dumbbell(self) -> Dumbbell | None:
        """The picture of the worst target; None where its value is not finite."""
        worst, raw = self.worst, self.raw_of(self.worst)
        if not math.isfinite(worst.value):
            return None
        before = raw.value if raw and math.isfinite(raw.value) else worst.value
        marks = [value for value in (before, worst.value, worst.low, worst.high) if value is not None]
        room = max(0.2 * (max(marks) - min(marks)), self.mix.scale)
        axis = Axis(min(marks) - room, max(marks) + room)
        low = axis.low if worst.low is None else worst.low
        high = axis.high if worst.high is None else worst.high
        return Dumbbell(axis, low, max(high, low + 0.01 * (axis.high - axis.low)), before, worst.value)


class Tier(NamedTuple):
    """The rules of one tier."""

    name: str
    n_kept: int
    n_used: int
    rows: list[RuleRow]


def rule_rows(before: Verdict, after: Verdict) -> list[RuleRow]:
    """Every rule of the mix; by tier, the broken ones first, the highest penalty first."""
    raw = {finding.id: finding for finding in before.rules}
    return [RuleRow(finding, raw.get(finding.id)) for finding in ordered(after.rules)]


def tiers_of(rows: Sequence[RuleRow]) -> list[Tier]:
    """The rows by tier."""
    tiers = [(tier, list(members)) for tier, members in groupby(rows, key=lambda row: row.mix.tier)]
    return [Tier(_TIERS.get(tier, f"Tier {tier}"), *n_kept([row.mix for row in each]), each) for tier, each in tiers]
