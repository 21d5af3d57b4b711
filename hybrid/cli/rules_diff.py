"""`hybrid rules diff`: two rule sets side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import complete
from hybrid.cli.options import Plugins
from hybrid.json_text import json_text
from hybrid.knowledge.compare import NOTHING, Change, Comparison, compare
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.rule_types import rule_types
from hybrid.knowledge.ruleset import RuleSet, Value
from hybrid.pages.table import text_table
from hybrid.pages.words import shortened

_LONGEST = 40
_Name = Annotated[str, typer.Argument(autocompletion=complete.rule_files, help="a rule file or the name of one")]


def diff(
    first: _Name,
    second: _Name,
    plugins: Plugins = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Print the differences of a second rule set from a first, each value with the line it comes from."""
    types = rule_types(plugins or [])
    sets = load_rules([first], types=types), load_rules([second], types=types)
    comparison = compare(*sets)
    print(_json(sets, comparison) if as_json else _text((first, second), comparison))


def _json(sets: tuple[RuleSet, RuleSet], comparison: Comparison) -> str:
    document: dict[str, object] = {
        side: {"id": rules.id, "hash": rules.hash, "files": [str(path) for path in rules.files]}
        for side, rules in zip(("first", "second"), sets, strict=True)
    }
    document |= {"only_first": comparison.only_first, "only_second": comparison.only_second}
    for kind in ("switched_on", "switched_off", "changed", "shared"):
        document[kind] = [_change_json(change) for change in getattr(comparison, kind)]
    return json_text(document)


def _change_json(change: Change) -> dict[str, object]:
    first, second = (None if value == NOTHING else value._asdict() for value in (change.first, change.second))
    return {"of": change.of, "key": change.key, "first": first, "second": second}


def _text(names: tuple[str, str], comparison: Comparison) -> str:
    if comparison.is_empty:
        return f"{names[0]} and {names[1]} are the same"
    parts = [
        _listed(f"only in {names[0]}", comparison.only_first),
        _listed(f"only in {names[1]}", comparison.only_second),
        _listed(f"switched on in {names[1]}", [f"{c.of} ({_at(c.second)})" for c in comparison.switched_on]),
        _listed(f"switched off in {names[1]}", [f"{c.of} ({_at(c.second)})" for c in comparison.switched_off]),
        _table(names, (*comparison.changed, *comparison.shared)),
    ]
    return "\n\n".join(part for part in parts if part)


def _listed(head: str, rows: Sequence[str]) -> str:
    return "\n".join([head, *(f"  {row}" for row in rows)]) if rows else ""


def _table(names: tuple[str, str], changes: Sequence[Change]) -> str:
    """A table with a row for each value that differs."""
    if not changes:
        return ""
    rows = [(f"{change.of}.{change.key}", *_shown(change.first), *_shown(change.second)) for change in changes]
    first, second = (Path(name).name for name in names)
    return text_table([("changed", first, "from", second, "from"), *rows])


def _shown(value: Value) -> tuple[str, str]:
    return shortened(value.written, _LONGEST), _at(value)


def _at(value: Value) -> str:
    return Path(value.at).name if value.at else ""
