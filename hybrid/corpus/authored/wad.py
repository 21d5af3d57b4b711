"""The music in the archives of games that descend from Doom, `.wad`: MIDI files by name.

Source: M. Fell, "The Unofficial Doom Specs" 1.666, chapter 2.
"""

from __future__ import annotations

import struct
from pathlib import Path

from hybrid.errors import InputError, Problem

_ENTRY = 16
_MIDI = b"MThd"


def music_of(path: Path) -> dict[str, bytes]:
    """The MIDI files of an archive by name, each once however many names it has.

    Raises InputError for a file that is none, or that is cut short.
    """
    data = path.read_bytes()
    if data[:4] not in (b"IWAD", b"PWAD") or len(data) < 12:
        raise InputError(Problem(str(path), "is not a WAD archive"))
    n, directory = struct.unpack_from("<II", data, 4)
    songs, seen = dict[str, bytes](), set[bytes]()
    for index in range(n):
        if directory + (index + 1) * _ENTRY > len(data):
            raise InputError(Problem(str(path), "is cut short: its directory is not complete"))
        start, size, name = struct.unpack_from("<II8s", data, directory + index * _ENTRY)
        lump = data[start : start + size]
        if lump[:4] == _MIDI and lump not in seen:
            seen.add(lump)
            songs[name.rstrip(b"\0").decode("ascii", "replace")] = lump
    return songs
