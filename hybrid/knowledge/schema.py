"""The format of rule files, `mixrules/1`, and its JSON Schema for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field, model_validator
from pydantic.json_schema import JsonSchemaValue, models_json_schema

from hybrid.knowledge.select import RoleName, Selector, Words
from hybrid.knowledge.types import TYPES
from hybrid.knowledge.types.fields import Aggregation, Evidence, Slug, Weight
from hybrid.units import Clock, HzBand, refusal


class Section(BaseModel, frozen=True, extra="forbid"):
    """A stretch of the song."""

    from_: Clock = Field(alias="from")
    to: Clock

    @model_validator(mode="after")
    def _ordered(self) -> Section:
        if self.from_ >= self.to:
            raise refusal("`to` must be later than `from`")
        return self


class Citation(BaseModel, frozen=True, extra="forbid"):
    """A source that rules cite."""

    title: str
    authors: str = ""
    year: int | None = None
    doi: str = ""
    url: str = ""
    evidence: Evidence | None = None


class Defaults(BaseModel, frozen=True, extra="forbid"):
    """What the rules of this file say unless they say otherwise."""

    weight: Weight | None = None
    tier: Literal[0, 1, 2, 3] | None = None
    aggregate: Aggregation | None = None
    on_empty: Literal["skip", "warn", "error"] | None = None


class RuleFile(BaseModel, frozen=True, extra="forbid"):
    """One file of rules; its rules and patches are validated when merged with those of its parents."""

    schema_: Literal["mixrules/1"] = Field(alias="schema")
    id: Slug
    title: str = ""
    license: str = ""
    description: str = ""
    extends: Words = ()
    roles: tuple[RoleName, ...] = ()
    bands: Mapping[str, HzBand] = {}
    sections: Mapping[str, tuple[Section, ...]] = {}
    sets: Mapping[str, Selector] = {}
    defaults: Defaults = Defaults()
    rules: tuple[Mapping[str, object], ...] = ()
    patch: Mapping[str, Mapping[str, object]] = {}
    disable: Words = ()
    cite: Mapping[str, Citation] = {}


def json_schema() -> JsonSchemaValue:
    """JSON Schema of a rule file: every type of rule with its own keys, and no others."""
    models: list[type[BaseModel]] = [RuleFile, *TYPES.values()]
    by_model, definitions = models_json_schema([(model, "validation") for model in models], by_alias=True)
    types = {}
    for name, model in TYPES.items():
        types[name] = by_model[model, "validation"]
        _define(definitions, types[name])["properties"]["type"] = {"const": name}
    top = _define(definitions, by_model[RuleFile, "validation"])
    top["properties"]["rules"] = {"type": "array", "items": {"oneOf": list(types.values())}}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **top, **definitions}


def _define(definitions: JsonSchemaValue, reference: JsonSchemaValue) -> JsonSchemaValue:
    return definitions["$defs"][reference["$ref"].rpartition("/")[2]]
