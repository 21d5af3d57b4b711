"""Validation of drafts by their models: every problem with its place and the nearest known word; warnings apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from hybrid.errors import Problem, suggest
from hybrid.knowledge.draft import Draft, Keys, Origin, path
from hybrid.knowledge.rule_types import RuleTypes
from hybrid.knowledge.schema import Citation, Defaults, Section
from hybrid.knowledge.select import RoleName, Selector
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.types.fields import Schedule, When
from hybrid.knowledge.types.loudness import BudgetShare
from hybrid.units import FIELD_WARNING, ValidationContext
from hybrid.validation import error_message

_Model = TypeVar("_Model", bound=BaseModel)
Bands = Mapping[str, tuple[float, float]]

_INNER = (When, Schedule, Selector, BudgetShare, Section, RoleName, Citation, Defaults)


class Outcome(NamedTuple):
    """Errors and warnings of a validation."""

    problems: list[Problem]
    warnings: list[Problem]


def validate(model: type[_Model], draft: Draft, bands: Bands) -> tuple[_Model | None, Outcome]:
    """The model of a draft, or None with its problems."""
    try:
        return model.model_validate(draft.value, context=ValidationContext(True, bands)), Outcome([], [])
    except ValidationError as error:
        found = error.errors(include_url=False)
    warnings = [_problem(model, draft, each) for each in found if each["type"] == FIELD_WARNING]
    try:
        return model.model_validate(draft.value, context=ValidationContext(False, bands)), Outcome([], warnings)
    except ValidationError as error:
        problems = [_problem(model, draft, each) for each in error.errors(include_url=False)]
        return None, Outcome(problems, warnings)


def validate_rule(draft: Draft, bands: Bands, types: RuleTypes) -> tuple[RuleType | None, Outcome]:
    """The rule of a draft, by the type that it names."""
    name = draft.value.get("type")
    if isinstance(name, str) and name in types:
        return validate(types[name], draft, bands)
    origin = draft.origin(("type",))
    what = "is missing" if name is None else f"unknown type {name!r}{suggest(str(name), types)}"
    return None, Outcome([problem(origin, what, hint=f"types: {', '.join(types)}")], [])


def problem(origin: Origin, what: str, hint: str = "") -> Problem:
    """A problem with the value of that origin."""
    return Problem(origin.document.place(*origin.keys), f"{path(origin.keys)}: {what}", hint)


def problem_with_key(origin: Origin, what: str, hint: str = "") -> Problem:
    """A problem with the key that leads to a value, not with the value."""
    return Problem(origin.document.place_of_key(*origin.keys), f"{path(origin.keys)}: {what}", hint)


def _problem(model: type[BaseModel], draft: Draft, error: ErrorDetails) -> Problem:
    keys, kind = error["loc"], error["type"]
    if kind == "extra_forbidden":
        known = _keys(model) if len(keys) == 1 else _inner_keys()
        return problem_with_key(draft.origin(keys), f"unknown key{suggest(str(keys[-1]), known)}")
    return problem(draft.origin(_inside(draft, keys)), error_message(error))


def _inside(draft: Draft, keys: Keys) -> Keys:
    """The part of `keys` that is in the file, without what validation added, and one missing key."""
    n = len(keys)
    while n and keys[:n] not in draft.origins:
        n -= 1
    return keys[: n + 1] if n + 1 == len(keys) and isinstance(keys[n], str) else keys[:n]


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _inner_keys() -> list[str]:
    return [key for model in _INNER for key in _keys(model)]
