"""Edits in a file, `edits/1`, and on the command line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from hybrid import document
from hybrid.edits.edit import Edit, parse_edit
from hybrid.errors import InputError, Problem
from hybrid.validation import validate_document

EDITS_FILE = "edits.yaml"
"""Name of the file beside a mix."""


class EditsFile(BaseModel):
    """Moves of a person, in the order in which they are made."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    schema_: Annotated[Literal["edits/1"], Field(alias="schema")]
    """The format of this document."""
    edits: tuple[str, ...]
    """Sentences such as `guitar gain.level +2 dB`, `lead pan.position R20`, `bass pin` or `keys mute`."""


def read_edits(path: Path) -> tuple[Edit, ...]:
    """The edits in a file. Raises InputError with everything that is wrong in it, each with its line."""
    written = document.read(path)
    texts = validate_document(EditsFile, written).edits
    return _all((text, written.place("edits", number)) for number, text in enumerate(texts))


def option_edits(texts: Sequence[str]) -> tuple[Edit, ...]:
    """The edits of options. Raises InputError for all that are no sentences."""
    return _all((text, "--edit") for text in texts)


def edits_text(edits: Sequence[Edit]) -> str:
    """The file of these edits."""
    lines = ["schema: edits/1", "edits:" if edits else "edits: []"]
    # quoted as in JSON, which YAML reads as well
    return "\n".join([*lines, *(f"  - {json.dumps(edit.text, ensure_ascii=False)}" for edit in edits)]) + "\n"


def edits_digest(edits: Sequence[Edit]) -> str:
    """Text that is equal for equal edits."""
    return hashlib.sha256(edits_text(edits).encode()).hexdigest()


def _all(sentences: Iterable[tuple[str, str]]) -> tuple[Edit, ...]:
    edits, problems = list[Edit](), list[Problem]()
    for text, place in sentences:
        try:
            edits.append(parse_edit(text, place))
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    return tuple(edits)
