"""A file as a decoder should see it: spans of a file on disk, with other bytes in between."""

from __future__ import annotations

import io
import mmap
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple


class Span(NamedTuple):
    """Bytes of the file on disk, from `start` up to `end`."""

    start: int
    end: int


Piece = Span | bytes
Bytes = bytes | mmap.mmap
"""A file in memory, or mapped."""


def replaced(size: int, changes: Sequence[tuple[int, bytes]]) -> tuple[Piece, ...]:
    """The pieces of a file of that size, with other bytes of the same number at some positions, in their order."""
    pieces: list[Piece] = []
    at = 0
    for position, content in changes:
        pieces += [Span(at, position), content]
        at = position + len(content)
    return (*pieces, Span(at, size))


class PatchedFile(io.RawIOBase):
    """A file that consists of pieces, open to be read."""

    def __init__(self, path: Path, pieces: Sequence[Piece]) -> None:
        self._file = path.open("rb")
        self._pieces = [piece for piece in pieces if _length(piece)]
        self._starts = [0, *accumulate(map(_length, self._pieces))]
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._starts[-1]}[whence])
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        n_read = 0
        while n_read < len(view) and self._at < self._starts[-1]:
            index = bisect_right(self._starts, self._at) - 1
            piece, inside = self._pieces[index], self._at - self._starts[index]
            n = min(len(view) - n_read, _length(piece) - inside)
            if isinstance(piece, bytes):
                view[n_read : n_read + n] = piece[inside : inside + n]
            else:
                self._file.seek(piece.start + inside)
                content = self._file.read(n)
                if not content:
                    break
                n = len(content)
                view[n_read : n_read + n] = content
            self._at += n
            n_read += n
        return n_read

    def close(self) -> None:
        self._file.close()
        super().close()


def _length(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.end - piece.start
