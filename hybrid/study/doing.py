"""What the processes of a run are at, told by each in a small file, for the line of progress."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Told(NamedTuple):
    """What a process is at."""

    text: str
    mixes: int
    """Made of the song so far."""


class Doing:
    """Tells what this process is at, within a block."""

    def __init__(self, folder: Path) -> None:
        self._path, self._n = folder / str(os.getpid()), -1

    def __enter__(self) -> Doing:
        return self

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)

    def tell(self, text: str) -> None:
        """Another mix is begun. Nothing is lost if that cannot be told."""
        self._n += 1
        unfinished = self._path.with_suffix(".new")
        with suppress(OSError):
            unfinished.write_text(json.dumps([text, self._n]), encoding="utf-8")
            unfinished.replace(self._path)


def told_by_processes(folder: Path) -> list[Told]:
    """What each process is at."""
    told = list[Told]()
    with suppress(OSError):
        for path in sorted(each for each in folder.iterdir() if not each.suffix):
            with suppress(OSError, ValueError, TypeError):
                told.append(Told(*json.loads(path.read_bytes())))
    return told
