"""A song of a data set, played into files."""

from __future__ import annotations

from pathlib import Path

from hybrid.audio.song import Song
from hybrid.corpus.card import Card
from hybrid.corpus.synthetic import song


def write_song(card: Card, seed: int, folder: Path) -> Song:
    """The song that a seed of the card stands for, its tracks as WAV files in `folder`."""
    return song.write_song(seed, folder)
