"""Chunks of WAV, RF64, W64, AIFF, CAF and AU files: where the samples lie, and how many bytes of them are promised.

Formats: IBM/Microsoft RIFF 1.0, EBU Tech 3306 (RF64), Sonic Foundry Wave64, Apple AIFF 1.3 and Core Audio Format.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from hybrid.containers.patched import Bytes

_UNKNOWN = 0x7FFF_0000
"""Sizes of 32 bits from here on mean that a recorder did not know: most write 2**32 - 1 or 2**31 - 1."""


class _Layout(NamedTuple):
    first: int
    """Where the first chunk begins."""
    id_size: int
    size: struct.Struct
    data: bytes
    """The id of the chunk with the samples."""
    padding: int
    counts_header: bool = False
    """Whether a size includes that of the header."""


_LAYOUTS = {
    b"RIFF": _Layout(12, 4, struct.Struct("<I"), b"data", 2),
    b"RF64": _Layout(12, 4, struct.Struct("<I"), b"data", 2),
    b"BW64": _Layout(12, 4, struct.Struct("<I"), b"data", 2),
    b"RIFX": _Layout(12, 4, struct.Struct(">I"), b"data", 2),
    b"FORM": _Layout(12, 4, struct.Struct(">I"), b"SSND", 2),
    b"riff": _Layout(40, 16, struct.Struct("<Q"), b"data", 8, counts_header=True),
    b"caff": _Layout(8, 4, struct.Struct(">q"), b"data", 1),
}


class _Field(NamedTuple):
    """Where the size of the samples stands, and how it is written."""

    at: int
    kind: struct.Struct


class Samples(NamedTuple):
    """The bytes that hold a file's samples."""

    start: int
    declared: int | None
    """Bytes that the header promises; None where it says that it does not know."""
    available: int
    """Bytes that are there from `start` up to the end of the samples: more than declared where no chunk follows."""
    size_at: int
    size: bytes
    """Where the size stands in the header, and what would stand there for `available`; empty if it cannot."""
    time_reference: int | None = None
    """Samples since midnight at which the file begins (`bext` of a broadcast WAV, EBU Tech 3285); None without one."""


def samples(data: Bytes) -> Samples | None:
    """Where the samples of a file lie; None for a container of another kind, or without samples."""
    if data[:4] == b".snd":
        return _of_au(data)
    layout = _LAYOUTS.get(data[:4])
    if layout is None:
        return None
    at, end, big_at, time_reference = layout.first, len(data), None, None
    head = layout.id_size + layout.size.size
    while at + head <= end:
        name = data[at : at + 4]
        (size,) = layout.size.unpack_from(data, at + layout.id_size)
        size -= head if layout.counts_header else 0
        start = at + head
        if name == layout.data:
            field = _Field(start - layout.size.size, layout.size)
            if big_at is not None and size == 0xFFFFFFFF:
                field = _Field(big_at, struct.Struct("<Q"))
            return _samples(data, layout, start, field)._replace(time_reference=time_reference)
        if name == b"ds64" and size >= 24:
            big_at = start + 8
        if name == b"bext" and size >= 346 and start + 346 <= end:
            (time_reference,) = struct.unpack_from("<Q", data, start + 338)
        if size < 0:
            return None
        at = start + -(-size // layout.padding) * layout.padding
    return None


def _samples(data: Bytes, layout: _Layout, start: int, field: _Field) -> Samples:
    left = len(data) - start
    extra = layout.id_size + layout.size.size if layout.counts_header else 0
    size = field.kind.unpack_from(data, field.at)[0] - extra
    is_unknown = size < 0 or (field.kind.size == 4 and size >= _UNKNOWN and size > left)
    if is_unknown:
        return Samples(start, None, left, field.at, b"")
    available = min(size, left)
    follows = start + -(-size // layout.padding) * layout.padding
    # a file that ends just behind its samples, or with another chunk, is as it says
    if follows < len(data) and not _is_chunk(data, layout, follows):
        available = left
    fits = available + extra < (1 << 32 if field.kind.size == 4 else 1 << 63)
    told = field.kind.pack(available + extra) if fits else b""
    return Samples(start, size, available, field.at, told)


def _is_chunk(data: Bytes, layout: _Layout, at: int) -> bool:
    """Whether a chunk that lies within the file begins at a position, or nothing but a few bytes is left there."""
    head = layout.id_size + layout.size.size
    name = data[at : at + 4]
    if at + head > len(data) or not name.strip(b"\0") or name[:3] in (b"TAG", b"ID3"):
        return not data[at : at + 4096].strip(b"\0") or name[:3] in (b"TAG", b"ID3") or at + head > len(data)
    (size,) = layout.size.unpack_from(data, at + layout.id_size)
    return all(32 <= letter < 127 for letter in name) and 0 <= size <= len(data) - at


def _of_au(data: Bytes) -> Samples | None:
    if len(data) < 24:
        return None
    start, declared = struct.unpack_from(">II", data, 4)
    left = len(data) - start
    told = None if declared == 0xFFFFFFFF else declared
    return Samples(start, told, left if told is None else max(left, 0), 8, struct.pack(">I", max(left, 0)))
