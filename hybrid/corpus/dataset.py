"""A data set on this machine: its card, where it lies, and the songs that are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hybrid import shelf
from hybrid.corpus.card import KIND, Card, folder_of, read_card
from hybrid.corpus.find import Corpus, Found, find_songs
from hybrid.errors import InputError, Problem


class Dataset(NamedTuple):
    """Songs to be mixed, in the order of their names."""

    name: str
    root: Path
    card: Card | None
    """None for a plain folder of song folders."""
    corpus: Corpus

    @property
    def songs(self) -> tuple[Found, ...]:
        """All that was found, whole or not."""
        return self.corpus.songs

    @property
    def roles(self) -> Mapping[str, Sequence[str]]:
        """What the labels of its tracks mean."""
        return self.card.layout.roles if self.card and self.card.layout else {}


def open_dataset(name: str, at: Path | None = None) -> Dataset:
    """The data set of a name: a folder of song folders, or a card whose files lie `at` a folder.

    Raises InputError if neither is there, if the card's songs are no files, or if nobody says where they lie.
    """
    if not name.strip():
        raise InputError(Problem("dataset", "is empty: expected a folder of song folders, or the name of a card"))
    folder = Path(name).expanduser()
    if at is None and folder.is_dir():
        return Dataset(folder.resolve().name, folder, None, find_songs(None, folder))
    if at is None and ("/" in name or name in (".", "..")) and not folder.is_file():
        raise InputError(Problem(name, "no such folder, and no card of a data set"))
    card = read_card(name)
    if card.player != "files":
        hint = f"known data sets: {', '.join(shelf.names(KIND))}"
        raise InputError(Problem(card.name, "is played by the program: there are no files to read", hint))
    root = (at or folder_of(card)).expanduser()
    return Dataset(card.name, root, card, find_songs(card.layout, root))
