"""What a study measures: a row for each song, seed and arm, on disk as soon as a song is done under a seed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import TypeAdapter, ValidationError

from hybrid import shelf
from hybrid.audio.song import file_name

ROWS_FOLDER = "rows"


class Row(NamedTuple):
    """One mix."""

    song: str
    seed: int
    arm: str
    state: Literal["done", "diverged"]
    metrics: dict[str, float]
    """By the names of the metrics."""
    penalty: dict[str, float]
    """Of every rule that the song has targets for, by the full rules and before weights: one yardstick for all arms."""
    total: float | None
    """Weighted sum of these."""
    touches: bool
    """Whether the song has a target of any rule that the arm changes: if not, it is the full arm by another name."""
    reason: str = ""
    """Why it diverged."""
    rules: str = ""
    """Hash of the arm's rules, which lie under it in the folder of the run."""


class Unit(NamedTuple):
    """All arms of one song under one seed."""

    made_by: str
    """Hash of all that the rows follow from but the song."""
    stamp: str
    """Of the song's files."""
    explained: float | None
    """Share of the reference that the tracks explain; None without one."""
    compiled: tuple[int, int]
    """Programs that were compiled for the first mixes, and for all that followed."""
    took_s: float
    notes: tuple[str, ...]
    rows: tuple[Row, ...]


_UNIT = TypeAdapter(Unit)


def unit_path(out: Path, song: str, seed: int) -> Path:
    """Where the rows of a song under a seed lie."""
    digest = hashlib.sha256(song.encode()).hexdigest()[:8]
    return out / ROWS_FOLDER / f"{file_name(song)[:80]}-{digest}-{seed}.json"


def write_unit(path: Path, unit: Unit) -> None:
    """Writes the rows, whole or not at all. Raises InputError if that cannot be."""
    said = {**unit._asdict(), "rows": [row._asdict() for row in unit.rows]}
    shelf.write(path, json.dumps(said, ensure_ascii=False, allow_nan=False, indent=0) + "\n")


def read_unit(path: Path) -> Unit | None:
    """The rows that lie there; None if there are none, or none that can be read."""
    try:
        said = json.loads(path.read_bytes())
        return _UNIT.validate_python({**said, "rows": [Row(**row) for row in said["rows"]]})
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return None


def write_all(path: Path, rows: Iterable[Row]) -> None:
    """All rows in one file, a line of JSON for each."""
    lines = (json.dumps(row._asdict(), ensure_ascii=False, allow_nan=False) for row in rows)
    shelf.write(path, "\n".join(lines) + "\n")
