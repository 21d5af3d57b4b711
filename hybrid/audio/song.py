"""A song and its tracks: where their samples are stored, their roles, and how they are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hybrid.audio.memory import ArraySamples
from hybrid.audio.references import Reference, Rough
from hybrid.tabular import Row, Tabular


@dataclass(frozen=True)
class Track:
    """One track: a mono or stereo file, or two mono files for its left and right channel.

    `id` is unique in the song (regardless of case) and a valid file name; `role` is one of `roles.ROLES`; `confidence`
    is 0 for an unknown role and 1 for one that the user stated. `gain_db` is applied to the samples as they are read,
    `offset_s` is their start in the song (a negative one cuts their beginning), and a `polarity` of -1 inverts them.
    Where one of the last two is None, it is not stated: 0 s or upright, unless the alignment of microphones on one
    source sets it.
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
    samples: ArraySamples | None = None
    """Where they are in memory: then there are no files."""

    @property
    def gain(self) -> float:
        """Linear gain of its samples; negative where its polarity is inverted."""
        return 10.0 ** (self.gain_db / 20.0) * (self.polarity or 1)

    def start_sample(self, sample_rate: int) -> int:
        """The song's sample at which its files start."""
        return round((self.offset_s or 0.0) * sample_rate)


RawLevels = Literal["recorded", "arbitrary"]
"""Whether the levels of raw tracks to each other are those of the recording, or say nothing."""


@dataclass(frozen=True, repr=False)
class Song(Tabular):
    """The tracks of one song on a common timeline at `sample_rate`, from 0 to the end of the last track.

    `notes` are messages for the user, such as a file that was left out.
    """

    name: str
    folder: Path
    tracks: tuple[Track, ...]
    sample_rate: int
    n_samples: int
    tempo_bpm: float | None = None
    notes: tuple[str, ...] = ()
    raw_levels: RawLevels = "recorded"
    references: tuple[Reference, ...] = ()
    """Finished mixes that a mix of the song is to follow."""
    rough: Rough | None = None
    """The producer's mix of the same tracks."""

    @property
    def levels_are_recorded(self) -> bool:
        """Whether the levels of the raw tracks to each other are evidence."""
        return self.raw_levels == "recorded"

    def __repr__(self) -> str:
        n, seconds = len(self.tracks), self.n_samples / self.sample_rate
        return f"Song({self.name!r}, {n} track{'s' * (n != 1)}, {seconds:.1f} s, {self.sample_rate} Hz)"

    def rows(self) -> list[Row]:
        """A row for each track."""
        return [
            {
                "track": track.id,
                "role": track.role,
                "tags": ", ".join(track.tags),
                "confidence": track.confidence,
                "channels": track.channels,
                "gain_db": track.gain_db,
                "offset_s": track.offset_s,
                "polarity": polarity_name(track.polarity),
            }
            for track in self.tracks
        ]


Polarity = Literal[1, -1]
POLARITIES: Mapping[str, Polarity] = {"upright": 1, "inverted": -1}
"""Signs of samples by their words in `song.yaml` and in settings."""


def polarity_name(polarity: int | None) -> str:
    """The word for a polarity in `song.yaml`, upright or inverted; upright for None."""
    return "inverted" if polarity == -1 else "upright"


def unique_names(names: Iterable[str]) -> list[str]:
    """The names, with -2, -3 and so on appended to those that repeat an earlier one, regardless of case."""
    taken: set[str] = set()
    unique = []
    for name in names:
        candidate, n = name, 1
        while candidate.casefold() in taken:
            n += 1
            candidate = f"{name}-{n}"
        taken.add(candidate.casefold())
        unique.append(candidate)
    return unique


_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)", re.IGNORECASE)
"""Names of devices, which Windows gives no file, whatever its suffix."""
_LONGEST_NAME = 200
"""Bytes of a name; file systems allow 255, of which a suffix and a number take some."""


def file_name(text: str) -> str:
    """The text as a valid file name on any system: forbidden characters become underscores, long names are cut."""
    name = re.sub(r'[\x00-\x1f\x7f/\\:*?"<>|]', "_", text).strip(" ")
    name = name.encode(errors="replace")[:_LONGEST_NAME].decode(errors="ignore").rstrip(" ")
    if reserved := _RESERVED.match(name):
        name = f"{name[: reserved.end()]}_{name[reserved.end() :]}"
    return re.sub(r"^\.|\.$", "_", name) or "_"
