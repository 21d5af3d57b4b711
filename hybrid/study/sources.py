"""The songs of a study: files on disk or songs synthesised from a seed, and the reference mix of each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
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
from hybrid.scratch import scratch_folder
from hybrid.study.schema import Songs


class SongSource(NamedTuple):
    """A song on disk, or one that a card's player synthesises; can be sent to another process."""

    name: str
    on_disk: SongFiles | None
    """None for a song that is synthesised."""
    roles: Mapping[str, Sequence[str]]
    card: Card | None = None
    number: int = 0
    """Of a synthesised song: the seed of the player."""
    seeds: tuple[int, ...] | None = None
    """Seeds of its own, in place of those of the study."""

    @property
    def stamp(self) -> str:
        """Hash of the names, sizes and times of the files of the song and its reference mix, or of what synthesises
        it."""
        if self.on_disk is not None:
            mixes = [self.on_disk.mix.path] if self.on_disk.mix else []
            sizes = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in mixes if path.exists()]
            return hashlib.sha256(f"{stamp_of(self.on_disk)} {sizes}".encode()).hexdigest()
        assert self.card is not None
        return hashlib.sha256(f"{self.card.hash} {source_identity(self.card)} {self.number}".encode()).hexdigest()

    @contextmanager
    def opened(self) -> Iterator[tuple[Song, Path | None]]:
        """The song and the path of its reference mix, if it has one, for the duration of the block. Raises SongError
        for files that cannot be used."""
        with scratch_folder() as scratch:
            if self.on_disk is None:
                assert self.card is not None
                yield write_song(self.card, self.number, scratch / "song"), None
                return
            song = assemble_song(self.on_disk, self.roles, scratch)
            yield song, reference_mix(self.on_disk, scratch)


def sources_of(named: Sequence[Songs]) -> list[SongSource]:
    """The songs that a study names, in order. Raises InputError if there are none, or two of the same name."""
    try:
        sources = [source for songs in named for source in _of(songs)]
    except (OSError, RuntimeError) as error:
        raise InputError(Problem("songs", f"cannot be read: {error}")) from error
    if not sources:
        raise InputError(Problem("songs", "are missing: give a folder of song folders, or a card, with --songs"))
    names = [source.name for source in sources]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(Problem("songs", f"two songs have the name {twice[0]!r}"))
    return sources


def _of(songs: Songs) -> list[SongSource]:
    card = _card(songs.dataset)
    if card is not None and card.player != "files":
        check_player(card)
        if songs.split not in card.splits:
            raise InputError(Problem(card.name, f"has no split {songs.split!r}"))
        first, end = card.splits[songs.split]
        end = end if songs.limit is None else min(end, first + songs.limit)
        return [
            SongSource(f"{card.name}-{number}", None, {}, card, number, songs.seeds) for number in range(first, end)
        ]
    dataset = open_dataset(songs.dataset)
    split = [song for song in dataset.songs if dataset.card is None or song.split in (None, songs.split)]
    return [SongSource(song.name, song, dataset.roles, seeds=songs.seeds) for song in split[: songs.limit]]


def _card(name: str) -> Card | None:
    """The card of that name, or None if the name is a folder's."""
    if shelf.expanded(name).is_dir() or name not in shelf.names(KIND):
        return None
    return read_card(name)


def parse_songs(text: str) -> Songs:
    """The songs that an option `--songs` names: a folder or a card, with an optional limit after a colon."""
    name, colon, limit = text.rpartition(":")
    if colon and re.fullmatch(r"[1-9][0-9]{0,8}", limit) and not Path(text).is_dir():
        return Songs(dataset=name, limit=int(limit))
    return Songs(dataset=text)
