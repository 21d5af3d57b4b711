"""Comparison of two rule sets: rules of one alone, rules switched on or off, and every value that differs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hybrid.knowledge.ruleset import RuleSet, Value, flow

NOTHING = Value("–", "")
"""Stands for a value that one of the two does not have."""
_SHARED = ("roles", "bands", "sections", "sets")


class Change(NamedTuple):
    """A value that differs: of a rule, or of `sets` and the like, where no origin is known."""

    of: str
    key: str
    first: Value
    second: Value


class Comparison(NamedTuple):
    """Ids of rules, and changes, in the order of the rule sets."""

    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    switched_on: tuple[Change, ...]
    switched_off: tuple[Change, ...]
    changed: tuple[Change, ...]
    shared: tuple[Change, ...]
    """What rules refer to: roles, bands, sections, sets."""

    @property
    def is_empty(self) -> bool:
        """Whether there is no difference."""
        return not any(self)


def compare(first: RuleSet, second: RuleSet) -> Comparison:
    """Differences of the second rule set from the first."""
    ids = [{rule.id: rule for rule in rules.rules} for rules in (first, second)]
    both = [(ids[0][name], ids[1][name]) for name in ids[0] if name in ids[1]]
    changes = [change for one, other in both for change in _changes(one.id, first.values(one), second.values(other))]
    switches = [change for change in changes if change.key == "enabled"]
    return Comparison(
        only_first=tuple(name for name in ids[0] if name not in ids[1]),
        only_second=tuple(name for name in ids[1] if name not in ids[0]),
        switched_on=tuple(change for change in switches if change.second.written == "true"),
        switched_off=tuple(change for change in switches if change.second.written == "false"),
        changed=tuple(change for change in changes if change.key != "enabled"),
        shared=tuple(_shared_changes(first, second)),
    )


def _changes(of: str, first: dict[str, Value], second: dict[str, Value]) -> Iterator[Change]:
    for key in dict.fromkeys([*first, *second]):
        one, other = first.get(key, NOTHING), second.get(key, NOTHING)
        if one.written != other.written:
            yield Change(of, key, one, other)


def _shared_changes(first: RuleSet, second: RuleSet) -> Iterator[Change]:
    one, other = first.written(), second.written()
    for kind in _SHARED:
        yield from _changes(kind, _entries(one.get(kind)), _entries(other.get(kind)))


def _entries(fields: object) -> dict[str, Value]:
    """The entries of a map or list by key; those of a list by what they match."""
    if isinstance(fields, list):
        return {str(entry["match"]): Value(str(entry["role"]), "") for entry in fields}
    return {key: Value(flow(value), "") for key, value in fields.items()} if isinstance(fields, dict) else {}
