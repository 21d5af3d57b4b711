"""`hybrid schema`: the JSON Schemas of all documents that users write, for their editors."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from pydantic.json_schema import JsonSchemaValue

from hybrid import shelf
from hybrid.cli.options import Plugins
from hybrid.json_text import json_text
from hybrid.validation import document_schema


class Kind(StrEnum):
    """A kind of document."""

    RULES = "rules"
    STUDY = "study"
    RECIPE = "recipe"
    CARD = "card"
    SONG = "song"


# imported only when asked for: checks of other files answer at once
_MODELS = {
    Kind.STUDY: ("hybrid.study.schema", "Study"),
    Kind.RECIPE: ("hybrid.training.recipe", "Recipe"),
    Kind.CARD: ("hybrid.corpus.card", "Card"),
    Kind.SONG: ("hybrid.audio.schema", "SongFile"),
}


def schema(
    kind: Annotated[Kind, typer.Argument(help="of documents: rules, studies, training recipes, cards, song.yaml")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="a file to write it to")] = None,
    plugins: Plugins = None,
) -> None:
    """Print the JSON Schema of a kind of document, by which editors complete and check it."""
    text = json_text(schema_for(kind, plugins or ()), 1)
    if out is None:
        print(text)
    else:
        out = shelf.expanded(out)
        shelf.write(out, f"{text}\n")
        print(f"wrote {out}: name it in the first line of a document, # yaml-language-server: $schema={out.name}")


def schema_for(kind: Kind, plugins: Sequence[Path] = ()) -> JsonSchemaValue:
    """The JSON Schema of a kind of document; that of rules knows the types of plug-ins too."""
    if kind == Kind.RULES:
        from hybrid.knowledge.rule_types import rule_types
        from hybrid.knowledge.schema import json_schema

        return json_schema(rule_types(plugins))
    module, name = _MODELS[kind]
    return document_schema(getattr(import_module(module), name))
