"""The manifest of a run: a line of JSON for every attempt at a song, appended and never rewritten; a resumed run reads
from it which songs are done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple

from pydantic import TypeAdapter, ValidationError

from hybrid.errors import InputError, Problem
from hybrid.json_text import json_text

State = Literal["done", "failed"]
SCHEMA = "batch/1"


class Record(NamedTuple):
    """One attempt at a song."""

    song: str
    state: State
    out: str
    """The song's folder, relative to the folder of all results."""
    asked: str
    """Hash of rules, weights, options and the source of the program."""
    stamp: str
    """Hash of the names, sizes and times of its files: while it is the same, the files are taken to be unchanged."""
    inputs: str = ""
    """Hash of the contents of its files."""
    seconds: float = 0.0
    """Duration of the attempt."""
    duration_s: float = 0.0
    tracks: int = 0
    loudness_lufs: float | None = None
    true_peak_dbtp: float | None = None
    rules: Mapping[str, float] = {}
    """Excess of the worst target of every rule that matched, in scales of the rule."""
    notes: tuple[str, ...] = ()
    reason: str = ""
    """Why it failed."""
    trace: str = ""
    """Traceback, where the program is at fault."""
    unwritable: bool = False
    """Whether the output cannot be written, so that every later song would fail as well."""
    host: str = ""


_RECORD = TypeAdapter(Record)


class Manifest:
    """The records of one run or shard, in the folder of results; each is on disk before the next song starts."""

    def __init__(self, folder: Path, shard: str = "") -> None:
        self._path = folder / f"manifest{shard and '-' + shard}.jsonl"

    def __enter__(self) -> Manifest:
        try:
            self._file = self._path.open("ab")
            # a line that a kill has cut short must not damage the next
            if self._file.tell() and not _ends_with_a_line(self._path):
                self._file.write(b"\n")
        except OSError as error:
            raise _unwritable(self._path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, record: Record) -> None:
        """Appends one record. Raises InputError if the file cannot be written."""
        try:
            self._append({"schema": SCHEMA, **record._asdict()})
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def _append(self, fields: Mapping[str, object]) -> None:
        self._file.write(json_text(fields, None).encode() + b"\n")
        self._file.flush()
        # a power cut loses at most the record that is being written
        os.fsync(self._file.fileno())


def _ends_with_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def last_records(folder: Path) -> dict[str, Record]:
    """The last record of every song, over all shards; incomplete lines are skipped.

    Raises InputError for a manifest of another version.
    """
    records: dict[str, Record] = {}
    manifests = [path for path in folder.glob("manifest*.jsonl") if path.is_file()]
    # oldest manifest first: the newest record of a song replaces earlier ones
    for path in sorted(manifests, key=lambda path: path.stat().st_mtime):
        for fields in _lines(path):
            if fields.get("schema", SCHEMA) != SCHEMA:
                what = f"is of format {fields['schema']!r}, expected {SCHEMA!r}"
                raise InputError(Problem(str(path), what, hint="choose another output folder"))
            with suppress(ValidationError):
                record = _RECORD.validate_python({name: fields[name] for name in Record._fields if name in fields})
                records[record.song] = record
    return records


def _lines(path: Path) -> Iterator[dict]:
    for line in path.read_bytes().splitlines():
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(fields, dict):
            yield fields


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(Problem(str(path), f"cannot be written: {error.strerror}"))
