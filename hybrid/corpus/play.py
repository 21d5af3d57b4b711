"""A song of a data set: played into files where the program plays it, read from its files where people did."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from hybrid.audio.scan import finished_mixes
from hybrid.audio.song import Song, file_name
from hybrid.corpus.card import Card
from hybrid.corpus.find import Found, find_songs
from hybrid.corpus.layout import Layout, Split
from hybrid.corpus.load import song_of
from hybrid.corpus.streams import unpacked
from hybrid.corpus.synthetic import song
from hybrid.corpus.synthetic.soundfont import find_soundfont, play_soundfont


class _Place(NamedTuple):
    """Where songs lie, and how; two are equal if they say the same."""

    folder: Path
    said: str
    """The layout."""

    @classmethod
    def of(cls, card: Card) -> _Place:
        assert card.folder is not None
        return cls(card.folder, card.layout.model_dump_json(by_alias=True) if card.layout else "")


@lru_cache(maxsize=4)
def _lying(place: _Place) -> tuple[Found, ...]:
    layout = Layout.model_validate_json(place.said) if place.said else None
    return find_songs(layout, place.folder).songs


def _found(card: Card, number: int) -> Found:
    return _lying(_Place.of(card))[number]


def numbers_of(card: Card, split: Split) -> list[int]:
    """The songs of a split by their numbers: seeds, or places in the order of names. Those of a layout that cannot be
    read are left out; where the card does not say which songs are in a split, its layout does."""
    if split in card.splits:
        return list(range(*card.splits[split]))
    if card.layout is None or card.folder is None:
        return []
    return [
        number for number, found in enumerate(_lying(_Place.of(card))) if found.split == split and not found.problems
    ]


def write_song(card: Card, number: int, folder: Path) -> Song:
    """The song of a number; one that must be played or unpacked first is written into `folder`."""
    if card.folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return song_of(_found(card, number), card.layout.roles if card.layout else {}, folder)
    if card.player == "soundfont":
        font = find_soundfont(card.soundfonts, card.install)
        return song.write_song(number, folder, partial(play_soundfont, font))
    return song.write_song(number, folder)


def check_player(card: Card) -> None:
    """Raises InputError, with what to install, if the songs of the card cannot be played here."""
    if card.player == "soundfont":
        find_soundfont(card.soundfonts, card.install)


def made_from(card: Card) -> str:
    """What the songs of the card follow from beside the program: the folder they lie in, or the SoundFont."""
    if card.player == "soundfont":
        font = find_soundfont(card.soundfonts, card.install)
        return f"{font} {font.stat().st_size}"
    return str(card.folder.resolve()) if card.folder is not None else card.player


def name_of(card: Card, number: int) -> str:
    """A name for the song of a number that no other song of the card has, ever, and that a file may have."""
    return str(number) if card.folder is None else file_name(_found(card, number).name)


def human_mix(card: Card, number: int, scratch: Path) -> Path | None:
    """The mix that a person made of that song, where the layout has one, or one lies beside the tracks: a file that is
    named so. A stream of a container is unpacked into `scratch`."""
    if card.folder is None:
        return None
    found = _found(card, number)
    if found.mix is not None:
        return unpacked((found.mix,), scratch)[0].path
    return None if found.sources else next(iter(finished_mixes(found.folder)), None)
