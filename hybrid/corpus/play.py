"""A song of a data set: played into files where the program plays it, read from its files where people did."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

from hybrid.audio.song import Song, file_name
from hybrid.corpus.card import Card, folder_of
from hybrid.corpus.find import Found, find_songs
from hybrid.corpus.layout import Split
from hybrid.corpus.load import mix_of, song_of
from hybrid.corpus.synthetic import song
from hybrid.corpus.synthetic.soundfont import find_soundfont, play_soundfont


@lru_cache(maxsize=16)
def _lying(card: Card) -> tuple[Found, ...]:
    """The songs of a card that lie in folders."""
    return find_songs(card.layout, folder_of(card)).songs


def numbers_of(card: Card, split: Split) -> list[int]:
    """The songs of a split by their numbers: seeds, or places in the order of names. Those of a layout that cannot be
    read are left out; where the card does not say which songs are in a split, its layout does."""
    if split in card.splits:
        return list(range(*card.splits[split]))
    if card.layout is None:
        return []
    return [number for number, found in enumerate(_lying(card)) if found.split == split and not found.problems]


def write_song(card: Card, number: int, folder: Path) -> Song:
    """The song of a number; one that must be played or unpacked first is written into `folder`."""
    if card.folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return song_of(_lying(card)[number], card.layout.roles if card.layout else {}, folder)
    if card.player == "soundfont":
        font = find_soundfont(card.soundfonts, card.install)
        return song.write_song(number, folder, partial(play_soundfont, font))
    return song.write_song(number, folder)


def check_player(card: Card) -> None:
    """Raises InputError, with what to do, if the songs of the card cannot be played here, or nobody says where they
    lie."""
    if card.player == "files":
        folder_of(card)
    if card.player == "soundfont":
        find_soundfont(card.soundfonts, card.install)


def made_from(card: Card) -> str:
    """What the songs of the card follow from beside the program: where and how they lie, or the SoundFont."""
    if card.player == "soundfont":
        font = find_soundfont(card.soundfonts, card.install)
        return f"{font} {font.stat().st_size}"
    return f"{card.folder.resolve()} {card.layout!r}" if card.folder is not None else card.player


def name_of(card: Card, number: int) -> str:
    """A name for the song of a number that no other song of the card has, ever, and that a file may have."""
    return str(number) if card.folder is None else file_name(_lying(card)[number].name)


def human_mix(card: Card, number: int, scratch: Path) -> Path | None:
    """The mix that a person made of that song, if there is one; none of a song that the program plays."""
    return mix_of(_lying(card)[number], scratch) if card.folder is not None else None
