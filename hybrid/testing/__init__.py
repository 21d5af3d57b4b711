"""Tests for rule types of one's own: `check_rule_type` holds a type to the laws that all shipped types keep."""

from __future__ import annotations

from collections.abc import Mapping

from hybrid.document import YamlValue
from hybrid.knowledge.plugins import check_type, type_name
from hybrid.knowledge.types import RuleType
from hybrid.testing.bench import NO_TRAITS, Bench, Traits
from hybrid.testing.laws import LAWS, broken_laws

__all__ = ["LAWS", "Bench", "LawError", "Traits", "broken_laws", "check_rule_type"]


class LawError(AssertionError):
    """A rule type breaks laws that all types keep."""


def check_rule_type(kind: type[RuleType], written: Mapping[str, YamlValue], traits: Traits = NO_TRAITS) -> None:
    """Raises LawError with every law that a type breaks, and by how much; nothing for a type that keeps them all.

    `written` holds the keys of a rule as a file says them, without `id` and `type`. Songs have tracks of the roles
    vocal.lead, bass and guitar, the first tagged lead, and sections called verse and chorus. `traits` says what values
    of the type are meant to follow. Raises InputError for a class that is no usable type.
    """
    check_type(kind, kind.__module__)
    rule = kind.model_validate({"id": "made", "type": type_name(kind), **written})
    if broken := broken_laws(Bench([rule], {rule.type: traits}), rule):
        lines = "\n".join(f"  {line}" for line in broken)
        raise LawError(f"{kind.__name__} breaks laws of rule types:\n{lines}")
