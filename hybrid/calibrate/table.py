"""A table of decisions is read: JSON or YAML, with everything that is wrong in it told at once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from hybrid import document
from hybrid.calibrate.schema import MixRow
from hybrid.document import Document
from hybrid.errors import InputError, Problem

YAML = (".yaml", ".yml")
_MOST = 20
"""Problems told one by one: a table with a wrong column has thousands of one kind."""
_KINDS = {
    "tuple_type": "a list",
    "model_type": "a map of keys and values",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
}
_Rows = TypeAdapter(tuple[MixRow, ...])


def read_table(path: Path) -> tuple[MixRow, ...]:
    """The mixes of a table. Raises InputError for a damaged file, and with every wrong value in it."""
    ending = path.suffix.lower()
    if path.exists() and ending not in (".json", *YAML):
        what = "expected a table (.json, .yaml), or a folder with the tracks of a song and its mix"
        raise InputError(Problem(str(path), what))
    written = document.read(path) if ending in YAML else _read_json(path)
    if written.data == []:
        raise InputError(Problem(str(path), "holds no mixes"))
    try:
        rows = _Rows.validate_python(written.data)
    except ValidationError as error:
        raise InputError(*_problems(written, error.errors(include_url=False))) from None
    if not any(track.is_audio for row in rows for track in row.tracks):
        raise InputError(Problem(str(path), "holds no track of type AUDIO"))
    return rows


def _read_json(path: Path) -> Document:
    try:
        text = path.read_text(encoding="utf-8-sig")
        return Document(path, json.loads(text), {}, {})
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be read: {error.strerror or error}")) from error
    except UnicodeDecodeError as error:
        raise InputError(Problem(str(path), f"is not UTF-8 text (byte {error.start})")) from error
    except json.JSONDecodeError as error:
        where = f"{path}:{error.lineno}:{error.colno}"
        raise InputError(Problem(where, f"is not valid JSON: {error.msg}")) from error
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(str(path), f"is not valid JSON: {error}")) from error


def _problems(written: Document, errors: list[ErrorDetails]) -> list[Problem]:
    found = [_problem(written, each) for each in errors[:_MOST]]
    more = len(errors) - _MOST
    return found + [Problem(str(written.path), f"and {more} mistakes more")] * (more > 0)


def _problem(written: Document, error: ErrorDetails) -> Problem:
    keys = error["loc"]
    name = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")
    what = _explain(error)
    return Problem(written.place(*keys), f"{name}: {what}" if name else what)


def _explain(error: ErrorDetails) -> str:
    kind, given = error["type"], _short(error["input"])
    if kind == "refused":
        return error["msg"]
    if kind == "missing":
        return "is missing"
    if kind == "string_too_short":
        return "is empty"
    if kind in _KINDS:
        return f"expected {_KINDS[kind]}, got {given}"
    return f"{error['msg'].replace('Input should be', 'expected')}, got {given}"


def _short(value: object) -> str:
    """A value as it is shown: of what is long, only its kind."""
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
