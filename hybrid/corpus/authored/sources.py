"""The files that a card names: which of them are songs, by whom, and under which licence."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from hybrid.corpus.authored import wad
from hybrid.corpus.card import SourceFiles
from hybrid.errors import InputError, Problem


class SourceSong(NamedTuple):
    """A song in a file, or in a part of one."""

    name: str
    path: Path
    author: str
    licence: str
    where: str
    """Its path from the folder of the data set, and after a colon its part."""
    data: bytes
    """Its bytes."""


class FoundSongs(NamedTuple):
    """The songs of all sources in a folder, each once, sorted by their places; and the sources without a file."""

    songs: tuple[SourceSong, ...]
    missing: tuple[str, ...]


def find_source_songs(sources: tuple[SourceFiles, ...], folder: Path) -> FoundSongs:
    """The songs of the sources of a card.

    Raises InputError if there are none, or for a file that cannot be read or is a broken archive.
    """
    if not folder.is_dir():
        raise InputError(Problem(str(folder), "is a file, expected a folder" if folder.exists() else "no such folder"))
    songs, digests, missing = list[SourceSong](), set[bytes](), list[str]()
    for source in sources:
        found = list(_songs_of(source, folder))
        if not found:
            missing.append(source.files)
        for song in found:
            digest = hashlib.sha256(song.data).digest()
            # one song has several names in a game, and may be in several packages
            if digest not in digests:
                digests.add(digest)
                songs.append(song)
    if not songs:
        patterns = ", ".join(source.files for source in sources)
        raise InputError(Problem(str(folder), "holds none of the card's songs", f"expected files such as {patterns}"))
    return FoundSongs(tuple(sorted(songs, key=lambda song: song.where)), tuple(missing))


def _songs_of(source: SourceFiles, folder: Path) -> Iterator[SourceSong]:
    for path in sorted(folder.glob(source.files)):
        if not path.is_file():
            continue
        where = path.relative_to(folder).as_posix()
        for part, data in _parts(path).items():
            name = part or path.stem
            if not any(fnmatchcase(name, pattern) for pattern in source.without):
                place = f"{where}:{part}" if part else where
                yield SourceSong(name, path, _author(source, name), source.licence, place, data)


def _parts(path: Path) -> dict[str, bytes]:
    """Bytes of the songs in an archive by their names; of any other file under an empty one."""
    try:
        return wad.music_of(path) if path.suffix.lower() == ".wad" else {"": path.read_bytes()}
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be read: {error.strerror}")) from error


def _author(source: SourceFiles, name: str) -> str:
    return next((author for pattern, author in source.authors.items() if fnmatchcase(name, pattern)), source.author)
