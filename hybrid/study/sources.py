"""The songs of a study: where each comes from, and the mix that a person made of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from hybrid import shelf
from hybrid.audio.song import Song
from hybrid.batch.work import stamp_of
from hybrid.corpus.card import KIND, Card, read_card
from hybrid.corpus.dataset import open_dataset
from hybrid.corpus.find import SongFiles
from hybrid.corpus.load import assemble_song, reference_mix
from hybrid.corpus.play import check_player, source_identity, write_song
from hybrid.errors import InputError, Problem
from hybrid.study.schema import Songs


class Source(NamedTuple):
    """A song that lies somewhere, or that is played from a seed; can be sent to another process."""

    name: str
    found: SongFiles | None
    roles: Mapping[str, Sequence[str]]
    card: Card | None = None
    number: int = 0
    """Of a song that a card's player makes."""
    seeds: tuple[int, ...] | None = None
    """Of the study, for this song, where they are its own."""

    @property
    def stamp(self) -> str:
        """A hash of what the song, and the mix that a person made of it, follow from."""
        if self.found is not None:
            beside = [self.found.mix.path] if self.found.mix else []
            sizes = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in beside if path.exists()]
            return hashlib.sha256(f"{stamp_of(self.found)} {sizes}".encode()).hexdigest()
        assert self.card is not None
        return hashlib.sha256(f"{self.card.hash} {source_identity(self.card)} {self.number}".encode()).hexdigest()

    @contextmanager
    def opened(self) -> Iterator[tuple[Song, Path | None]]:
        """The song, and the mix that a person made of it, as long as the block. Raises SongError for what is unfit."""
        with TemporaryDirectory(prefix="hybrid-") as scratch:
            if self.found is None:
                assert self.card is not None
                yield write_song(self.card, self.number, Path(scratch) / "song"), None
                return
            song = assemble_song(self.found, self.roles, Path(scratch))
            yield song, reference_mix(self.found, Path(scratch))


def sources_of(wanted: Sequence[Songs]) -> list[Source]:
    """The songs that a study names, in order, none twice. Raises InputError if there are none, or two of one name."""
    try:
        found = [source for songs in wanted for source in _of(songs)]
    except (OSError, RuntimeError) as error:
        raise InputError(Problem("songs", f"cannot be read: {error}")) from error
    if not found:
        raise InputError(Problem("songs", "are missing: give a folder of song folders, or a card, with --songs"))
    names = [source.name for source in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(Problem("songs", f"two songs are called {twice[0]!r}"))
    return found


def _of(songs: Songs) -> list[Source]:
    card = _card(songs.dataset)
    if card is not None and card.player != "files":
        check_player(card)
        if songs.split not in card.splits:
            raise InputError(Problem(card.name, f"has no split {songs.split!r}"))
        first, end = card.splits[songs.split]
        end = end if songs.limit is None else min(end, first + songs.limit)
        return [Source(f"{card.name}-{number}", None, {}, card, number, songs.seeds) for number in range(first, end)]
    dataset = open_dataset(songs.dataset)
    split = [found for found in dataset.songs if dataset.card is None or found.split in (None, songs.split)]
    return [Source(found.name, found, dataset.roles, seeds=songs.seeds) for found in split[: songs.limit]]


def _card(name: str) -> Card | None:
    """The card of that name; None for a folder."""
    if Path(name).expanduser().is_dir() or name not in shelf.names(KIND):
        return None
    return read_card(name)


def songs_said(text: str) -> Songs:
    """What `--songs` says: a folder or a card, and how many of them after a colon."""
    name, colon, limit = text.rpartition(":")
    if colon and re.fullmatch(r"[1-9][0-9]{0,8}", limit) and not Path(text).is_dir():
        return Songs(dataset=name, limit=int(limit))
    return Songs(dataset=text)
