"""One arm of a study: the rules that every song is mixed under, and what of them is changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType
from hybrid.study.schema import Study

FULL = "all rules"
"""The arm that all others are compared with, but for those that add to a bed."""


class Arm(NamedTuple):
    """One way to mix every song."""

    id: str
    kind: str
    """full, without, family, with, sweep, pair, set or control."""
    changed: tuple[str, ...]
    """Rules that are another than in the full set."""
    families: tuple[str, ...]
    """Whose rules these are."""
    rules: RuleSet
    n_steps: int
    uses_network: bool = True
    is_raw: bool = False
    """Nothing is done to the tracks."""
    bed: str = ""
    """Of an arm that adds rules: the arm that it adds them to. All other arms are compared with the full rules."""


def family_of(rule: RuleType) -> str:
    """The family of a rule: the kind of thing that its type measures."""
    return rule.family_name()


def families_of(rules: RuleSet) -> tuple[str, ...]:
    """Families of the rules that can be left out, in the order of the rules."""
    return tuple(dict.fromkeys(family_of(rule) for rule in rules.rules if counts(rule)))


def counts(rule: RuleType) -> bool:
    """Whether leaving the rule out can change a mix, its output level aside, which is evened out before judging."""
    return rule.enabled and rule.weight > 0.0 and rule.optimised and rule.acts_on != ("master",)


class Maker(NamedTuple):
    """Everything that arms are made from."""

    study: Study
    rules: RuleSet
    chance: tuple[int, int]
    """What placebos are drawn by: a seed and a song."""

    def arm(self, name: str, kind: str, rules: RuleSet, changed: Iterable[str] | None = None) -> Arm:
        """An arm under these rules; what it changes is found out if it is not said."""
        ids = tuple(changed) if changed is not None else _differing(self.rules, rules)
        families = tuple(dict.fromkeys(family_of(rule) for rule in self.rules.rules if rule.id in ids))
        return Arm(name, kind, ids, families, rules, self.study.steps)

    def without(self, ids: Iterable[str]) -> RuleSet:
        """All rules but these."""
        off = set(ids)
        return self.changed(lambda rule: rule.model_copy(update={"enabled": False}) if rule.id in off else rule)

    def changed(self, change: Callable[[RuleType], RuleType]) -> RuleSet:
        """The rules, each as `change` makes it."""
        return replace(self.rules, rules=tuple(change(rule) for rule in self.rules.rules))


def _differing(rules: RuleSet, others: RuleSet) -> tuple[str, ...]:
    return tuple(a.id for a, b in zip(rules.rules, others.rules, strict=True) if a != b)
