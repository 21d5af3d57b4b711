"""`hybrid rules`: list, show, explain, compare, create, fit and check rule files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from hybrid import shelf
from hybrid.cli import complete
from hybrid.cli.fit_rules import fit
from hybrid.cli.options import Plugins
from hybrid.cli.rule_warnings import print_warnings
from hybrid.cli.rules_diff import diff
from hybrid.cli.rules_explain import explain
from hybrid.cli.rules_from import from_
from hybrid.cli.rules_learn import learn
from hybrid.cli.rules_new import new
from hybrid.cli.rules_try import try_
from hybrid.errors import InputError, Problem, suggest
from hybrid.json_text import json_text
from hybrid.knowledge.describe import sheet_of
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.rule_types import RuleTypes, rule_types
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.schema import json_schema

Names = Annotated[
    list[str],
    typer.Argument(
        autocompletion=complete.files_and_rules, help="names or files of rules, later ones over earlier ones"
    ),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="RULE.KEY=VALUE", autocompletion=complete.overrides, help="override a value"),
]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]

rules = typer.Typer(
    help="List, show, explain, compare, create and check rule files.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)


rules.command()(fit)
rules.command("from")(from_)
rules.command()(learn)


@rules.command("list")
def list_(
    types: Annotated[bool, typer.Option("--types", help="the types of rules instead")] = False,
    plugins: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """List the rule files that --rules finds by name, or the types that rules may be of."""
    known = rule_types(plugins or [])
    rows = [_type_row(name, known) for name in known] if types else [_listed(n, known) for n in shelf.names("rules")]
    if as_json:
        _print_json(rows)
        return
    for row in rows:
        if types:
            origin = f" ({row['from']})" if row["from"] else ""
            print(f"{row['name']:<24} {row['family']:<10} {row['says']}{origin}")
        else:
            print(f"{row['name']:<12} {row['rules']:>3} rules  {row['title']}")


@rules.command()
def show(names: Names, sets: Sets = None, plugins: Plugins = None, as_json: AsJson = False) -> None:
    """Show the rules with everything inherited, each value with the line that it comes from. Names that are no files
    are ids of single rules, as in `show base lead.level`."""
    files = [name for name in names if not _is_rule_id(name)]
    resolved = load_rules(files or ["base"], sets or (), rule_types(plugins or []))
    print_warnings(resolved)
    if wanted := [name for name in names if name not in files]:
        _show_some(resolved, wanted, as_json)
        return
    if as_json:
        _print_json({**resolved.written(), "hash": resolved.hash, "provenance": resolved.provenance})
    else:
        print(resolved.dump(), end="")


@rules.command()
def check(files: Names, plugins: Plugins = None, as_json: AsJson = False) -> None:
    """Check files and those that they extend: print all mistakes, or a report if there are none."""
    types = rule_types(plugins or [])
    problems: list[Problem] = []
    valid: dict[str, RuleSet] = {}
    for name in files:
        try:
            valid[name] = load_rules([name], types=types)
        except InputError as error:
            problems.extend(error.problems)
    for resolved in valid.values():
        print_warnings(resolved)
    if as_json:
        _print_json({name: _report(resolved) for name, resolved in valid.items()})
    for name, resolved in valid.items() if not as_json else ():
        print(_report_text(name, resolved))
    if problems:
        raise InputError(*dict.fromkeys(problems))


@rules.command()
def schema(plugins: Plugins = None) -> None:
    """Print the JSON Schema of rule files, for editors."""
    _print_json(json_schema(rule_types(plugins or [])))


rules.command()(explain)
rules.command()(diff)
rules.command()(new)
rules.command("try")(try_)


def _is_rule_id(name: str) -> bool:
    """Whether a name means no rule file, and looks like the id of a rule."""
    try:
        shelf.find("rules", name)
    except InputError:
        return "." in name and not name.endswith((".yaml", ".yml"))
    return False


def _show_some(resolved: RuleSet, wanted: Sequence[str], as_json: bool) -> None:
    """Prints the rules of these ids. Raises InputError for one that there is not."""
    known = {rule.id: rule for rule in resolved.rules}
    if unknown := [name for name in wanted if name not in known]:
        raise InputError(*(Problem(name, f"is no rule and no file{suggest(name, known)}") for name in unknown))
    if as_json:
        provenance = {name: resolved.provenance.get(name, {}) for name in wanted}
        _print_json({"rules": [known[name].written() for name in wanted], "provenance": provenance})
    else:
        print("\n".join(line for name in wanted for line in resolved.rule_lines(known[name])))


def _type_row(name: str, types: RuleTypes) -> dict[str, str | int]:
    sheet = sheet_of(name, types)
    keys = ("name", "family", "unit", "requires", "says")
    return {**{key: getattr(sheet, key) for key in keys}, "from": types.origins.get(name, "")}


def _listed(name: str, types: RuleTypes) -> dict[str, str | int]:
    path = shelf.find("rules", name)
    try:
        rule_set = load_rules([str(path)], types=types)
    except InputError:
        return {"name": name, "title": f"not valid: hybrid rules check {path}", "rules": 0, "file": str(path)}
    return {"name": name, "title": rule_set.title, "rules": len(rule_set.rules), "file": str(path)}


def _report(resolved: RuleSet) -> dict[str, object]:
    return {
        "files": [str(path) for path in resolved.files],
        "rules": len(resolved.rules),
        "off": [rule.id for rule in resolved.rules if not rule.enabled],
        "evidence": resolved.evidence(),
        "guess_share": resolved.guess_share(),
        "conflicts": {rule.id: list(rule.conflicts) for rule in resolved.rules if rule.conflicts},
        "warnings": list(resolved.warnings),
        "hash": resolved.hash,
    }


def _report_text(name: str, resolved: RuleSet) -> str:
    evidence = ", ".join(f"{count} {kind}" for kind, count in resolved.evidence().items())
    off = ", ".join(rule.id for rule in resolved.rules if not rule.enabled)
    conflicts = [f"{rule.id} excludes {', '.join(rule.conflicts)}" for rule in resolved.rules if rule.conflicts]
    return "\n".join(
        (
            f"{name}: {len(resolved.rules)} rules, files: {len(resolved.files)}, no mistakes",
            f"  evidence   {evidence or 'none'}; {resolved.guess_share():.0%} guesses",
            f"  off        {off or 'none'}",
            f"  conflicts  {'; '.join(conflicts) or 'none'}",
        )
    )


def _print_json(value: object) -> None:
    print(json_text(value))
