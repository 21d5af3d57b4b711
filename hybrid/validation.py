"""Validation of a document against a pydantic model: all problems at once, each with its place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import zip_longest
from types import GenericAlias
from typing import TypeVar, cast, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import ErrorDetails

from hybrid.document import Document, YamlValue
from hybrid.errors import InputError, Problem, shown, suggest
from hybrid.units import FIELD_ERROR, FIELD_WARNING

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_Model = TypeVar("_Model")
_MAX_PROBLEMS = 20
"""Problems reported one by one: a table with a wrong column has thousands of one kind."""
_EXPECTED = {
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
"""The expected value by the type of a pydantic error."""


class _Untitled(GenerateJsonSchema):
    """Without titles that only repeat the names of fields."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def schema_of(*models: type[BaseModel]) -> tuple[dict[type[BaseModel], str], JsonSchemaValue]:
    """JSON Schema of models: the name under which each is in its `$defs`, and those."""
    wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(model, "validation") for model in models]
    references, schema = models_json_schema(wanted, by_alias=True, schema_generator=_Untitled)
    names = {model: references[model, "validation"]["$ref"].rpartition("/")[2] for model in models}
    return names, schema["$defs"]


def document_schema(model: type[BaseModel]) -> JsonSchemaValue:
    """JSON Schema of a document, for editors."""
    names, definitions = schema_of(model)
    top = definitions.pop(names[model])
    return {"$schema": JSON_SCHEMA, **top, "$defs": definitions}


def validate_document(model: type[_Model] | GenericAlias, document: Document, context: object = None) -> _Model:
    """The document's data as an instance of the model; `context` is passed to the model's validators.

    Raises InputError with all problems, of many the first 20.
    """
    try:
        return TypeAdapter(cast(type[_Model], model)).validate_python(document.data, context=context)
    except ValidationError as error:
        known, errors = sorted(set(_keys(model))), error.errors(include_url=False)
    n_more = len(errors) - _MAX_PROBLEMS
    rest = [Problem(str(document.path), f"and {n_more} more problems")] * (n_more > 0)
    raise InputError(*(_problem(document, each, known) for each in errors[:_MAX_PROBLEMS]), *rest)


def _keys(model: object) -> Iterator[str]:
    """Every key of the model and of the models within it."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            yield field.alias or name
            yield from _keys(field.annotation)
    for part in get_args(model):
        yield from _keys(part)


def _problem(document: Document, error: ErrorDetails, known: list[str]) -> Problem:
    loc = error["loc"]
    # a missing key may be elsewhere in the document
    n = len(loc) - (error["type"] == "missing")
    keys = (*_keys_in(document.data, loc[:n]), *loc[n:])
    if error["type"] == "extra_forbidden":
        what = f"unknown key{suggest(str(keys[-1]), known)}"
        return _problem_at(document.place_of_key(*keys), keys, what)
    # a missing key has no place of its own: its parent is shown
    place = document.place(*keys[:-1] if error["type"] == "missing" else keys)
    found = _problem_at(place, keys, error_message(error))
    if keys:
        return found
    # a check of the whole document names the key that is wrong
    name, _, what = found.what.partition(": ")
    placed = _placed(document, Problem(name, what))
    return placed if placed.where != name else found


def _keys_in(value: YamlValue, keys: tuple[int | str, ...]) -> Iterator[int | str]:
    """The keys without names of alternatives, which pydantic puts before the keys of a map that has several forms."""
    for key, following in zip_longest(keys, keys[1:]):
        inner = value[key] if isinstance(value, dict) and key in value else None
        is_below = isinstance(inner, dict) and following in inner
        if isinstance(key, str) and isinstance(value, dict) and following in value and not is_below:
            continue
        yield key
        value = value[key] if isinstance(value, list) and isinstance(key, int) and key < len(value) else inner


def _problem_at(place: str, keys: tuple[int | str, ...], what: str) -> Problem:
    name = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).removeprefix(".")
    return Problem(place, f"{name}: {what}" if name else what)


def error_message(error: ErrorDetails) -> str:
    """The message for a wrong value, such as "expected a number, got '3 dB'", without pydantic's own terms."""
    kind, given = error["type"], _shown(error["input"])
    if kind in (FIELD_ERROR, FIELD_WARNING):
        return error["msg"]
    if kind == "missing":
        return "is missing"
    if kind in ("string_too_short", "too_short"):
        least = error.get("ctx", {}).get("min_length", 1)
        return "is empty" if least == 1 or not error["input"] else f"expected at least {least}, got {given}"
    if kind in _EXPECTED:
        return f"expected {_EXPECTED[kind]}, got {given}"
    near = ""
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", str(error.get("ctx", {}).get("expected")))
        near = suggest(str(error["input"]), choices) if len(choices) > 1 else ""
    return f"{error['msg'].replace('Input should be', 'expected')}, got {given}{near}"


@contextmanager
def placed_in(document: Document) -> Iterator[None]:
    """Problems raised in the block whose place is a key of the document, such as `arms[0].sweep`, get its line."""
    try:
        yield
    except InputError as error:
        error.problems = tuple(_placed(document, each) for each in error.problems)
        raise


def _placed(document: Document, found: Problem) -> Problem:
    keys = tuple(int(word) if word.isdigit() else word for word in re.split(r"[.\[\]]+", found.where) if word)
    data = document.data
    if not keys or not isinstance(data, dict) or keys[0] not in data:
        return found
    return found._replace(where=document.place(*keys), what=f"{found.where}: {found.what}")


def _shown(value: object) -> str:
    """The value as text of at most 60 characters; a map or a list by its kind alone."""
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list | tuple):
        return "a list"
    return shown(value)
