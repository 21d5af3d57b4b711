"""Tracker modules: a track for each instrument, at the levels and places that the composer wrote.

An instrument has no level of its own before the composer's: raw tracks are not panned and as loud as the player makes
them, so that their levels tell nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from hybrid.audio.song import file_name
from hybrid.corpus.authored.openmpt import Module, version
from hybrid.corpus.authored.types import SAMPLE_RATE, AuthoredSong, AuthoredTrack, Quantity, measured_pan

SUFFIXES = frozenset({".mod", ".s3m", ".xm", ".it", ".mptm"})
_FIXED_PAN = {"mod": ("8", "E8"), "s3m": ("X", "S8")}
"""Formats whose channels lie left and right by themselves, and the effects with which a composer moves them."""
_EFFECT = slice(10, 13)
"""Place of the effect in a cell of 13 characters."""
_CENTRE = 1.0
"""Largest distance from the centre, in pan units, of what is not panned."""
_MOST_WORDS = 3
"""Words of a name: composers write letters into the names of unused instruments, a sentence to a name."""


def read_module(path: Path) -> AuthoredSong:
    """The song of a module. Raises InputError if it cannot be played."""
    with Module(path) as module:
        names, kind, title = module.names, module.format, module.title
        fixed = _FIXED_PAN.get(kind)
        is_moved = fixed is not None and any(cell[_EFFECT].startswith(fixed) for cell in module.cells())

    def tracks() -> Iterator[AuthoredTrack]:
        with Module(path) as module:
            for index, name in enumerate(names):
                treated = module.render(SAMPLE_RATE, index)
                if treated.any():
                    raw = module.render(SAMPLE_RATE, index, separation_percent=0)[:1]
                    yield _track(index, name, raw, treated)

    def _track(
        index: int, name: str, raw: Float32[np.ndarray, "1 time"], treated: Float32[np.ndarray, "2 time"]
    ) -> AuthoredTrack:
        pan = measured_pan(treated)
        decided: set[Quantity] = {"level"}
        # a centre that was never touched is not told apart from one that was chosen
        if is_moved or (fixed is None and pan is not None and abs(pan) > _CENTRE):
            decided.add("pan")
        words = name.split()
        label = " ".join(words) if len(words) <= _MOST_WORDS else ""
        numbered = f"{index + 1:02d} {label}" if label else f"{index + 1:02d}"
        role = None if label else "unknown"
        return AuthoredTrack(file_name(numbered), role, raw, treated, pan, decided=frozenset(decided))

    def mix() -> Float32[np.ndarray, "2 time"]:
        with Module(path) as module:
            return module.render(SAMPLE_RATE)

    return AuthoredSong(title or path.stem, version(), recorded=False, tracks=tracks, mix=mix)
