"""The card of a data set, `dataset/1`: what it is, and which of its songs train, validate and test."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from hybrid import shelf
from hybrid.checked import checked
from hybrid.corpus.layout import Layout, Split
from hybrid.errors import InputError, Problem
from hybrid.units import refusal

KIND = "datasets"


def _rising(seeds: tuple[int, int]) -> tuple[int, int]:
    if seeds[0] >= seeds[1]:
        raise refusal(f"expected [first, end] with first below end, got {list(seeds)}")
    return seeds


_Seed = Annotated[int, Field(ge=0, lt=2**31)]
Seeds = Annotated[tuple[_Seed, _Seed], AfterValidator(_rising)]
"""The first and the one after the last."""


def _apart(splits: dict[Split, Seeds]) -> dict[Split, Seeds]:
    ordered = sorted((span, name) for name, span in splits.items())
    for (span, name), (later, other) in pairwise(ordered):
        if span[1] > later[0]:
            raise refusal(f"{name} and {other} share seeds")
    return splits


class Expected(BaseModel, frozen=True, extra="forbid"):
    """What a complete copy has, to be compared with what is found."""

    songs: dict[Split | Literal["all"], Annotated[int, Field(ge=1)]] = {}
    sample_rate_hz: int | None = None
    has_mixes: bool = False


class Card(BaseModel, frozen=True, extra="forbid"):
    """A data set: songs that the program plays itself, or that lie in folders."""

    schema_: Annotated[Literal["dataset/1"], Field(alias="schema")]
    name: str
    about: str
    licence: str
    player: Literal["synthesis", "soundfont", "files"]
    """Who plays the instruments: the program's own, fluidsynth with a SoundFont, or people, who were recorded."""
    folder: Path | None = None
    """Of files: where they lie, relative to the card; what is fetched from elsewhere has no folder of its own."""
    layout: Layout | None = None
    """Of files: how they become songs; without it, every folder in `folder` is a song."""
    citation: str = ""
    homepage: str = ""
    access: str = ""
    """How to come by it."""
    expected: Expected = Expected()
    soundfonts: tuple[Path, ...] = ()
    """Where a SoundFont may lie; the first that is there is played."""
    install: str = ""
    """What to install where it cannot be played."""
    splits: Annotated[dict[Split, Seeds], AfterValidator(_apart)] = {}
    """Seeds, or places of the song folders in the order of their names; a layout has splits of its own."""

    @property
    def hash(self) -> str:
        """Of all that the card says."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()

    def __hash__(self) -> int:
        return hash(self.hash)

    @model_validator(mode="after")
    def _has_songs(self) -> Card:
        if self.player != "files":
            if self.folder or self.layout:
                raise refusal("folder and layout: are for `player: files`")
            if not self.splits:
                raise refusal("splits: are missing: seeds of songs to train, validate and test on")
        elif self.layout is None and not (self.folder and self.splits):
            raise refusal("`player: files` needs a layout, or a folder of song folders and splits")
        return self


def read_card(name: str) -> Card:
    """The card of that name or path. Raises InputError with all that is wrong in it."""
    path = shelf.find(KIND, name)
    card = checked(Card, shelf.read(path))
    if card.folder is None:
        return card
    folder = path.parent / card.folder.expanduser()
    if card.layout:
        return card.model_copy(update={"folder": folder})
    n_songs = len(song_folders(folder))
    if n_songs < max(end for _, end in card.splits.values()):
        what = f"{folder} holds {n_songs} songs, fewer than the splits name"
        raise InputError(Problem(str(path), what))
    return card.model_copy(update={"folder": folder})


def folder_of(card: Card) -> Path:
    """Where the songs of a card lie. Raises InputError if it does not say."""
    if card.folder is None:
        where = "where a command has no --at, give a copy of the card that says `folder: PATH`"
        hint = f"{card.access or card.homepage}; {where}"
        raise InputError(Problem(card.name, "its card does not say where the songs lie", hint))
    return card.folder


def song_folders(folder: Path) -> list[Path]:
    """The folders of songs in a folder, by name. Raises InputError if there are none."""
    if not folder.is_dir():
        raise InputError(Problem(str(folder), "no such folder"))
    found = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not found:
        raise InputError(Problem(str(folder), "holds no folder of a song"))
    return found
