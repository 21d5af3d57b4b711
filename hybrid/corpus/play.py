"""A song of a data set, played into files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from hybrid.audio.manifest import load_song
from hybrid.audio.scan import finished_mixes
from hybrid.audio.song import Song
from hybrid.corpus.card import Card, song_folders
from hybrid.corpus.synthetic import song
from hybrid.corpus.synthetic.soundfont import find_soundfont, play_soundfont


def write_song(card: Card, seed: int, folder: Path) -> Song:
    """The song that a seed of the card stands for; one that must be played first is written into `folder`."""
    if card.folder is not None:
        return load_song(song_folders(card.folder)[seed])
    if card.player == "soundfont":
        font = find_soundfont(card.soundfonts, card.install)
        return song.write_song(seed, folder, partial(play_soundfont, font))
    return song.write_song(seed, folder)


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


def name_of(card: Card, seed: int) -> str:
    """A name for the song of a seed that no other song of the card has, ever."""
    return str(seed) if card.folder is None else song_folders(card.folder)[seed].name


def human_mix(card: Card, seed: int) -> Path | None:
    """The mix that a person made of that song, where one lies beside its tracks: a file that is named so."""
    return next(iter(finished_mixes(song_folders(card.folder)[seed])), None) if card.folder is not None else None
