"""Schema of the card of a data set, format `dataset/1`: metadata, layout on disk and splits."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from hybrid import shelf
from hybrid.corpus.layout import Layout, Split
from hybrid.errors import InputError, Problem
from hybrid.units import field_error
from hybrid.validation import validate_document

KIND = "datasets"


def _check_order(seeds: tuple[int, int]) -> tuple[int, int]:
    if seeds[0] >= seeds[1]:
        raise field_error(f"expected [first, end] with first below end, got {list(seeds)}")
    return seeds


_Seed = Annotated[int, Field(ge=0, lt=2**31)]
Seeds = Annotated[tuple[_Seed, _Seed], AfterValidator(_check_order)]
"""The first seed, and the one after the last."""


def _check_disjoint(splits: dict[Split, Seeds]) -> dict[Split, Seeds]:
    ordered = sorted((span, name) for name, span in splits.items())
    for (span, name), (later, other) in pairwise(ordered):
        if span[1] > later[0]:
            raise field_error(f"{name} and {other} share seeds")
    return splits


class ExpectedContents(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Contents of a complete copy, to be compared with the copy on disk."""

    songs: dict[Split | Literal["all"], Annotated[int, Field(ge=1)]] = {}
    """Number of songs by split, or of all."""
    sample_rate_hz: int | None = None
    """Of every file."""
    has_mixes: bool = False
    """Whether every song has a finished mix."""


def _glob(pattern: str) -> str:
    if not pattern or pattern.startswith("/") or ".." in pattern.split("/"):
        raise field_error(f"expected a pattern of paths inside the data set, got {pattern!r}")
    return pattern


def _check_shares(shares: dict[Split, float]) -> dict[Split, float]:
    if shares and abs(sum(shares.values()) - 1.0) > 1e-6:
        raise field_error(f"expected shares that add up to 1, got {sum(shares.values()):g}")
    return shares


class SourceFiles(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Files of one origin that hold songs with their authors' balance."""

    files: Annotated[str, AfterValidator(_glob)]
    """Their paths in the data set's folder, with * for any name and ** for any folders."""
    author: Annotated[str, Field(min_length=1)]
    """Of all songs that `authors` does not name."""
    licence: Annotated[str, Field(min_length=1)]
    """Of these files."""
    authors: dict[str, str] = {}
    """Authors of single songs, by their names or patterns of names; the first that matches counts."""
    without: tuple[str, ...] = ()
    """Names of songs, or patterns of them, that are left out."""
    package: str = ""
    """Where the files come from, such as a package of Debian."""


class Card(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """A data set: songs that the program synthesises, or that are recorded in files."""

    schema_: Annotated[Literal["dataset/1"], Field(alias="schema")]
    """The format of this document."""
    name: str
    """Of the data set, as in `hybrid corpus scan NAME`."""
    about: str
    """What it holds."""
    licence: str
    """Of its audio, or why none is named."""
    player: Literal["synthesis", "soundfont", "files", "tracker", "midi", "lmms"]
    """Source of the audio: the program's own instruments, fluidsynth with a SoundFont, or recorded files. Tracker
    modules, MIDI files and projects of LMMS are built into files first, by `hybrid corpus build`."""
    folder: Path | None = None
    """For files: their folder, relative to the card; the card of a public data set has none."""
    layout: Layout | None = None
    """For files: how they form songs; without it, every folder in `folder` is a song."""
    citation: str = ""
    """Of the paper that presents it."""
    homepage: str = ""
    """Where it is described."""
    access: str = ""
    """How to obtain it."""
    expected: ExpectedContents = ExpectedContents()
    """What a complete copy holds."""
    soundfonts: tuple[Path, ...] = ()
    """Paths of possible SoundFonts; the first that exists is used."""
    install: str = ""
    """Installation hint where none can be played."""
    splits: Annotated[dict[Split, Seeds], AfterValidator(_check_disjoint)] = {}
    """Seeds, or indices of the song folders sorted by name; a layout has splits of its own."""
    artists: Annotated[dict[Split, Annotated[float, Field(gt=0.0, le=1.0)]], AfterValidator(_check_shares)] = {}
    """For song folders: the share of the artists in each split, in place of indices. All songs of an artist are in one
    split, drawn by a hash of the artist's name."""
    sources: tuple[SourceFiles, ...] = ()
    """For tracker modules, MIDI files and projects: where they are, by whom, and under which licence."""

    @property
    def is_built(self) -> bool:
        """Whether `hybrid corpus build` makes its songs."""
        return self.player in ("tracker", "midi", "lmms")

    @property
    def hash(self) -> str:
        """SHA-256 of the whole card, in hexadecimal."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.hash)

    @model_validator(mode="after")
    def _has_songs(self) -> Card:
        # synthesised songs are split by seeds, recorded ones by folders or by a layout
        if self.is_built != bool(self.sources):
            raise field_error("sources: are for `player: tracker`, `midi` and `lmms`, and these need them")
        if self.artists and (self.player != "files" or self.splits):
            raise field_error("artists: are for `player: files`, in place of `splits`")
        if self.is_built:
            if self.folder or self.layout or self.splits:
                raise field_error("folder, layout and splits: are for songs that are files already")
        elif self.player != "files":
            if self.folder or self.layout:
                raise field_error("folder and layout: are for `player: files`")
            if not self.splits:
                raise field_error("splits: are missing: seeds of songs to train, validate and test on")
        elif self.layout is None and not (self.folder and (self.splits or self.artists)):
            raise field_error("`player: files` needs a layout, or a folder of song folders and splits or artists")
        return self


def read_card(name: str) -> Card:
    """The card of a name or path. Raises InputError with all of its problems."""
    path = shelf.find(KIND, name)
    card = validate_document(Card, shelf.read(path))
    if card.folder is None:
        return card
    folder = path.parent / shelf.expanded(card.folder)
    if card.layout:
        return card.model_copy(update={"folder": folder})
    n_songs = len(song_folders(folder))
    if n_songs < max((end for _, end in card.splits.values()), default=0):
        what = f"splits: {folder} holds {n_songs} songs, fewer than the splits use"
        raise InputError(Problem(str(path), what))
    return card.model_copy(update={"folder": folder})


def songs_folder(card: Card) -> Path:
    """The folder of the songs of a card. Raises InputError if the card has none."""
    if card.folder is None:
        where = "for a command without --at, use a copy of the card with `folder: PATH`"
        hint = f"{card.access or card.homepage}; {where}"
        raise InputError(Problem(card.name, "the card has no folder of songs", hint))
    return card.folder


def song_folders(folder: Path) -> list[Path]:
    """The folders of songs in a folder, sorted by name. Raises InputError if there are none."""
    if not folder.is_dir():
        raise InputError(Problem(str(folder), "no such folder"))
    folders = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not folders:
        raise InputError(Problem(str(folder), "holds no folder of a song"))
    return folders
