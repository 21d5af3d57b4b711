"""Resolved rules: what all files together say, where each value was written, and a hash of it all."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml

from hybrid import quantity
from hybrid.knowledge.draft import Keys, path
from hybrid.knowledge.plugin_source import source_hashes
from hybrid.knowledge.rule_types import SHIPPED, RuleTypes
from hybrid.knowledge.schema import Citation, Section
from hybrid.knowledge.select import RoleName, Selector
from hybrid.knowledge.types import RuleType
from hybrid.tabular import Row, Tabular

Provenance = Mapping[str, Mapping[str, str]]


class Value(NamedTuple):
    """A value of a rule as YAML says it, and the "file:line" that it comes from, or "default"."""

    written: str
    at: str


@dataclass(frozen=True, repr=False)
class RuleSet(Tabular):
    """The rules of one mix, those that are off included.

    `provenance` gives "file:line" by rule id and key, and nothing for a default of the type. `files` are in
    the order in which they apply. Two sets of equal `hash` say the same.
    """

    id: str
    title: str
    rules: tuple[RuleType, ...]
    roles: tuple[RoleName, ...]
    bands: Mapping[str, tuple[float, float]]
    sections: Mapping[str, tuple[Section, ...]]
    sets: Mapping[str, Selector]
    cite: Mapping[str, Citation]
    files: tuple[Path, ...]
    warnings: tuple[str, ...]
    provenance: Provenance
    types: RuleTypes = field(default_factory=lambda: SHIPPED, repr=False)
    """All types that there are rules of, or might be."""

    def __repr__(self) -> str:
        return f"RuleSet({self.id!r}, {len(self.rules)} rules, {len(self.enabled)} of them on)"

    def rows(self) -> list[Row]:
        """A row for each rule."""
        return [
            {
                "rule": rule.id,
                "type": rule.type,
                "on": rule.enabled,
                "kind": rule.kind,
                "weight": rule.weight,
                "evidence": rule.evidence,
                "says": rule.says(),
            }
            for rule in self.rules
        ]

    @property
    def hash(self) -> str:
        """SHA-256 of the resolved rules, whatever files they came from, and of the source of plug-ins' types."""
        fields = self.written()
        if sources := source_hashes(self.rules):
            fields["sources"] = sources
        canonical = json.dumps(fields, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def enabled(self) -> tuple[RuleType, ...]:
        """The rules that are on."""
        return tuple(rule for rule in self.rules if rule.enabled)

    def evidence(self) -> dict[str, int]:
        """Number of enabled rules by kind of evidence, most frequent first."""
        return dict(Counter(rule.evidence for rule in self.enabled).most_common())

    def guess_share(self) -> float:
        """Share of the enabled rules that are guesses, 0 to 1."""
        return self.evidence().get("guess", 0) / max(len(self.enabled), 1)

    def written(self) -> dict[str, object]:
        """All of it as one rule file that extends nothing, with every default spelled out."""
        fields: dict[str, object] = {"schema": "mixrules/1", "id": self.id, "title": self.title}
        fields["roles"] = [_plain(name.model_dump(mode="json")) for name in self.roles]
        fields["bands"] = {name: quantity.write_range(band, "Hz") for name, band in self.bands.items()}
        fields["sections"] = {
            name: [section.model_dump(mode="json", by_alias=True) for section in sections]
            for name, sections in self.sections.items()
        }
        fields["sets"] = {name: selector.written() for name, selector in self.sets.items()}
        fields["rules"] = [rule.written() for rule in self.rules]
        fields["cite"] = {key: _plain(source.model_dump(mode="json")) for key, source in self.cite.items()}
        return _plain(fields)

    def values(self, rule: RuleType) -> dict[str, Value]:
        """All values of one of the rules by their keys, "targets.bass.tolerance", defaults included."""
        return dict(_values((), rule.written(), self.provenance.get(rule.id, {})))

    def dump(self) -> str:
        """`written` as YAML, each value with the place that it came from."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        yield f"# {self.hash}"
        for key, value in self.written().items():
            if key == "rules":
                yield "rules:"
                for rule in self.rules:
                    yield from self.rule_lines(rule)
            elif isinstance(value, dict | list):
                yield yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=110).rstrip()
            else:
                yield f"{key}: {flow(value)}"

    def rule_lines(self, rule: RuleType) -> Iterator[str]:
        """A rule as YAML, each value with the place that it came from."""
        places = self.provenance.get(rule.id, {})
        for index, (key, value) in enumerate(rule.written().items()):
            yield from _value_lines("    " if index else "  - ", (key,), value, places)


def _value_lines(indent: str, keys: Keys, value: object, places: Mapping[str, str]) -> Iterator[str]:
    if isinstance(value, dict):
        yield f"{indent}{flow(keys[-1])}:"
        for key, inner in value.items():
            yield from _value_lines(" " * len(indent) + "  ", (*keys, key), inner, places)
    else:
        yield f"{indent}{flow(keys[-1])}: {flow(value)}  # {Path(_place(keys, places)).name}"


def _values(keys: Keys, value: object, places: Mapping[str, str]) -> Iterator[tuple[str, Value]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _values((*keys, key), inner, places)
    else:
        yield path(keys), Value(flow(value), _place(keys, places))


def _place(keys: Keys, places: Mapping[str, str]) -> str:
    """Where the value was written, or the map that holds it."""
    while keys:
        if path(keys) in places:
            return places[path(keys)]
        keys = keys[:-1]
    return "default"


def flow(value: object) -> str:
    """A value as YAML says it in one line: "[gain.level]"."""
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")


def _plain(fields: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in fields.items() if value not in (None, "", [], {})}
