"""Rule types out of Python files and installed packages, each checked for what a type must declare."""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import get_args

from hybrid import quantity
from hybrid.errors import InputError, Problem, suggest
from hybrid.knowledge.plugin_source import line_in, place_of, type_source_hash
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.types.hooks import TargetKind
from hybrid.knowledge.types.requires import Requires
from hybrid.treatment.parts import acts_on_names

FAULTS = (
    *(ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError),
)
"""Errors that the code of a plug-in may well raise, which are its author's to mend."""
_GUIDE = "docs/guide/rule-types.md shows a whole rule type"


def load_file(path: Path) -> dict[str, type[RuleType]]:
    """The rule types that a Python file defines, by the names of their classes in small letters: `SnareHits` is
    `snare_hits`. Classes whose name begins with an underscore are none.

    A file that has not changed is imported once. Raises InputError if it cannot be, or if it defines no usable type.
    """
    module = _imported(path)
    kinds = [
        each
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, RuleType) and each.__module__ == module.__name__
        if not name.startswith("_")
    ]
    if not kinds:
        raise InputError(Problem(str(path), "defines no rule type: expected a class that extends RuleType", _GUIDE))
    for kind in kinds:
        check_type(kind, str(path))
        type_source_hash(kind)
    return {type_name(kind): kind for kind in kinds}


def load_entry(entry: EntryPoint, origin: str) -> type[RuleType]:
    """The rule type that a package declares. Raises InputError if it cannot be imported, or is none."""
    try:
        found = entry.load()
    except FAULTS as error:
        what = f"the rule type {entry.name!r} cannot be imported from {entry.value}: {_told(error)}"
        raise InputError(Problem(origin, what, "install the package again, or remove it")) from error
    check_type(found, origin)
    type_source_hash(found)
    return found


def type_name(kind: type[RuleType]) -> str:
    """The name of a type in rule files, by that of its class: "snare_hits" for `SnareHits`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind.__name__).lower()


def check_type(kind: object, origin: str) -> None:
    """Raises InputError with all that keeps a class from being a usable rule type."""
    if not (isinstance(kind, type) and issubclass(kind, RuleType)):
        raise InputError(Problem(origin, f"expected a class that extends RuleType, got {kind!r}", _GUIDE))
    if objections := list(_objections(kind)):
        place = place_of(kind)
        raise InputError(*(Problem(place, f"{kind.__name__}: {what}", _GUIDE) for what in objections))


def _objections(kind: type[RuleType]) -> Iterator[str]:
    if not callable(getattr(kind, "measure", None)):
        yield "defines no `measure(self, song, scope)`"
    if not kind.says() or kind.__doc__ == RuleType.__doc__:
        yield "has no docstring: its first line says the rule in one sentence"
    if kind.unit not in quantity.units():
        yield f"unit: unknown unit {kind.unit!r}{suggest(kind.unit, quantity.units())}"
    if kind.target_kind not in get_args(TargetKind):
        yield f"target_kind: expected one of {', '.join(get_args(TargetKind))}, got {kind.target_kind!r}"
    if kind.target_kind in ("mix", "band") and kind.model_fields["for_"].default.bus not in ("mix", "master"):
        yield "measures the whole mix: expected `for_: For = MIX` among its fields"
    if not isinstance(kind.requires, Requires):
        yield f"requires: expected such as Requires('tracks'), got {kind.requires!r}"
    else:
        known = acts_on_names()
        unknown = [part for part in kind.requires.parts if part not in known]
        yield from (f"requires: unknown part {part!r}{suggest(part, known)}" for part in unknown)


def _imported(path: Path) -> ModuleType:
    hint = "--plugin takes a Python file with rule types of your own"
    try:
        source = path.read_bytes()
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be read: {error.strerror}", hint)) from error
    if path.suffix != ".py":
        raise InputError(Problem(str(path), "is not a Python file: expected a name that ends with .py", hint))
    # a name of its own for every content: an edited file is another module
    name = f"hybrid_plugin_{hashlib.sha256(bytes(path) + source).hexdigest()[:16]}.{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)
    # pydantic looks annotations up in the module of a class
    sys.modules[name] = module
    try:
        # not by the import system, whose compiled files would outlive an edit within a second
        exec(compile(source, str(path), "exec"), module.__dict__)
    except FAULTS as error:
        del sys.modules[name]
        raise InputError(Problem(line_in(str(path), error), f"cannot be imported: {_told(error)}", _GUIDE)) from error
    return module


def _told(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
