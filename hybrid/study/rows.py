"""The measurements of a study: a row for each song, seed and arm, written as soon as a song is done under a seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import TypeAdapter, ValidationError

from hybrid import shelf
from hybrid.audio.song import file_name

ABOUT_FILE, ROWS_FILE, ROWS_FOLDER = "study.json", "rows.jsonl", "rows"


class Row(NamedTuple):
    """The measurements of one mix."""

    song: str
    seed: int
    arm: str
    state: Literal["done", "diverged"]
    metrics: dict[str, float]
    """By metric name, in the metric's unit."""
    penalty: dict[str, float]
    """Unweighted penalty of every rule that has a target in the song; measured by the full rules for all arms."""
    total: float | None
    """Weighted sum of the penalties; None for a mix that diverged."""
    touches: bool
    """Whether a changed rule has a target in the song; if not, the arm equals the full one there."""
    reason: str = ""
    """Why it diverged."""
    rules: str = ""
    """Hash of the arm's rules, which names their file in the folder of the run."""
    took_s: float = 0.0
    """Time to refine and render it, without compiling what its arm shares with others."""
    made_by: str = ""
    """Hash of all that it depends on but the song: rules, network, options and the source of the program."""


class Unit(NamedTuple):
    """All arms of one song under one seed."""

    stamp: str
    """Hash of the names, sizes and times of the song's files."""
    explained: float | None
    """Share of the reference that the tracks explain; None without one."""
    compiled: tuple[int, int]
    """Programs compiled for the first mix of each kind, and for all later ones, when rows were last added."""
    notes: tuple[str, ...]
    rows: tuple[Row, ...]


_UNIT, _ROW = TypeAdapter(Unit), TypeAdapter(Row)


def unit_path(out: Path, song: str, seed: int) -> Path:
    """The file of the rows of a song under a seed."""
    # names that shorten to the same file name must not share a file
    digest = hashlib.sha256(song.encode()).hexdigest()[:8]
    return out / ROWS_FOLDER / f"{file_name(song)[:80]}-{digest}-{seed}.json"


def write_unit(path: Path, unit: Unit) -> None:
    """Writes the rows, whole or not at all. Raises InputError if the file cannot be written."""
    fields = {**unit._asdict(), "rows": [row._asdict() for row in unit.rows]}
    shelf.write(path, json.dumps(fields, ensure_ascii=False, allow_nan=False, indent=0) + "\n")


def read_unit(path: Path) -> Unit | None:
    """The rows in a file; None if it is missing or damaged."""
    try:
        fields = json.loads(path.read_bytes())
        return _UNIT.validate_python({**fields, "rows": [Row(**row) for row in fields["rows"]]})
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Writes all rows into one file, a line of JSON for each."""
    lines = (f"{json.dumps(row._asdict(), ensure_ascii=False, allow_nan=False)}\n" for row in rows)
    shelf.write(path, "".join(lines))


def read_rows(path: Path) -> list[Row]:
    """The rows in a file of all rows. Raises OSError, or ValueError for a damaged file."""
    # by line feeds alone: other separators of lines may be part of a name
    return [_ROW.validate_json(line) for line in path.read_bytes().split(b"\n") if line]
