"""Songs of a data set by number: synthesised into files, or read from the files of the data set."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

from hybrid.audio.song import Song, file_name
from hybrid.corpus.card import Card, songs_folder
from hybrid.corpus.find import SongFiles, find_songs
from hybrid.corpus.layout import Split
from hybrid.corpus.load import assemble_song, reference_mix
from hybrid.corpus.split import split_songs
from hybrid.corpus.synthetic import song
from hybrid.corpus.synthetic.soundfont import find_soundfont, play_soundfont

_SPLIT_SEED = 0


@lru_cache(maxsize=16)
def _stored_songs(card: Card) -> tuple[SongFiles, ...]:
    """The songs of a card that lie in folders."""
    return find_songs(card.layout, songs_folder(card)).songs


def song_numbers(card: Card, split: Split) -> list[int]:
    """Numbers of the songs of a split: seeds, or indices of the songs sorted by name.

    Splits of the card precede those of its layout; songs of a layout that cannot be read are left out.
    """
    # the splits of a card are those of the user, who may override the layout
    if split in card.splits:
        return list(range(*card.splits[split]))
    if card.artists:
        split_of = split_songs((files.name for files in _stored_songs(card)), card.artists, _SPLIT_SEED)
        return [number for number, files in enumerate(_stored_songs(card)) if split_of[files.name] == split]
    if card.layout is None:
        return []
    return [number for number, files in enumerate(_stored_songs(card)) if files.split == split and not files.problems]


def write_song(card: Card, number: int, folder: Path) -> Song:
    """The song of a number; one that is synthesised or unpacked is written into `folder`."""
    if card.folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        return assemble_song(_stored_songs(card)[number], card.layout.roles if card.layout else {}, folder)
    if card.player == "soundfont":
        font = find_soundfont(card.soundfonts, card.install)
        return song.write_song(number, folder, partial(play_soundfont, font))
    return song.write_song(number, folder)


def check_player(card: Card) -> None:
    """Raises InputError with a hint if the songs of the card cannot be synthesised here or have no folder."""
    if card.player == "files":
        songs_folder(card)
    if card.player == "soundfont":
        find_soundfont(card.soundfonts, card.install)


def source_identity(card: Card) -> str:
    """Text that identifies the source of the card's songs beside the program: their folder, or the SoundFont."""
    if card.player == "soundfont":
        font = find_soundfont(card.soundfonts, card.install)
        return f"{font} {font.stat().st_size}"
    return f"{card.folder.resolve()} {card.layout!r}" if card.folder is not None else card.player


def song_name(card: Card, number: int) -> str:
    """The unique name of the song of a number within the card, a valid file name."""
    return str(number) if card.folder is None else file_name(_stored_songs(card)[number].name)


def human_mix(card: Card, number: int, scratch: Path) -> Path | None:
    """Path of the human mix of the song of a number; None where there is none, as for synthesised songs."""
    return reference_mix(_stored_songs(card)[number], scratch) if card.folder is not None else None
