"""A data set on disk: its card, its folder, and the songs in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hybrid import shelf
from hybrid.corpus.card import KIND, Card, read_card, songs_folder
from hybrid.corpus.find import Corpus, SongFiles, find_songs
from hybrid.errors import InputError, Problem


class Dataset(NamedTuple):
    """A data set and its songs, sorted by name."""

    name: str
    root: Path
    card: Card | None
    """None for a plain folder of song folders."""
    corpus: Corpus

    @property
    def songs(self) -> tuple[SongFiles, ...]:
        """All songs, those with problems too."""
        return self.corpus.songs

    @property
    def roles(self) -> Mapping[str, Sequence[str]]:
        """Role and tags for the labels of its tracks."""
        return self.card.layout.roles if self.card and self.card.layout else {}


def open_dataset(name: str, at: Path | None = None) -> Dataset:
    """The data set of a name: a folder of song folders, or a card whose files are in the folder `at`.

    Raises InputError if neither exists, if the card's songs are not files, or if neither `at` nor the card gives their
    folder.
    """
    if not name.strip():
        raise InputError(Problem("dataset", "is empty: expected a folder of song folders, or the name of a card"))
    folder = shelf.expanded(name)
    if at is None and folder.is_dir():
        return Dataset(folder.resolve().name, folder, None, find_songs(None, folder))
    if at is None and ("/" in name or name in (".", "..")) and not folder.is_file():
        raise InputError(Problem(name, "no such folder, and no card of a data set"))
    card = read_card(name)
    if card.is_built:
        hint = f"hybrid corpus build {card.name} FOLDER -o OUT makes song folders of them"
        raise InputError(Problem(card.name, "its songs are built first", hint))
    if card.player != "files":
        hint = f"known data sets: {', '.join(shelf.names(KIND))}"
        raise InputError(Problem(card.name, "is synthesised by the program: there are no files to read", hint))
    root = shelf.expanded(at or songs_folder(card))
    return Dataset(card.name, root, card, find_songs(card.layout, root))
