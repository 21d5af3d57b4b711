"""Descriptions of rule types for people, from their docstrings, parameters and defaults. Starts no JAX."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from pydantic.fields import FieldInfo

from hybrid.knowledge.rule_types import SHIPPED, RuleTypes
from hybrid.knowledge.select import Selector
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.types.requires import Requires
from hybrid.treatment.parts import acts_on_names
from hybrid.units import FieldCodec

NEEDED = "–"
"""Stands for the default of a parameter that must be given."""
_STANDS_FOR = {
    "track": "every track",
    "bus": "tracks taken together",
    "mix": "the whole mix",
    "band": "every band of the mix",
    "pair": "every pair of tracks",
}
_UNITS = {"plain": "a number", "pan": "L100 to R100"}
_LABEL = re.compile(r"^(Source|Cheats): ", re.MULTILINE)
_SHAPES = {"string": "text", "number": "a number", "integer": "a whole number", "boolean": "true or false"}


class Parameter(NamedTuple):
    """A key that one type adds to those of every rule: its values, its default as YAML says it, its meaning."""

    key: str
    holds: str
    default: str
    doc: str


class TypeSheet(NamedTuple):
    """Description of one rule type for people."""

    name: str
    family: str
    """The file that the type is defined in: loudness, masking ..."""
    unit: str
    stands_for: str
    """The subject of one measured value."""
    says: str
    measures: tuple[str, ...]
    """Paragraphs on the measurement."""
    source: str
    cheats: str
    guards: tuple[str, ...]
    """Types that catch the cheats."""
    parameters: tuple[Parameter, ...]
    scale: str
    acts_on: tuple[str, ...]
    is_optimised: bool
    """False: measured and reported, never optimised."""
    requires: str
    """What of a mix must be known for the measurement, in words."""


def sheet_of(name: str, types: RuleTypes = SHIPPED) -> TypeSheet:
    """The sheet of the type called `name`."""
    kind = types[name]
    paragraphs = _paragraphs(kind)
    cheats = " ".join(paragraphs["Cheats"])
    return TypeSheet(
        name=name,
        family=kind.family_name(),
        unit=unit_words(kind),
        stands_for=_STANDS_FOR.get(kind.target_kind, kind.target_kind),
        says=kind.says(),
        measures=tuple(paragraphs[""]),
        source=" ".join(paragraphs["Source"]),
        cheats=cheats,
        guards=tuple(word for word in dict.fromkeys(re.findall(r"\w+", cheats)) if word in types and word != name),
        parameters=_parameters(kind),
        scale=_default(kind.model_fields["scale"]),
        acts_on=tuple(kind.model_fields["acts_on"].default),
        is_optimised=kind.optimised,
        requires=requires_words(kind.requires),
    )


def family_description(kind: type[RuleType]) -> str:
    """The subject of the family of a type, in a sentence or two."""
    return " ".join((sys.modules[kind.__module__].__doc__ or "").split())


def unit_words(kind: type[RuleType]) -> str:
    """The unit of a type's values, as people write it."""
    return _UNITS.get(kind.unit, kind.unit)


def requires_words(requires: Requires) -> str:
    """The source of the measurement in words: "the finished mix alone"."""
    if requires.of == "treatment":
        return f"the treatment: {part_words(requires.parts)}"
    return {"mix": "the finished mix alone", "tracks": "the treated tracks"}[requires.of]


def part_words(parts: tuple[str, ...]) -> str:
    """Parts of the treatment in an engineer's words: "static level, tone"."""
    return ", ".join(acts_on_names().get(part, part) for part in parts)


def selector_words(selector: Selector | None) -> str:
    """The tracks of a selector in words: "role guitar or keys, not tag lead"; empty for None."""
    if selector is None:
        return ""
    written = selector.written()
    if isinstance(written, str):
        return f"{written} tracks"
    inner = selector_words(selector.not_)
    words = {key: " or ".join(value) if isinstance(value, list) else value for key, value in written.items()}
    return ", ".join(f"not {inner}" if key == "not" else f"{key} {text}" for key, text in words.items())


def _paragraphs(kind: type[RuleType]) -> dict[str, list[str]]:
    """Paragraphs of a docstring below its first line, each in one line, by their label."""
    paragraphs: dict[str, list[str]] = {"": [], "Source": [], "Cheats": []}
    body = inspect.cleandoc(kind.__doc__ or "").partition("\n")[2]
    for paragraph in re.split(r"\n\s*\n", body):
        first, *labelled = _LABEL.split(paragraph)
        for label, text in zip(["", *labelled[::2]], [first, *labelled[1::2]], strict=True):
            if text.strip():
                paragraphs[label].append(" ".join(text.split()))
    return paragraphs


def _parameters(kind: type[RuleType]) -> tuple[Parameter, ...]:
    schema = kind.model_json_schema(by_alias=True)
    docs = _field_docs(kind)
    own = {name: field for name, field in kind.model_fields.items() if name not in RuleType.model_fields}
    keys = {name: field.alias or name for name, field in own.items()}
    return tuple(
        Parameter(keys[name], _holds(schema["properties"][keys[name]], schema), _default(field), docs.get(name, ""))
        for name, field in own.items()
    )


def _default(field: FieldInfo) -> str:
    """The default as YAML says it."""
    if field.is_required():
        return NEEDED
    for each in field.metadata:
        if isinstance(each, FieldCodec):
            return str(each.write(field.default))
    return ", ".join(field.default) if isinstance(field.default, tuple) else str(field.default)


def _field_docs(kind: type[RuleType]) -> dict[str, str]:
    """The docstrings that stand below fields, from the source: Python itself does not keep them."""
    docs: dict[str, str] = {}
    for each in reversed(kind.__mro__[: kind.__mro__.index(RuleType)]):
        try:
            body = ast.parse(textwrap.dedent(inspect.getsource(each))).body[0]
        except OSError:
            # a class without a file, as in a notebook
            continue
        statements = body.body if isinstance(body, ast.ClassDef) else []
        for field, below in pairwise(statements):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
                text = below.value.value if isinstance(below.value, ast.Constant) else ""
                docs[field.target.id] = " ".join(str(text).split())
    return docs


def _holds(shape: Mapping[str, object], schema: Mapping[str, object]) -> str:
    """A JSON Schema in words."""
    match shape:
        case {"description": str(text), **rest} if "properties" not in rest:
            return text
        case {"$ref": str(ref)}:
            definitions = schema["$defs"]
            assert isinstance(definitions, Mapping)
            return _holds(definitions[ref.rpartition("/")[2]], schema)
        case {"enum": list(words)}:
            return " or ".join(map(str, words))
        case {"anyOf": list(options)}:
            return " or ".join(_holds(option, schema) for option in options if option != {"type": "null"})
        case {"properties": {**keys}}:
            return f"{{{', '.join(keys)}}}"
        case {"additionalProperties": {**inner}}:
            return f"a map, each entry {_holds(inner, schema)}"
        case {"items": {**inner}}:
            return f"a list, each entry {_holds(inner, schema)}"
        case {"type": str(name)}:
            return _SHAPES.get(name, name)
    return "anything"
