"""`hybrid rules new`: a new rule file to edit."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from hybrid import shelf
from hybrid.cli.options import Plugins
from hybrid.errors import InputError, Problem
from hybrid.json_text import json_text
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.rule_types import rule_types
from hybrid.knowledge.schema import json_schema
from hybrid.knowledge.starter import schema_beside, starting_file

_SLUG = re.compile(r"[a-z0-9]+([._+-][a-z0-9]+)*")


def new(
    file: Annotated[Path, typer.Argument(help="the file to write, its name ending with .yaml")],
    extends: Annotated[
        list[str] | None, typer.Option(help="a rule file or the name of one; may be repeated [default: base]")
    ] = None,
    rule_id: Annotated[str | None, typer.Option("--id", help="of the rule set [default: the file's name]")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a file that exists")] = False,
    plugins: Plugins = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Write a commented rule file of your own: valid as it is, and without effect until it is edited."""
    file = shelf.expanded(file)
    parents = [_as_written(name, file) for name in extends or ["base"]]
    identity = rule_id or _slug(file.stem)
    _check(file, identity, parents, overwrite)
    rules = load_rules(extends or ["base"], types=rule_types(plugins or []))
    if file.resolve() in [path.resolve() for path in rules.files]:
        raise InputError(Problem(str(file), "is one of the files that it would extend", "choose another name"))
    shelf.write(file, starting_file(file, identity, parents, rules))
    # its first line names a schema, which is to be there
    schema = file.parent / schema_beside(file)
    if not schema.exists():
        shelf.write(schema, json_text(json_schema(rules.types)) + "\n")
    _print(file, identity, parents, as_json)


def _as_written(name: str, file: Path) -> str:
    """The reference to a parent in a file: a relative path, or a name."""
    path = shelf.expanded(name)
    return os.path.relpath(path.absolute(), file.absolute().parent) if path.is_file() else name


def _slug(stem: str) -> str:
    """An id from the name of a file: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")


def _check(file: Path, identity: str, parents: Sequence[str], overwrite: bool) -> None:
    """Raises InputError for a file that cannot be written, or that would not be valid."""
    if file.suffix.lower() not in (".yaml", ".yml"):
        raise InputError(Problem(str(file), "expected a name that ends with .yaml"))
    if not _test_path(file.parent, Path.is_dir):
        raise InputError(Problem(str(file), f"there is no folder {file.parent}"))
    if not _SLUG.fullmatch(identity):
        hint = "lower-case letters, digits, dots and dashes, such as my-metal"
        raise InputError(Problem("--id", f"expected a name, got {identity!r}", hint))
    shadowed = [name for name in parents if (file.parent / f"{name}.yaml").resolve() == file.resolve()]
    if shadowed:
        raise InputError(Problem(str(file), f"would itself be the parent {shadowed[0]!r}", "choose another name"))
    if _test_path(file, Path.exists) and not (overwrite and file.is_file()):
        raise InputError(Problem(str(file), "exists", "choose another name, or add --overwrite"))


def _test_path(path: Path, test: Callable[[Path], bool]) -> bool:
    try:
        return test(path)
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be written: {error.strerror}")) from error


def _print(file: Path, identity: str, parents: Sequence[str], as_json: bool) -> None:
    if as_json:
        document = {"file": str(file), "id": identity, "extends": list(parents)}
        print(json_text(document))
    else:
        print(f"wrote {file}, which extends {', '.join(parents)}: edit it, then hybrid rules check {file}")
