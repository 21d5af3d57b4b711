"""`hybrid rules explain`: the meaning of a rule, the origin of its values, and its readings of a song."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid.cli import complete
from hybrid.cli.options import Plugins, Rules, Sets
from hybrid.cli.progress import progress_bar
from hybrid.cli.rule_sheet import rule_json, rule_text, type_json, type_text
from hybrid.cli.signals import Context, load
from hybrid.errors import InputError, Problem, suggest
from hybrid.json_text import json_text
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.rule_types import rule_types
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType

if TYPE_CHECKING:
    from hybrid.explain.why import Why


def explain(
    context: Context,
    rule: Annotated[
        str, typer.Argument(autocompletion=complete.rules_and_types, help="the id of a rule, or the name of a type")
    ],
    rules: Rules = None,
    sets: Sets = None,
    plugins: Plugins = None,
    song: Annotated[
        Path | None,
        typer.Option(help="a folder or a song.yaml: print readings of the rule there, and changes that satisfy it"),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="draws the sides on which tracks start, as for mix")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Explain a rule or a type: meaning, origin of values, and, for a song, readings and required changes."""
    resolved = load_rules(rules or ["base"], sets or [], rule_types(plugins or []))
    match = next((each for each in resolved.rules if each.id == rule), None)
    if match is None:
        _print_type(rule, resolved, song, as_json)
    elif song is None:
        print(_dumped(rule_json(match, resolved)) if as_json else rule_text(match, resolved))
    else:
        _print_on_song(match, resolved, _why(context, match, resolved, song, seed), as_json)


def _print_type(name: str, rules: RuleSet, song: Path | None, as_json: bool) -> None:
    if name not in rules.types:
        near = suggest(name, [*(rule.id for rule in rules.rules), *rules.types])
        hint = "`hybrid rules show` lists the rules of a file, rules/README.md the types"
        raise InputError(Problem("", f"no rule and no type {name!r} in {rules.id}{near}", hint))
    if song is not None:
        own = ", ".join(rule.id for rule in rules.rules if rule.type == name) or "none"
        raise InputError(
            Problem("--song", f"{name} is a type and has no limits: expected a rule", f"rules of this type: {own}")
        )
    print(_dumped(type_json(name, rules)) if as_json else type_text(name, rules))


def _print_on_song(rule: RuleType, rules: RuleSet, why: Why, as_json: bool) -> None:
    from hybrid.cli.rule_on_song import why_json, why_text

    if as_json:
        print(_dumped({**rule_json(rule, rules), "song": why_json(why)}))
    else:
        print(f"{rule_text(rule, rules)}\n\n{why_text(why)}")


def _why(context: Context, rule: RuleType, rules: RuleSet, folder: Path, seed: int) -> Why:
    from hybrid.audio.manifest import load_song

    song = load_song(folder)
    load("hybrid.explain.why")
    from hybrid.explain.why import why_of

    with progress_bar(context) as progress:
        return why_of(rule.id, rules, song, seed, progress)


def _dumped(document: dict[str, object]) -> str:
    return json_text(document)
