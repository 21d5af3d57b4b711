"""One arm of a study: the rules that every song is mixed under, and which of them it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import NamedTuple

from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType
from hybrid.study.schema import Study

FULL = "all rules"
"""The arm that all others are compared with, except those that add rules to a baseline."""


class Arm(NamedTuple):
    """Rules and options under which every song is mixed once."""

    id: str
    kind: str
    """full, without, family, baseline, with, sweep, pair, set, control or free."""
    changed: tuple[str, ...]
    """Ids of the rules that differ from the full set, or are in one of the two only."""
    families: tuple[str, ...]
    """Families of the changed rules."""
    rules: RuleSet
    n_steps: int
    model: str | None = None
    """The network that proposes the start, or "none", in place of the study's."""
    seed: int | None = None
    """In place of the seed under which the song is mixed."""
    is_raw: bool = False
    """The tracks are summed untreated."""
    baseline: str = ""
    """Id of the arm that this one adds rules to; empty for the others, which are compared with the full rules."""

    @property
    def definition(self) -> tuple[object, ...]:
        """Rules in force, what they refer to, and options: arms of equal definitions have equal mixes, whatever their
        ids."""
        in_force = sorted((rule for rule in self.rules.rules if is_ablatable(rule)), key=lambda rule: rule.id)
        refers_to = self.rules.roles, self.rules.bands, self.rules.sections, self.rules.sets
        return in_force, refers_to, self.n_steps, self.model, self.seed, self.is_raw, self.baseline

    def network(self, study: Study) -> str:
        """The name of the network that proposes the start, or "none"."""
        return study.model if self.model is None else self.model


def family_of(rule: RuleType) -> str:
    """The family of a rule: the quantity that its type measures."""
    return rule.family_name()


def families_of(rules: RuleSet) -> tuple[str, ...]:
    """Families of the ablatable rules, in the order of the rules."""
    return tuple(dict.fromkeys(family_of(rule) for rule in rules.rules if is_ablatable(rule)))


def is_ablatable(rule: RuleType) -> bool:
    """Whether leaving the rule out can change more than the output level, which is equalised before mixes are
    judged."""
    return rule.enabled and rule.weight > 0.0 and rule.optimised and rule.acts_on != ("master",)


class ArmBuilder(NamedTuple):
    """The study, its rules and the random key, from which arms are made."""

    study: Study
    rules: RuleSet
    rng_key: tuple[int, int]
    """Seed and song hash, from which placebos are drawn."""

    def arm(self, name: str, kind: str, rules: RuleSet, changed: Iterable[str] | None = None) -> Arm:
        """An arm under `rules`; `changed` defaults to the ids of the rules that differ from the full set."""
        ids = tuple(changed) if changed is not None else _differing(self.rules, rules)
        either = {rule.id: rule for rule in (*rules.rules, *self.rules.rules)}
        families = tuple(dict.fromkeys(family_of(rule) for name, rule in either.items() if name in ids))
        return Arm(name, kind, ids, families, rules, self.study.steps)

    def without(self, ids: Iterable[str]) -> RuleSet:
        """All rules, with those of these ids disabled."""
        off = set(ids)
        return self.with_changed(lambda rule: rule.model_copy(update={"enabled": False}) if rule.id in off else rule)

    def with_changed(self, change: Callable[[RuleType], RuleType]) -> RuleSet:
        """The rules, each mapped by `change`."""
        return replace(self.rules, rules=tuple(change(rule) for rule in self.rules.rules))


def _differing(rules: RuleSet, others: RuleSet) -> tuple[str, ...]:
    """Ids of the rules that differ. Those that can change no mix on either side do not."""
    here, there = ({rule.id: rule for rule in each.rules} for each in (rules, others))
    both = dict.fromkeys((*here, *there))
    return tuple(name for name in both if _in_force(here.get(name)) != _in_force(there.get(name)))


def _in_force(rule: RuleType | None) -> RuleType | None:
    return rule if rule and is_ablatable(rule) else None
