"""A fitted rule file as YAML text, and checks of the path that it is written to."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import yaml

from hybrid import shelf
from hybrid.calibrate.rules import FittedRules
from hybrid.errors import InputError, Problem, printable

_MODELINE = "# yaml-language-server: $schema=mixrules.schema.json"
_WIDTH, _LONG, _MANY = 100, 80, 6


class Label(NamedTuple):
    """Id and parent of a fitted file, and the source of its numbers."""

    id: str
    extends: str
    source: str
    url: str
    command: str


def id_of(path: Path) -> str:
    """The id of a rule file, from its name: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "fitted"


def rule_text(fitted: FittedRules, label: Label) -> str:
    """The file as YAML, with a header comment that has the command that wrote it."""
    document: dict[str, object] = {
        "schema": "mixrules/1",
        "id": label.id,
        "title": f"Fitted to human mixes: {label.source}",
        "extends": [label.extends],
    }
    document |= {"patch": fitted.patch} if fitted.patch else {}
    document |= {"rules": fitted.rules} if fitted.rules else {}
    document["cite"] = {label.id: {"title": label.source} | ({"url": label.url} if label.url else {})}
    said = [
        "Medians and quartiles of human mixes, every song counting the same. Made by",
        f"  {' '.join(label.command.split())}",
    ]
    return yaml_text(said, document)


def yaml_text(said: Sequence[str], document: dict[str, object]) -> str:
    """A rule file that a command writes, with a header comment that says how it was made."""
    edits = "Edits are safe: another run writes to another file, or needs --overwrite."
    # what is said may hold names of files, which may hold anything
    header = [_MODELINE, "#", *(f"# {printable(line)}".rstrip() for line in (*said, edits))]
    body = yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=None
    )
    return "\n".join([*header, body])


class _Dumper(yaml.SafeDumper):
    """Indents lists and folds long texts, as in files written by hand."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    is_long = len(text) > _LONG and text.isprintable() and text == text.strip()
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=">" if is_long else None)


def _map(dumper: yaml.SafeDumper, document: dict[str, object]) -> yaml.MappingNode:
    is_short = len(document) < _MANY and not any(isinstance(value, dict | list) for value in document.values())
    return dumper.represent_mapping("tag:yaml.org,2002:map", document, flow_style=is_short)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(dict, _map)


def check_target(path: Path, extends: str, overwrite: bool) -> None:
    """Raises InputError if a file that extends the rules `extends` cannot, or must not, be written to `path`."""
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise InputError(Problem(str(path), "expected a name that ends with .yaml"))
    if path.resolve() == shelf.find("rules", extends).resolve() or path.name == f"{extends}.yaml":
        raise InputError(Problem(str(path), "would extend itself: give another name"))
    if path.exists() and not overwrite:
        raise InputError(Problem(str(path), "exists", "give another name, or add --overwrite to write over it"))
    if not path.parent.is_dir():
        raise InputError(Problem(str(path.parent), "no such folder"))


def parent_reference(name: str, path: Path) -> str:
    """The reference to a parent in a file at `path`: its name, if that resolves to it from there, else a relative
    path."""
    parent = shelf.find("rules", name)
    there = shelf.find("rules", name, beside=path.parent) if not shelf.expanded(name).is_file() else None
    # a file next to the new one may have the name of a shipped one
    is_same = there is not None and there.resolve() == parent.resolve()
    return name if is_same else Path(os.path.relpath(parent.resolve(), path.parent.resolve())).as_posix()
