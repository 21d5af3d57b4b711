"""Checks of a whole rule set: references to what does not exist, and rules that exclude each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from hybrid.audio.roles import ROLES, matches
from hybrid.errors import Problem, suggest
from hybrid.knowledge.draft import Draft, Keys
from hybrid.knowledge.rule_types import SHIPPED
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.select import Selector
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.types.hooks import RuleHooks
from hybrid.knowledge.validate import Outcome, problem
from hybrid.treatment.parts import is_part_of

_At = tuple[Keys, str]
"""Keys in a rule, and what is wrong there."""


def broken_links(rules: RuleSet, drafts: Mapping[str, Draft], set_drafts: Mapping[str, Draft]) -> list[Problem]:
    """References to sets and sections that do not exist, also where not all rules of the files are valid."""
    problems: list[Problem] = []
    for rule in rules.rules:
        problems.extend(_at_origin(drafts[rule.id], _broken_links(rule, rules)))
    for name, selector in rules.sets.items():
        problems.extend(_at_origin(set_drafts[name], _broken_sets(name, selector, rules.sets)))
    return problems


def check(rules: RuleSet, drafts: Mapping[str, Draft], set_drafts: Mapping[str, Draft]) -> Outcome:
    """Problems and warnings of the resolved rules, all of them valid and without broken links, at the places of the
    drafts that they came from."""
    outcome = Outcome([], [])
    by_id = {rule.id: rule for rule in rules.rules}
    for rule in rules.rules:
        outcome.problems.extend(_at_origin(drafts[rule.id], _conflicts(rule, by_id)))
        outcome.warnings.extend(_at_origin(drafts[rule.id], _warnings(rule, rules, by_id)))
    for name, selector in rules.sets.items():
        outcome.warnings.extend(_at_origin(set_drafts[name], _unmatched_roles((name,), selector)))
    return outcome


def _at_origin(draft: Draft, entries: Iterable[_At]) -> Iterator[Problem]:
    return (problem(draft.origin(keys), what) for keys, what in entries)


def _broken_links(rule: RuleType, rules: RuleSet) -> Iterator[_At]:
    """References to sets and sections that do not exist."""
    for key, selector in _selectors(rule):
        for name in _sets_of(selector):
            if name not in rules.sets:
                yield (key,), f"unknown set {name!r}{suggest(name, rules.sets)}"
    for keys, name in _sections_of(rule):
        if name not in rules.sections:
            yield keys, f"unknown section {name!r}{suggest(name, rules.sections)}"


def _sections_of(rule: RuleType) -> Iterator[tuple[Keys, str]]:
    for name in rule.when.sections if rule.when else ():
        yield ("when", "sections"), name
    for name in rule.section_names() or ():
        yield ("sections",), name


def _conflicts(rule: RuleType, by_id: Mapping[str, RuleType]) -> Iterator[_At]:
    """Enabled rules that this rule excludes, and rules that it needs and that are missing or off."""
    if not rule.enabled:
        return
    for other in rule.conflicts:
        if other in by_id and by_id[other].enabled:
            yield ("conflicts",), f"{rule.id} excludes {other}, and both are enabled: switch one of them off"
    for other in rule.needs:
        if other not in by_id:
            yield ("needs",), f"{rule.id} needs {other!r}, which there is not{suggest(other, by_id)}"
        elif not by_id[other].enabled:
            yield ("needs",), f"{rule.id} needs {other}, which is off: switch it on, or this one off"


def _warnings(rule: RuleType, rules: RuleSet, by_id: Mapping[str, RuleType]) -> Iterator[_At]:
    """Likely mistakes: rules that can move nothing, or compare tracks with themselves, roles that no track can have,
    unknown citations and unknown rules in `conflicts`."""
    is_stated = rule.type in SHIPPED or rule.moved_by is not RuleHooks.moved_by
    moves = any(is_part_of(part, of) for part in rule.acts_on for of in rule.moved_by)
    if rule.enabled and rule.optimised and is_stated and not moves:
        why = f"nothing but {' and '.join(rule.moved_by)} changes what {rule.type} measures"
        yield ("acts_on",), f"{', '.join(rule.acts_on)} can move nothing here: {why}"
    if rule.enabled and rule.against is not None and _plain(rule.against) == _plain(rule.for_):
        yield ("against",), f"{rule.id} compares tracks with themselves: `for` and `against` are the same"
    for key, selector in _selectors(rule):
        yield from _unmatched_roles((key,), selector)
    patterns = (*(name for name in rule.buses() if name not in rules.sets), *rule.by_role())
    yield from _unknown_roles(tuple(rule.data), patterns)
    for key in rule.cite:
        if key not in rules.cite:
            yield ("cite",), f"{key!r} is not in the bibliography{suggest(key, rules.cite)}"
    for other in rule.conflicts:
        if other not in by_id:
            yield ("conflicts",), f"there is no rule {other!r}{suggest(other, by_id)}"


def _plain(selector: Selector) -> Selector:
    """The selector without roles, if all tracks have one of them."""
    return selector.model_copy(update={"role": ()}) if "all" in selector.role else selector


def _broken_sets(name: str, selector: Selector, sets: Mapping[str, Selector]) -> Iterator[_At]:
    """Unknown sets within a set, and sets that contain themselves."""
    visited, queue = set[str](), list(_sets_of(selector))
    while queue:
        inner = queue.pop()
        if inner not in sets:
            yield (name,), f"unknown set {inner!r}{suggest(inner, sets)}"
        elif inner == name:
            yield (name,), f"the set {name!r} is defined by itself"
        elif inner not in visited:
            queue.extend(_sets_of(sets[inner]))
        visited.add(inner)


def _unmatched_roles(at: Keys, selector: Selector) -> Iterator[_At]:
    buses = () if selector.bus in (None, "mix", "master") else (selector.bus,)
    yield from _unknown_roles(at, (*selector.role, *buses))
    if selector.not_:
        yield from _unmatched_roles((*at, "not"), selector.not_)


def _unknown_roles(at: Keys, patterns: Iterable[str]) -> Iterator[_At]:
    for pattern in patterns:
        if not any(matches(pattern, role) for role in ROLES):
            yield at, f"no track has a role like {pattern!r}{suggest(pattern, ROLES)}"


def _selectors(rule: RuleType) -> list[tuple[str, Selector]]:
    return [("for", rule.for_), *([("against", rule.against)] if rule.against else [])]


def _sets_of(selector: Selector) -> list[str]:
    return [*([selector.set] if selector.set else []), *(_sets_of(selector.not_) if selector.not_ else [])]
