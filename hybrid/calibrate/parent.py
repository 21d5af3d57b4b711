"""What the rules that are to be fitted ask for: their budget, their lead, their centre, their width and their curve."""

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
"""The entries that are fitted where the rules have no budget; its numbers are placeholders, all of them replaced."""
WIDTH_BANDS = {
    "width.low-mid": (120.0, 500.0),
    "width.mid": (500.0, 2000.0),
    "width.presence": (2000.0, 6000.0),
    "width.treble": (6000.0, 16000.0),
}
"""Width by frequency (Mansbridge 2012 widens with frequency; the borders are those of the rule `width.bands`)."""


class Parent(NamedTuple):
    """Rules that a fitted file extends, of each sort those that it changes."""

    rules: RuleSet
    budget: RoleBudget
    lead: LeadToRestRatio | None
    centre: tuple[PanPosition, ...]
    """Wishes for the centre; requirements are left as they are."""
    side: tuple[SideEnergy, ...]
    curve: LongTermSpectrum | None
    usual: tuple[CorpusPrior, ...]

    def shares(self, tracks: Sequence[Track]) -> dict[str, tuple[int, ...]]:
        """The tracks of each entry of the budget that has any."""
        sets = self.rules.sets
        chosen = {name: select(share_selector(name, sets), tracks, sets) for name in self.budget.targets}
        return {name: members for name, members in chosen.items() if members}

    def lead_and_rest(self, tracks: Sequence[Track]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The tracks that lead, and those that they are held against; both empty without a rule on that."""
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
        usual=tuple(_on(rules, CorpusPrior)),
    )


def _on(rules: RuleSet, kind: type[_Rule]) -> list[_Rule]:
    return [rule for rule in rules.enabled if isinstance(rule, kind) and rule.when is None]
