"""How long songs of studies took on this machine, so that the time of the next study can be told beforehand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from hybrid import shelf
from hybrid.compiled import cached_file
from hybrid.errors import InputError

_KEPT = 50
"""Songs that are remembered."""


def remember(mixes: int, took_s: float) -> None:
    """Notes that a process took so long for a song with so many mixes; forgotten where nothing can be written."""
    path = _path()
    if path and mixes:
        with suppress(OSError, InputError):
            path.parent.mkdir(parents=True, exist_ok=True)
            shelf.write(path, json.dumps([*_known(), [mixes, round(took_s, 2)]][-_KEPT:]))


def expected_s(mixes: Sequence[int]) -> float | None:
    """Time that one process would take for songs with so many mixes each; None if none was mixed here.

    A song takes a time of its own, to open, analyse and compile, and a time for each of its mixes: both by least
    squares over the last songs.
    """
    known = np.array(_known())
    if not known.size:
        return None
    design = np.column_stack((np.ones(len(known)), known[:, 0]))
    (per_song_s, per_mix_s), _ = nnls(design, known[:, 1])
    return float(per_song_s * len(mixes) + per_mix_s * sum(mixes))


def _known() -> list[tuple[int, float]]:
    """Number of mixes, and the time that they took, of the last songs."""
    path = _path()
    with suppress(OSError, ValueError, TypeError):
        if path:
            return [(int(n), float(took_s)) for n, took_s in json.loads(path.read_bytes()) if int(n) > 0]
    return []


def _path() -> Path | None:
    return cached_file("pace.json")
