"""The format of rule files, `mixrules/1`, and its JSON Schema for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field, model_validator
from pydantic.json_schema import JsonSchemaValue

from hybrid.knowledge.rule_types import SHIPPED, RuleTypes
from hybrid.knowledge.select import RoleName, Selector, Words
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.types.fields import Aggregation, Evidence, Slug, Weight
from hybrid.units import Clock, HzBand, field_error
from hybrid.validation import JSON_SCHEMA, schema_of


class Section(BaseModel, frozen=True, extra="forbid"):
    """A stretch of the song."""

    from_: Clock = Field(alias="from")
    to: Clock

    @model_validator(mode="after")
    def _ordered(self) -> Section:
        if self.from_ >= self.to:
            raise field_error("`to` must be later than `from`")
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
    """Values that the rules of this file have unless they state others."""

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


def json_schema(types: RuleTypes = SHIPPED) -> JsonSchemaValue:
    """JSON Schema of a rule file: every type of rule with its own keys, and no others."""
    names, definitions = schema_of(RuleFile, RuleType, *types.values())
    common = definitions["RuleType"]["properties"]
    for name, model in types.items():
        definition = definitions[names[model]]
        definition["properties"] = {
            key: {"$ref": f"#/$defs/RuleType/properties/{key}"} if shape == common.get(key) else shape
            for key, shape in definition["properties"].items()
        } | {"type": {"const": name}}
    top = definitions.pop("RuleFile")
    one_of = [{"$ref": f"#/$defs/{names[model]}"} for model in types.values()]
    top["properties"]["rules"] = {"type": "array", "items": {"oneOf": one_of}}
    return {"$schema": JSON_SCHEMA, **top, "$defs": definitions}
