"""The song of a source file, by the kind of its card."""

from __future__ import annotations

from pathlib import Path

from hybrid.corpus.authored.general_midi import read_midi
from hybrid.corpus.authored.lmms import read_project
from hybrid.corpus.authored.sources import SourceSong
from hybrid.corpus.authored.tracker import read_module
from hybrid.corpus.authored.types import AuthoredSong
from hybrid.corpus.card import Card


def read_source(card: Card, song: SourceSong, font: Path | None) -> AuthoredSong:
    """The song, to be rendered. Raises InputError if its file is none, or its player is not installed."""
    if card.player == "midi":
        assert font is not None
        return read_midi(song.data, song.name, song.where, font)
    if card.player == "lmms":
        return read_project(song.data, song.name, song.where)
    return read_module(song.path)
