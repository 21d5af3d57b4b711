"""The rules that a fit starts from, by kind: budget, lead, centre, width, spectrum curve and priors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from hybrid.audio.song import Track
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.select import select, share_selector
from hybrid.knowledge.types import (
    CorpusPrior,
    LeadToRestRatio,
    LongTermSpectrum,
    PanPosition,
    RoleBudget,
    RuleType,
    SideEnergy,
)

_Rule = TypeVar("_Rule", bound=RuleType)
_ROLES = ("vocal.lead", "vocal.backing", "drums", "bass", "guitar", "keys", "synth", "strings", "brass", "woodwind")
OWN_BUDGET = RoleBudget.model_validate(
    {
        "id": "balance.roles",
        "type": "role_budget",
        "targets": {role: {"target": "-10 LU"} for role in _ROLES},
        "acts_on": ["gain.level"],
    }
)
"""The entries that are fitted where the parent has no budget; its numbers are placeholders, and all are replaced."""
WIDTH_BANDS = {
    "width.low-mid": (120.0, 500.0),
    "width.mid": (500.0, 2000.0),
    "width.presence": (2000.0, 6000.0),
    "width.treble": (6000.0, 16000.0),
}
"""Width by frequency (Mansbridge 2012 widens with frequency; the borders are those of the catalogue of rules)."""


class Parent(NamedTuple):
    """The rules that a fitted file extends, and of each kind those that it changes."""

    rules: RuleSet
    budget: RoleBudget
    lead: LeadToRestRatio | None
    centre: tuple[PanPosition, ...]
    """Preferred rules with the centre as target; required ones are not fitted."""
    side: tuple[SideEnergy, ...]
    curve: LongTermSpectrum | None
    priors: tuple[CorpusPrior, ...]

    def shares(self, tracks: Sequence[Track]) -> dict[str, tuple[int, ...]]:
        """Indices of the tracks of each budget entry that has any."""
        sets = self.rules.sets
        chosen = {name: select(share_selector(name, sets), tracks, sets) for name in self.budget.targets}
        return {name: members for name, members in chosen.items() if members}

    def lead_and_rest(self, tracks: Sequence[Track]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Indices of the lead tracks, and of those that they are compared with; both empty without a lead rule."""
        if self.lead is None or self.lead.against is None:
            return (), ()
        sets = self.rules.sets
        return select(self.lead.for_, tracks, sets), select(self.lead.against, tracks, sets)


def load_parent(name: str) -> Parent:
    """The rules of that name or file. Raises InputError if they are not valid."""
    rules = load_rules([name])
    return Parent(
        rules=rules,
        budget=next(iter(_on(rules, RoleBudget)), OWN_BUDGET),
        lead=next(iter(_on(rules, LeadToRestRatio)), None),
        centre=tuple(rule for rule in _on(rules, PanPosition) if rule.target == 0.0 and rule.kind == "prefer"),
        side=tuple(_on(rules, SideEnergy)),
        curve=next(iter(_on(rules, LongTermSpectrum)), None),
        priors=tuple(_on(rules, CorpusPrior)),
    )


def _on(rules: RuleSet, kind: type[_Rule]) -> list[_Rule]:
    # rules with a condition apply to some songs only: observations of all songs do not fit them
    return [rule for rule in rules.enabled if isinstance(rule, kind) and rule.when is None]
