"""What became of each song, one line of JSON for each: a file that only ever grows, and tells what need not be done."""

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

State = Literal["done", "failed"]
SCHEMA = "batch/1"


class Record(NamedTuple):
    """One attempt at a song."""

    song: str
    state: State
    out: str
    """The song's folder, from that of all results."""
    asked: str
    """Hash of rules, weights, version and options."""
    stamp: str
    """Of sizes and times of all its files: as long as it is the same, the files are taken to be the same."""
    inputs: str = ""
    """Hash of what the files hold."""
    seconds: float = 0.0
    """That the attempt took."""
    duration_s: float = 0.0
    tracks: int = 0
    loudness_lufs: float | None = None
    true_peak_dbtp: float | None = None
    rules: Mapping[str, float] = {}
    """Excess of every rule that matched, in its scales: the worst of its targets."""
    notes: tuple[str, ...] = ()
    reason: str = ""
    """Why it failed."""
    trace: str = ""
    """Where in the program, if that is at fault."""
    unwritable: bool = False
    """Whether it failed because nothing can be written, as all that follow would."""
    host: str = ""


_RECORD = TypeAdapter(Record)


class Manifest:
    """The records of one run or shard in a folder of results; each is on disk before the next is begun."""

    def __init__(self, folder: Path, shard: str = "") -> None:
        self._path = folder / f"manifest{shard and '-' + shard}.jsonl"

    def __enter__(self) -> Manifest:
        try:
            self._file = self._path.open("ab")
            if self._file.tell() == 0:
                self._put({"schema": SCHEMA})
        except OSError as error:
            raise _unwritable(self._path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, record: Record) -> None:
        """Writes one record. Raises InputError if that cannot be."""
        try:
            self._put(record._asdict())
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def _put(self, said: Mapping[str, object]) -> None:
        # a line begins with a break of its own: one that a kill cut short stays alone
        self._file.write(b"\n" + json.dumps(said, ensure_ascii=False).encode())
        self._file.flush()
        os.fsync(self._file.fileno())


def last_records(folder: Path) -> dict[str, Record]:
    """The last record of every song over all shards; lines that a kill cut short are passed over.

    Raises InputError for a manifest of another version.
    """
    found: dict[str, Record] = {}
    manifests = [path for path in folder.glob("manifest*.jsonl") if path.is_file()]
    for path in sorted(manifests, key=lambda path: path.stat().st_mtime):
        for said in _lines(path):
            if said.get("schema", SCHEMA) != SCHEMA:
                what = f"is of format {said['schema']!r}, expected {SCHEMA!r}"
                raise InputError(Problem(str(path), what, hint="choose another output folder"))
            with suppress(ValidationError):
                record = _RECORD.validate_python({name: said[name] for name in Record._fields if name in said})
                found[record.song] = record
    return found


def _lines(path: Path) -> Iterator[dict]:
    for line in path.read_bytes().splitlines():
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(said, dict):
            yield said


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(Problem(str(path), f"cannot be written: {error.strerror}"))
