"""How long mixes of studies took on this machine, so that the time of the next study can be told beforehand."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from hybrid import shelf
from hybrid.compiled import cached_file
from hybrid.errors import InputError

_KEPT = 50
"""Songs that are remembered."""


def remember(mixes: int, took_s: float) -> None:
    """Notes that a process took so long for the mixes of a song; forgotten where nothing can be written."""
    path = _path()
    if path and mixes:
        with suppress(OSError, InputError):
            path.parent.mkdir(parents=True, exist_ok=True)
            shelf.write(path, json.dumps([*_known(), [mixes, round(took_s, 2)]][-_KEPT:]))


def expected_s(mixes: int) -> float | None:
    """Time that one process would take for so many mixes; None if none was made here."""
    known = _known()
    return mixes * sum(took_s for _, took_s in known) / sum(n for n, _ in known) if known else None


def _known() -> list[tuple[int, float]]:
    """Number of mixes, and the time that they took, of the last songs."""
    path = _path()
    with suppress(OSError, ValueError, TypeError):
        if path:
            return [(int(n), float(took_s)) for n, took_s in json.loads(path.read_bytes()) if int(n) > 0]
    return []


def _path() -> Path | None:
    return cached_file("pace.json")
