"""A log of what a command prints, each line with its time."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TextIO

from hybrid import shelf
from hybrid.errors import InputError, Problem, printable

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""Sequences that move the cursor or colour text (ECMA-48, control sequence introducer)."""


_REDRAWN = re.compile(r"\x1b\[(2K|[0-9]*A|\?25)")
"""Sequences by which bars of several lines are drawn again: a line erased, the cursor moved up, or hidden."""


def open_log(path: Path) -> TextIO:
    """The log at a path, to be appended to. Raises InputError if it cannot be written."""
    path = shelf.expanded(path)
    try:
        return path.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be written: {error.strerror}")) from error


def write_line(log: TextIO, text: str) -> None:
    """Appends a line with the time."""
    log.write(f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S%z} {printable(text)}\n")


class _Logged(io.TextIOBase):
    """A stream whose whole lines are logged as well; what is redrawn on a terminal is not."""

    def __init__(self, stream: TextIO | io.TextIOBase, log: TextIO) -> None:
        self._stream, self._log, self._line = stream, log, ""

    @property
    def encoding(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self._stream.encoding

    def fileno(self) -> int:
        return self._stream.fileno()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def flush(self) -> None:
        self._stream.flush()

    def write(self, text: str, /) -> int:
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            # what was redrawn before is gone from the terminal as well, and so will be what moves the cursor
            last = line.rstrip("\r").rpartition("\r")[2]
            shown = _ESCAPES.sub("", last)
            if shown.strip() and not _REDRAWN.search(last):
                write_line(self._log, shown)
        return self._stream.write(text)


@contextmanager
def logged(log: TextIO) -> Iterator[None]:
    """Whole lines on standard output and on stderr are logged within the block."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Logged(stream, log) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        log.close()
