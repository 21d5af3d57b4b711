"""YAML files as plain Python values, with the place of every value.

Only the core schema of YAML 1.2 is read. `on` and `no` are text, `1e3` is a number, `1:30` is text, `012` is twelve,
dates are text. Duplicate keys, anchors, aliases, merge keys and tags are errors, since they hide where a value comes
from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml

from hybrid.errors import InputError, Problem, shown

YamlKey = str | int
YamlValue = str | int | float | bool | list | dict | None

_Parser = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_LITERALS = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_LITERALS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_MAX_DEPTH = 50
_MAX_DIGITS = 40
_LARGEST = 1e30
"""Numbers beyond this, of either sign, are refused: those that are computed with end at 3e38."""
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class Mark(NamedTuple):
    """A position in a file, counted from one."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """The data of a file, and the mark of each of its values and keys. Without marks every place is the path alone."""

    path: Path
    data: YamlValue
    values: Mapping[tuple[YamlKey, ...], Mark] = field(repr=False)
    keys: Mapping[tuple[YamlKey, ...], Mark] = field(repr=False)

    def mark(self, *keys: YamlKey) -> Mark:
        """The mark of the value at `keys` (of a block map or list, that of its key), or else of its parent."""
        while keys and keys not in self.values:
            keys = keys[:-1]
        return self.values.get(keys, Mark(1, 1))

    def place(self, *keys: YamlKey) -> str:
        """`mark` as "path:line:column"."""
        return self._format(self.mark(*keys))

    def line(self, *keys: YamlKey) -> str:
        """`mark` as "path:line"."""
        return self.place(*keys).rpartition(":")[0] if self.values else str(self.path)

    def place_of_key(self, *keys: YamlKey) -> str:
        """The place of the last of `keys` itself, for an unknown key."""
        return self._format(self.keys.get(keys) or self.mark(*keys))

    def _format(self, mark: Mark) -> str:
        return f"{self.path}:{mark.line}:{mark.column}" if self.values else str(self.path)


def read(path: Path) -> Document:
    """The one document of a YAML file. Raises InputError with every duplicate key and forbidden construct."""
    return parse(_read_text(path), path)


def parse(text: str, path: Path) -> Document:
    """The one document in `text`, with places in `path`."""
    builder = _Builder(path)
    try:
        data = builder.document(yaml.parse(text, Loader=_Parser))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise InputError(*builder.problems, Problem(where, _message(error))) from error
    except yaml.YAMLError as error:
        what = " ".join(str(error).partition(' in "')[0].split())
        raise InputError(Problem(str(path), f"not readable as YAML: {what}")) from error
    if builder.problems:
        raise InputError(*builder.problems)
    return Document(path, data, builder.values, builder.keys)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be read: {error.strerror or error}")) from error
    except UnicodeDecodeError as error:
        raise InputError(Problem(str(path), f"is not UTF-8 text (byte {error.start})")) from error


def _message(error: yaml.MarkedYAMLError) -> str:
    what = error.problem or error.context or "not readable as YAML"
    if "cannot start any token" in what:
        return f"{what}: a tab, or one of @ ` % that needs quotes"
    return what


def _scalar(event: yaml.ScalarEvent) -> YamlValue:
    """The value of a scalar. Raises OverflowError for a number that is too large."""
    text = event.value
    if event.style:
        return text
    if text in _LITERALS:
        return _LITERALS[text]
    # text of any length may follow: only what can be a number is looked at
    if not text.isascii() or not (text[0].isdigit() or text[0] in "+-."):
        return text
    is_whole = _INT.fullmatch(text) is not None
    if not is_whole and not _FLOAT.fullmatch(text):
        return text
    if abs(value := float(text)) > _LARGEST:
        raise OverflowError
    # a fraction may have any number of digits; of a whole number all count
    return (int(text) if len(text) <= _MAX_DIGITS else int(value)) if is_whole else value


class _Builder:
    """Turns parser events into plain Python values, recording marks and collecting problems."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: dict[tuple[YamlKey, ...], Mark] = {}
        self.keys: dict[tuple[YamlKey, ...], Mark] = {}
        self.problems: list[Problem] = []

    def document(self, events: Iterator[yaml.Event]) -> YamlValue:
        data: YamlValue = None
        n_documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                n_documents += 1
                if n_documents > 1:
                    self._report(event, "a second document (---): one file is one document")
                value = self._node(next(events), (), events)
                data = value if n_documents == 1 else data
        return data

    def _node(self, event: yaml.Event, at: tuple[YamlKey, ...], events: Iterator[yaml.Event]) -> YamlValue:
        if isinstance(event, yaml.AliasEvent):
            return self._report(event, f"alias *{event.anchor}: anchors and aliases are not used here")
        self._check(event)
        if len(at) > _MAX_DEPTH:
            what = f"nested too deeply, expected at most {_MAX_DEPTH} levels"
            raise InputError(Problem(f"{self.path}:{_mark(event).line}", what))
        # a block collection starts at its first item: its key, a line above, is the better place
        block = isinstance(event, yaml.CollectionStartEvent) and not event.flow_style
        mark = self.keys[at] if block and at in self.keys else _mark(event)
        self.values.setdefault(at, mark)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(at, events)
        if isinstance(event, yaml.MappingStartEvent):
            return self._map(at, events)
        assert isinstance(event, yaml.ScalarEvent)
        try:
            return _scalar(event)
        except OverflowError:
            return self._report(event, f"the number {shown(event.value)[1:-1]} is too large: expected at most 1e30")

    def _list(self, at: tuple[YamlKey, ...], events: Iterator[yaml.Event]) -> list:
        items: list[YamlValue] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*at, len(items)), events))
        return items

    def _map(self, at: tuple[YamlKey, ...], events: Iterator[yaml.Event]) -> dict:
        entries: dict[str, YamlValue] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._key(event, at, events)
            first = self.keys.setdefault((*at, key), _mark(event))
            value = self._node(next(events), (*at, key), events)
            if key in entries:
                self._report(event, f"duplicate key {shown(key)}, first given at line {first.line}")
            # the first of duplicate keys stays: its place is the one reported as first
            entries.setdefault(key, value)
        return entries

    def _key(self, event: yaml.Event, at: tuple[YamlKey, ...], events: Iterator[yaml.Event]) -> str:
        if isinstance(event, yaml.ScalarEvent):
            self._check(event)
            if event.value == "<<" and not event.style:
                self._report(event, "merge key <<: use `extends` and `patch`")
            return event.value
        self._report(event, "a key must be plain text")
        self._node(event, (*at, "?"), events)
        return "?"

    def _check(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.NodeEvent) and event.anchor:
            self._report(event, f"anchor &{event.anchor}: anchors and aliases are not used here")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag not in (None, "!"):
            self._report(event, f"tag {event.tag}: tags are not used here")

    def _report(self, event: yaml.Event, what: str) -> None:
        mark = _mark(event)
        self.problems.append(Problem(f"{self.path}:{mark.line}:{mark.column}", what))


def _mark(event: yaml.Event) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)
