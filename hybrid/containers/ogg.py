"""Pages of an Ogg file: streams one after another, pages that are missing, and whether the last one is there.

Format: RFC 3533.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from hybrid.containers.patched import Bytes, Span

_FIRST, _LAST = 2, 4
"""Flags of the first and the last page of a stream."""
_HEAD = struct.Struct("<4sBBqIIIB")


class Page(NamedTuple):
    """The header of a page and where it ends."""

    start: int
    end: int
    flags: int
    serial: int
    number: int


class Pages(NamedTuple):
    """All pages of a file."""

    streams: tuple[Span, ...]
    """Streams one after another; one where several lie within each other."""
    n_missing: int
    """Pages that their numbers miss."""
    has_end: bool
    """Whether the last page ends its stream."""


def pages(data: Bytes) -> Pages:
    """The pages of a file that begins with one."""
    starts: list[int] = []
    n_missing, last = 0, None
    numbers: dict[int, int] = {}
    is_together = False
    for page in _walk(data):
        if page.flags & _FIRST:
            # streams that begin together lie within each other, as sound and picture do
            is_together |= last is not None and bool(last.flags & _FIRST)
            starts.append(page.start)
        elif page.serial in numbers:
            n_missing += max(0, page.number - numbers[page.serial] - 1)
        numbers[page.serial] = page.number
        last = page
    # what lies before the first page of a stream belongs to no other
    starts = [0] if is_together or not starts else starts
    streams = tuple(Span(start, end) for start, end in zip(starts, [*starts[1:], len(data)], strict=True))
    return Pages(streams, n_missing, last is not None and bool(last.flags & _LAST))


def _walk(data: Bytes) -> Iterator[Page]:
    at, size = 0, len(data)
    while 0 <= at <= size - _HEAD.size:
        capture, _, flags, _, serial, number, _, n_segments = _HEAD.unpack_from(data, at)
        start = at + _HEAD.size
        end = start + n_segments + sum(data[start : start + n_segments])
        if capture != b"OggS" or end > size:
            at = data.find(b"OggS", at + 1)
            continue
        yield Page(at, end, flags, serial, number)
        at = end
