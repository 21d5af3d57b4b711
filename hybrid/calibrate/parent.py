"""The rules that a fit starts from, by kind: budget, lead, centre, width, spectrum curve and priors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hybrid.audio.song import Track
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.rule_types import RuleTypes
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.select import select, share_selector
from hybrid.knowledge.types import ExpectedLevel, RoleBudget, RuleType
from hybrid.knowledge.types.hooks import Statistic

_ROLES = ("vocal.lead", "vocal.backing", "drums", "bass", "guitar", "keys", "synth", "strings", "brass", "woodwind")
OWN_BUDGET = RoleBudget.model_validate(
    {
        "id": "balance.roles",
        "type": "role_budget",
        "targets": {role: {"target": "-10 LU"} for role in _ROLES},
        "enabled": False,
        "acts_on": ["gain.level"],
    }
)
"""The entries that are fitted where the parent has no budget, off beside expected levels; its numbers are placeholders,
and all are replaced."""
OWN_EXPECTED = ExpectedLevel.model_validate(
    {
        "id": "balance.expected",
        "type": "expected_level",
        "target": "0 LU",
        "roles": {"all": {"level": "0 LU"}},
        "acts_on": ["gain.level"],
    }
)
"""The rule that is fitted where the parent has none; its numbers are placeholders, and all are replaced."""
WIDTH_BANDS = {
    "width.low-mid": (120.0, 500.0),
    "width.mid": (500.0, 2000.0),
    "width.presence": (2000.0, 6000.0),
    "width.treble": (6000.0, 16000.0),
}
"""Width by frequency (Mansbridge 2012 widens with frequency; the borders are those of the rule `width.bands`)."""


class Parent(NamedTuple):
    """The rules that a fitted file extends, and of each kind those that it changes."""

    rules: RuleSet
    budget: RuleType
    lead: RuleType | None
    centre: tuple[RuleType, ...]
    """Preferred rules with the centre as target; required ones are not fitted."""
    side: tuple[RuleType, ...]
    curve: RuleType | None
    priors: tuple[RuleType, ...]
    expected: RuleType
    """Of levels by arrangement and recording."""

    def shares(self, tracks: Sequence[Track]) -> dict[str, tuple[int, ...]]:
        """Indices of the tracks of each budget entry that has any."""
        sets = self.rules.sets
        chosen = {name: select(share_selector(name, sets), tracks, sets) for name in self.budget.buses()}
        return {name: members for name, members in chosen.items() if members}

    def lead_and_rest(self, tracks: Sequence[Track]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Indices of the lead tracks, and of those that they are compared with; both empty without a lead rule."""
        if self.lead is None or self.lead.against is None:
            return (), ()
        sets = self.rules.sets
        return select(self.lead.for_, tracks, sets), select(self.lead.against, tracks, sets)


def load_parent(name: str, types: RuleTypes | None = None) -> Parent:
    """The rules of that name or file, which may be of any of `types`. Raises InputError if they are not valid."""
    rules = load_rules([name], types=types)
    return Parent(
        rules=rules,
        # a budget that is off is fitted all the same, and stays off
        budget=next((rule for rule in rules.rules if rule.fitted_by == "share" and rule.when is None), OWN_BUDGET),
        lead=next(iter(_fitted_by("lead", rules)), None),
        centre=tuple(rule for rule in _fitted_by("distance", rules) if rule.target == 0.0 and rule.kind == "prefer"),
        side=tuple(rule for rule in _fitted_by("side", rules) if rule.bands_hz()),
        curve=next(iter(_fitted_by("spectrum", rules)), None),
        priors=tuple(_fitted_by("usual", rules)),
        expected=next(iter(_fitted_by("expected", rules)), OWN_EXPECTED),
    )


def _fitted_by(statistic: Statistic, rules: RuleSet) -> list[RuleType]:
    # rules with a condition apply to some songs only: observations of all songs do not fit them
    return [rule for rule in rules.enabled if rule.fitted_by == statistic and rule.when is None]
