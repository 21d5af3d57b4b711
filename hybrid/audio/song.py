"""What a song is before anything is measured: its tracks, where their samples lie, and what they are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Track:
    """One thing to mix: a mono or stereo file, or two mono files that are its left and right.

    `id` is unique in the song (whatever the case of its letters) and can name a file; `role` is one of
    `roles.ROLES`; `confidence` is 0 for an unknown role and 1 for one that a person stated. `gain_db` is
    applied to the samples as they are read, `offset_s` is where they begin in the song (a negative one cuts
    their start), and `polarity` of -1 turns them over. None of the last two: nobody has said, and the file is
    taken as it is unless microphones of one source are found to differ.
    """

    id: str
    files: tuple[Path, ...]
    channels: int
    role: str
    tags: tuple[str, ...]
    confidence: float
    gain_db: float = 0.0
    offset_s: float | None = None
    polarity: Literal[1, -1] | None = None

    @property
    def gain(self) -> float:
        """What its samples are multiplied by; negative where its polarity is inverted."""
        return 10.0 ** (self.gain_db / 20.0) * (self.polarity or 1)

    def begin(self, sample_rate: int) -> int:
        """The song's sample at which its files begin."""
        return round((self.offset_s or 0.0) * sample_rate)


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


def polarity_name(polarity: int | None) -> str:
    """upright or inverted, as `song.yaml` has it."""
    return "inverted" if polarity == -1 else "upright"


def unique(names: Iterable[str]) -> list[str]:
    """The names, with -2 or -3 after those that were there before in whatever case."""
    taken: set[str] = set()
    found = []
    for name in names:
        candidate, n = name, 1
        while candidate.casefold() in taken:
            n += 1
            candidate = f"{name}-{n}"
        taken.add(candidate.casefold())
        found.append(candidate)
    return found


def file_name(text: str) -> str:
    """The text as a name that a file may have on any system: what none allows becomes an underscore."""
    name = re.sub(r'[\x00-\x1f/\\:*?"<>|]', "_", text).strip(" ")
    return re.sub(r"^\.|\.$", "_", name) or "_"
