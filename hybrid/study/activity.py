"""Activities of the processes of a run, for the line of progress: each writes its own to a small file."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil


class Activity(NamedTuple):
    """The mix that a process is making."""

    text: str
    mixes: int
    """Made of the song so far."""


class ActivityFile:
    """The file of this process, which is there within a block."""

    def __init__(self, folder: Path) -> None:
        self._path, self._n = folder / str(os.getpid()), -1

    def __enter__(self) -> ActivityFile:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def begin(self, text: str) -> None:
        """Another mix is begun. Nothing is lost if that cannot be written."""
        self._n += 1
        unfinished = self._path.with_suffix(".new")
        with suppress(OSError):
            unfinished.write_text(json.dumps([text, self._n]), encoding="utf-8")
            unfinished.replace(self._path)


def activities(folder: Path) -> list[Activity]:
    """Activities of the processes that are alive."""
    found = list[Activity]()
    with suppress(OSError):
        # a process that was killed leaves its file
        paths = [path for path in folder.iterdir() if path.name.isdecimal() and psutil.pid_exists(int(path.name))]
        for path in sorted(paths):
            with suppress(OSError, ValueError, TypeError):
                found.append(Activity(*json.loads(path.read_bytes())))
    return found
