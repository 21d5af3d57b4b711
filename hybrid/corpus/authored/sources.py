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
    part: str
    """Name in an archive; empty for a file of its own."""
    author: str
    licence: str
    where: str
    """Its path from the folder of the data set, and after a colon its part."""

    def read(self) -> bytes:
        """Its bytes. Raises InputError if the file cannot be read, or is no archive."""
        try:
            return wad.music_of(self.path)[self.part] if self.part else self.path.read_bytes()
        except OSError as error:
            raise InputError(Problem(str(self.path), f"cannot be read: {error.strerror}")) from error


class FoundSongs(NamedTuple):
    """The songs of all sources in a folder, each once, sorted by their places; and the sources without a file."""

    songs: tuple[SourceSong, ...]
    missing: tuple[str, ...]


def find_source_songs(sources: tuple[SourceFiles, ...], folder: Path) -> FoundSongs:
    """The songs of the sources of a card. Raises InputError if there are none, or for an archive that is broken."""
    if not folder.is_dir():
        raise InputError(Problem(str(folder), "is a file, expected a folder" if folder.exists() else "no such folder"))
    songs, digests, missing = list[SourceSong](), set[bytes](), list[str]()
    for source in sources:
        found = list(_songs_of(source, folder))
        if not found:
            missing.append(source.files)
        for song in found:
            digest = hashlib.sha256(song.read()).digest()
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
        is_archive = path.suffix.lower() == ".wad"
        for part in wad.music_of(path) if is_archive else ("",):
            name = part or path.stem
            if not any(fnmatchcase(name, pattern) for pattern in source.without):
                place = f"{where}:{part}" if part else where
                yield SourceSong(name, path, part, _author(source, name), source.licence, place)


def _author(source: SourceFiles, name: str) -> str:
    return next((author for pattern, author in source.authors.items() if fnmatchcase(name, pattern)), source.author)
