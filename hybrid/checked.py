"""A document against its model: every mistake at once, each with its place and the words of a file's author."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import GenericAlias
from typing import TypeVar, cast, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from hybrid.document import Document
from hybrid.errors import InputError, Problem, suggest
from hybrid.units import CAUTION, REFUSED

_Model = TypeVar("_Model")
_MOST = 20
"""Problems told one by one: a table with a wrong column has thousands of one kind."""
_KINDS = {
    "tuple_type": "a list",
    "dict_type": "a map of keys and values",
    "model_type": "a map of keys and values",
    "model_attributes_type": "a map of keys and values",
    "mapping_type": "a map of keys and values",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "string_type": "text",
    "string_pattern_mismatch": "a name of small letters, digits, dots and dashes",
}


def checked(model: type[_Model] | GenericAlias, written: Document, context: object = None) -> _Model:
    """What the document says, as the model has it; `context` is for the model's validators.

    Raises InputError with all that is wrong in it, of many mistakes the first 20.
    """
    try:
        return TypeAdapter(cast(type[_Model], model)).validate_python(written.data, context=context)
    except ValidationError as error:
        known, errors = sorted(set(_keys(model))), error.errors(include_url=False)
    more = len(errors) - _MOST
    rest = [Problem(str(written.path), f"and {more} mistakes more")] * (more > 0)
    raise InputError(*(_problem(written, each, known) for each in errors[:_MOST]), *rest)


def _keys(model: object) -> Iterator[str]:
    """Every key that the model, or one within it, may have."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            yield field.alias or name
            yield from _keys(field.annotation)
    for part in get_args(model):
        yield from _keys(part)


def _problem(written: Document, error: ErrorDetails, known: list[str]) -> Problem:
    keys = error["loc"]
    if error["type"] == "extra_forbidden":
        return _said(written.place_of_key(*keys), keys, f"unknown key{suggest(str(keys[-1]), known)}")
    place = written.place(*keys[:-1] if error["type"] == "missing" else keys)
    return _said(place, keys, explained(error))


def _said(place: str, keys: tuple[int | str, ...], what: str) -> Problem:
    name = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")
    return Problem(place, f"{name}: {what}" if name else what)


def explained(error: ErrorDetails) -> str:
    """What is wrong with a value, in the words of a file's author."""
    kind, given = error["type"], _short(error["input"])
    if kind in (REFUSED, CAUTION):
        return error["msg"]
    if kind == "missing":
        return "is missing"
    if kind == "string_too_short":
        return "is empty"
    if kind in _KINDS:
        return f"expected {_KINDS[kind]}, got {given}"
    near = ""
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected")))
        near = suggest(str(error["input"]), choices) if len(choices) > 1 else ""
    return f"{error['msg'].replace('Input should be', 'expected')}, got {given}{near}"


def _short(value: object) -> str:
    """A value as it is shown: of what is long, only its kind."""
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
