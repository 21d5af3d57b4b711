"""A rule file that asks for what finished mixes have: the wishes of references, to be read and edited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hybrid import quantity
from hybrid.calibrate.write import Label, yaml_text
from hybrid.goals.goal import Goal, tolerance_of
from hybrid.goals.measured import Values
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType

YamlMap = dict[str, object]


class ReferenceRules(NamedTuple):
    """The rules that references ask for, and what they say nothing about."""

    rules: tuple[RuleType, ...]
    values: tuple[Values, ...]
    """What the rules ask, rule by rule."""
    abstained: tuple[str, ...]


def reference_rules(goal: Goal) -> ReferenceRules:
    """The rules of a goal by themselves: each asks for the mean of the references, weighted by their amounts."""
    rules: list[RuleType] = []
    values: list[Values] = []
    for rule in goal.template.rules:
        mean = goal.mean(rule)
        if mean is not None:
            rules.append(rule.following(mean.value, mean.share, tolerance_of(rule, mean)))
            values.append(mean)
    return ReferenceRules(tuple(rules), tuple(values), goal.abstained())


def reference_text(asked: ReferenceRules, goal: Goal, parent: RuleSet, label: Label) -> str:
    """The file as YAML: the rules, those of the parent that they replace switched off, and what was left open."""
    known = {rule.id for rule in parent.rules}
    instead = dict.fromkeys(name for rule in asked.rules for name in rule.conflicts if name in known)
    document: YamlMap = {
        "schema": "mixrules/1",
        "id": label.id,
        "title": f"After {label.source}",
        "extends": [label.extends],
        "disable": list(instead),
        "rules": [_written(*each, goal, label.id, known) for each in zip(asked.rules, asked.values, strict=True)],
        "cite": {label.id: {"title": label.source} | ({"url": label.url} if label.url else {})},
    }
    said = ["Means of finished mixes, with their spread. Made by", f"  {' '.join(label.command.split())}"]
    if asked.abstained:
        said += ["Left open:", *(f"  {line}" for line in asked.abstained)]
    return yaml_text(said, document)


def _written(rule: RuleType, values: Values, goal: Goal, cite: str, known: set[str]) -> YamlMap:
    """The rule without what is a default of its type or empty."""
    plain = type(rule).model_construct(id=rule.id, type=rule.type).written()
    fields = {key: value for key, value in rule.written().items() if plain.get(key) != value or key in ("id", "type")}
    fields.pop("conflicts", None)
    if kept := [name for name in rule.conflicts if name in known]:
        fields["conflicts"] = kept
    names = [goal.names[amount.reference] for amount in goal.amounts(rule)]
    # the spread of several targets by its root mean square
    error = float(np.sqrt(np.mean(np.square(values.error[values.share > 0.0]))))
    unit = quantity.difference_unit(rule.unit)
    spread = f"{error:.2g}" if unit == "plain" else quantity.write(float(f"{error:.2g}"), unit)
    return {**fields, "cite": [cite], "notes": f"Read of {' and '.join(names)}; standard error {spread}. {rule.notes}"}


class AskedRow(NamedTuple):
    """What a rule asks: of how many targets, in which unit."""

    rule: str
    type: str
    targets: int
    unit: str


def rows_of(asked: ReferenceRules) -> Sequence[AskedRow]:
    """A row for each rule."""
    return [
        AskedRow(rule.id, rule.type, int(np.sum(values.share > 0.0)), rule.unit)
        for rule, values in zip(asked.rules, asked.values, strict=True)
    ]
