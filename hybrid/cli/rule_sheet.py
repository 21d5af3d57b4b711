"""A rule or a type as text and as JSON, without a song: meaning, measurement, limits, evidence and origin."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from hybrid import quantity
from hybrid.knowledge.describe import NEEDED, TypeSheet, part_words, selector_words, sheet_of
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.schema import Citation
from hybrid.knowledge.types import RuleType
from hybrid.pages.table import text_table

_WIDTH, _LABEL = 100, 14
_Row = tuple[str, str]


def rule_text(rule: RuleType, rules: RuleSet) -> str:
    """A rule as text: its meaning and terms, then each value with the file and line that it comes from."""
    sheet = sheet_of(rule.type, rules.types)
    state = "on" if rule.enabled else "off"
    head = f"{rule.id}: {sheet.says} ({rule.type}, {rule.kind}, {state})"
    rows = [*_measure_rows(sheet), *_guard_rows(sheet, rules), *_term_rows(rule, rules)]
    values = [(key, value.written, Path(value.at).name) for key, value in rules.values(rule).items() if key != "notes"]
    return f"{textwrap.fill(head, _WIDTH)}\n\n{_rows(rows)}\n\n{text_table([('value', '', 'from'), *values])}"


def type_text(name: str, rules: RuleSet) -> str:
    """A type as text: its meaning, the defaults of its rules, and the rules of this type."""
    sheet = sheet_of(name, rules.types)
    rows = [*_measure_rows(sheet), *_guard_rows(sheet, rules)]
    rows += [("scale", sheet.scale), ("may move", _parts(sheet.acts_on))]
    for key, holds, default, doc in sheet.parameters:
        rows.append((key, f"{holds}; {'needed' if default == NEEDED else f'{default} by default'}. {doc}".rstrip()))
    rows.append(("rules", ", ".join(rule.id for rule in rules.rules if rule.type == name) or f"none in {rules.id}"))
    return f"{name}: {sheet.says} (a type of rule)\n\n{_rows(rows)}"


def rule_json(rule: RuleType, rules: RuleSet) -> dict[str, object]:
    """A rule as JSON values; places are "file:line"."""
    low, high = rule.bounds() if rule.asks else (None, None)
    return {
        "id": rule.id,
        "enabled": rule.enabled,
        "kind": rule.kind,
        **_sheet_json(sheet_of(rule.type, rules.types)),
        "low": low,
        "high": high,
        "scale": rule.scale,
        "weight": rule.weight,
        "evidence": rule.evidence,
        "notes": rule.notes,
        "cite": {key: rules.cite[key].model_dump(exclude_defaults=True) for key in rule.cite if key in rules.cite},
        "acts_on": rule.acts_on,
        "for": rule.for_.written(),
        "against": rule.against.written() if rule.against else None,
        "conflicts": rule.conflicts,
        "named_as_conflict_by": [other.id for other in rules.rules if rule.id in other.conflicts],
        "guarded_by": _guards(sheet_of(rule.type, rules.types), rules),
        "values": {key: value._asdict() for key, value in rules.values(rule).items()},
    }


def type_json(name: str, rules: RuleSet) -> dict[str, object]:
    """A type as JSON values."""
    sheet = sheet_of(name, rules.types)
    return {
        **_sheet_json(sheet),
        "scale": sheet.scale,
        "acts_on": sheet.acts_on,
        "parameters": [each._asdict() for each in sheet.parameters],
        "guarded_by": _guards(sheet, rules),
        "rules": [rule.id for rule in rules.rules if rule.type == name],
    }


def _sheet_json(sheet: TypeSheet) -> dict[str, object]:
    keys = ("family", "unit", "stands_for", "says", "measures", "source", "cheats", "is_optimised", "requires")
    return {"type": sheet.name, **{key: getattr(sheet, key) for key in keys}}


def _measure_rows(sheet: TypeSheet) -> Iterator[_Row]:
    yield from (("measures" if index == 0 else "", text) for index, text in enumerate(sheet.measures))
    yield "unit", f"{sheet.unit}, one number for {sheet.stands_for}"
    yield "from", sheet.requires
    if not sheet.is_optimised:
        yield "", "measured and reported, never optimised"
    yield "source", sheet.source
    yield "cheats", sheet.cheats


def _guard_rows(sheet: TypeSheet, rules: RuleSet) -> Iterator[_Row]:
    guards = [f"{', '.join(ids) or 'no rule that is on'} ({name})" for name, ids in _guards(sheet, rules).items()]
    if guards:
        yield "guarded by", "; ".join(guards)


def _guards(sheet: TypeSheet, rules: RuleSet) -> dict[str, list[str]]:
    """Ids of enabled rules, by each type that guards against the cheats of this one."""
    return {name: [rule.id for rule in rules.enabled if rule.type == name] for name in sheet.guards}


def _term_rows(rule: RuleType, rules: RuleSet) -> Iterator[_Row]:
    difference = quantity.difference_unit(rule.unit)
    yield "asks", _limits_text(rule)
    yield "scale", f"{quantity.write(rule.scale, difference)} beyond the limit is one unit of excess"
    yield "weight", f"{rule.weight:g}: the weight of one unit against other rules"
    yield "speaks of", selector_words(rule.for_)
    yield "against", selector_words(rule.against)
    yield "may move", _parts(rule.acts_on)
    yield "rests on", rule.evidence
    for index, key in enumerate(rule.cite):
        source = rules.cite.get(key)
        yield (
            ("cites" if index == 0 else ""),
            (_cited(source) if source else f"{key}, which is not in the bibliography"),
        )
    yield "notes", rule.notes
    yield "excludes", ", ".join(rule.conflicts)
    yield "excluded by", ", ".join(other.id for other in rules.rules if rule.id in other.conflicts)


def _limits_text(rule: RuleType) -> str:
    """The interval in which a rule has no penalty, as text with units."""
    if not rule.asks:
        return "see its values below"
    low, high = rule.bounds()
    ends = ["" if end is None else quantity.write(end, rule.unit) for end in (low, high)]
    if not all(ends):
        return f"at least {ends[0]}" if ends[0] else f"at most {ends[1]}"
    if low == high:
        return ends[0]
    exactly = quantity.write(0.0, quantity.difference_unit(rule.unit))
    aim = (
        f"; tolerance: {exactly} asks for {quantity.write(rule.target, rule.unit)} itself"
        if rule.target is not None
        else ""
    )
    return f"{' to '.join(ends)}, where nothing costs: what was outside ends at the near end{aim}"


def _parts(parts: Sequence[str]) -> str:
    return f"{part_words(tuple(parts))} ({', '.join(parts)})"


def _cited(source: Citation) -> str:
    who = f"{source.authors}: " if source.authors else ""
    where = [str(source.year or ""), f"doi {source.doi}" if source.doi else "", source.url]
    return f"{who}{', '.join(part for part in (source.title, *where) if part)}"


def _rows(rows: Sequence[_Row]) -> str:
    return "\n".join(_wrapped(text, label) for label, text in rows if text)


def _wrapped(text: str, label: str) -> str:
    """Text next to its label, in lines of at most 100 characters."""
    return textwrap.fill(text, _WIDTH, initial_indent=f"{label:<{_LABEL}}", subsequent_indent=" " * _LABEL)
