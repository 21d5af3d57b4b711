"""What a song is before anything is measured: its tracks, where their samples lie, and what they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Track:
    """One thing to mix: a mono or stereo file, or two mono files that are its left and right.

    `id` is unique in the song (whatever the case of its letters) and can name a file; `role` is one of
    `roles.ROLES`; `confidence` is 0 for an unknown role and 1 for one that a person stated. `gain_db` is
    applied to the samples as they are read, and `offset_s` is where they begin in the song: a negative one
    cuts their start.
    """

    id: str
    files: tuple[Path, ...]
    channels: int
    role: str
    tags: tuple[str, ...]
    confidence: float
    gain_db: float = 0.0
    offset_s: float = 0.0


@dataclass(frozen=True)
class Song:
    """The tracks of one song, on one clock of `sample_rate` that starts at 0 and ends with the last track.

    `notes` is what a person should know, such as a file that was left out.
    """

    name: str
    folder: Path
    tracks: tuple[Track, ...]
    sample_rate: int
    n_samples: int
    tempo_bpm: float | None = None
    notes: tuple[str, ...] = ()


def file_name(text: str) -> str:
    """The text as a name that a file may have on any system: what none allows becomes an underscore."""
    name = re.sub(r'[\x00-\x1f/\\:*?"<>|]', "_", text).strip(" ")
    return re.sub(r"^\.|\.$", "_", name) or "_"
