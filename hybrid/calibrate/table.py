"""Reading of a table of decisions, JSON or YAML; all its problems are reported at once."""

from __future__ import annotations

import json
from pathlib import Path

from hybrid import document
from hybrid.calibrate.schema import MixRow
from hybrid.document import Document
from hybrid.errors import InputError, Problem
from hybrid.validation import validate_document

YAML = (".yaml", ".yml")


def read_table(path: Path) -> tuple[MixRow, ...]:
    """The mixes of a table. Raises InputError for a damaged file, or with all wrong values in it."""
    ending = path.suffix.lower()
    if path.exists() and ending not in (".json", *YAML):
        what = "expected a table (.json, .yaml), or a folder with the tracks of a song and its mix"
        raise InputError(Problem(str(path), what))
    parsed = document.read(path) if ending in YAML else _read_json(path)
    if parsed.data == []:
        raise InputError(Problem(str(path), "holds no mixes"))
    rows = validate_document(tuple[MixRow, ...], parsed)
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
