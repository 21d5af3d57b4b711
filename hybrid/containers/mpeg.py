"""Frames of MPEG audio: how many there are, and a header that says so.

Formats: ISO/IEC 11172-3 and 13818-3; the Xing or Info header, which no standard describes, as LAME writes it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from hybrid.containers.patched import Bytes, Piece, Span

# kbit/s by index; 0 is a free format, which is not followed
_KBITS = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_KBITS[2, 3] = _KBITS[2, 2]
_RATES_HZ = (44100, 48000, 32000)
_HAS_FRAMES, _HAS_BYTES, _HAS_TABLE, _HAS_QUALITY = 1, 2, 4, 8
_TAGS = (b"TAG", b"APETAGEX", b"ID3", b"LYRICS")
"""Starts of what lies between or behind frames and is no sound."""


class Frame(NamedTuple):
    """The header of a frame."""

    version: int
    """1 for MPEG 1, 2 for MPEG 2 and 2.5."""
    layer: int
    sample_rate: int
    channels: int
    size: int
    """Bytes, header included."""

    @property
    def n_samples(self) -> int:
        """Samples of each channel."""
        return 384 if self.layer == 1 else 1152 if self.layer == 2 or self.version == 1 else 576


class Header(NamedTuple):
    """What the first frame says of the others, where it is a Xing or Info header and no sound."""

    n_frames: int | None
    frames_at: int
    """Where in the file the number of frames stands."""
    bytes_at: int | None
    has_delay: bool
    """Whether the encoder says by how much it delays the sound."""


class Stream(NamedTuple):
    """All frames of a file."""

    first_at: int
    first: Frame
    header: Header | None
    n_frames: int
    """Frames of sound."""
    end: int
    n_skipped: int
    """Bytes between frames that are neither frames nor tags."""
    is_joined: bool
    """Whether another file begins within this one."""


def frames(data: Bytes) -> Stream | None:
    """The frames of a file; None where there are not even two of one kind."""
    found = next(_walk(data, _after_tags(data, 0), None), None)
    if found is None:
        return None
    first_at, first = found
    header = _header(data, first_at, first)
    n_frames, n_skipped, end, is_joined = 0, 0, first_at, False
    for at, frame in _walk(data, first_at, first):
        if at > end and not data[end : end + 8].startswith(_TAGS):
            n_skipped += at - end
        is_joined |= at > first_at and _header(data, at, frame) is not None
        n_frames, end = n_frames + 1, at + frame.size
    # a header is no sound; that of a second file is decoded as silence
    return Stream(first_at, first, header, n_frames - (header is not None), end, n_skipped, is_joined)


def with_true_length(data: Bytes, stream: Stream) -> tuple[Piece, ...]:
    """The file with a header that tells its number of frames: its own, mended, or one put in front."""
    size, header = len(data), stream.header
    n_bytes = size - stream.first_at
    if header is None or header.n_frames is None:
        return (
            Span(0, stream.first_at),
            _info_frame(data[stream.first_at : stream.first_at + 4], stream),
            Span(stream.first_at, size),
        )
    pieces: list[Piece] = [Span(0, header.frames_at), struct.pack(">I", stream.n_frames)]
    at = header.frames_at + 4
    if header.bytes_at is not None:
        pieces += [Span(at, header.bytes_at), struct.pack(">I", n_bytes & 0xFFFFFFFF)]
        at = header.bytes_at + 4
    return (*pieces, Span(at, size))


def _walk(data: Bytes, at: int, like: Frame | None) -> Iterator[tuple[int, Frame]]:
    """Frames and their positions; all are like the first in version, layer and rate."""
    size = len(data)
    while at + 4 <= size:
        frame = _frame(data, at)
        if frame is None or (like is not None and frame[:3] != like[:3]) or at + frame.size > size:
            at = _next_frame(data, _after_tags(data, at + 1 if data[at : at + 3] != b"ID3" else at), like)
            continue
        if like is None:
            # a sync word alone may be chance
            after = _frame(data, at + frame.size) if at + frame.size + 4 <= size else None
            if after is None or after[:3] != frame[:3]:
                at = _next_frame(data, at + 1, None)
                continue
            like = frame
        yield at, frame
        at += frame.size


def _next_frame(data: Bytes, at: int, like: Frame | None) -> int:
    """Where the next frame begins that another one, a tag, or the end follows; the size of the file if nowhere."""
    size = len(data)
    while (at := data.find(b"\xff", at)) >= 0:
        frame = _frame(data, at)
        if frame is not None and (like is None or frame[:3] == like[:3]):
            end = at + frame.size
            after = _frame(data, end) if end + 4 <= size else None
            if end == size or (after is not None and after[:3] == frame[:3]) or data[end : end + 8].startswith(_TAGS):
                return at
        at += 1
    return size


def _frame(data: Bytes, at: int) -> Frame | None:
    word = data[at : at + 4]
    if len(word) < 4 or word[0] != 0xFF or word[1] & 0xE0 != 0xE0:
        return None
    version_bits, layer_bits = word[1] >> 3 & 3, word[1] >> 1 & 3
    kbit_index, rate_index = word[2] >> 4, word[2] >> 2 & 3
    if version_bits == 1 or layer_bits == 0 or kbit_index in (0, 15) or rate_index == 3:
        return None
    version, layer = 1 if version_bits == 3 else 2, 4 - layer_bits
    sample_rate = _RATES_HZ[rate_index] >> {3: 0, 2: 1, 0: 2}[version_bits]
    bit_rate, padding = 1000 * _KBITS[version, layer][kbit_index], word[2] >> 1 & 1
    if layer == 1:
        size = (12 * bit_rate // sample_rate + padding) * 4
    else:
        size = (144 if layer == 2 or version == 1 else 72) * bit_rate // sample_rate + padding
    return Frame(version, layer, sample_rate, 1 if word[3] >> 6 == 3 else 2, size)


def _side_bytes(frame: Frame) -> int:
    """Bytes between the header of a frame of layer III and its content."""
    return (17 if frame.channels == 1 else 32) if frame.version == 1 else (9 if frame.channels == 1 else 17)


def _header(data: Bytes, at: int, frame: Frame) -> Header | None:
    """The Xing or Info header that a frame holds instead of sound; None if it holds none."""
    at += 4 + _side_bytes(frame)
    if frame.layer != 3 or data[at : at + 4] not in (b"Xing", b"Info"):
        return None
    # numbers that a torn file cuts off read as zero
    flags = int.from_bytes(data[at + 4 : at + 8], "big")
    at += 8
    n_frames = bytes_at = None
    frames_at = at
    if flags & _HAS_FRAMES:
        n_frames = int.from_bytes(data[at : at + 4], "big")
        at += 4
    if flags & _HAS_BYTES:
        bytes_at, at = at, at + 4
    at += 100 * bool(flags & _HAS_TABLE) + 4 * bool(flags & _HAS_QUALITY)
    # 9 bytes of the encoder's name, 12 others, and twice 12 bits
    encoder, delay = data[at : at + 4], data[at + 21 : at + 24]
    return Header(n_frames, frames_at, bytes_at, encoder.isalnum() and any(delay))


def _info_frame(word: bytes, stream: Stream) -> bytes:
    """A frame without sound that holds nothing but the number of frames and bytes."""
    # no checksum; at the lowest bit rate whose frame has room for all of it
    for index in range(1, 15):
        head = bytes([word[0], word[1] | 1, index << 4 | word[2] & 0x0C, word[3]])
        size = _size_of(head)
        content = b"Info" + struct.pack(">III", _HAS_FRAMES | _HAS_BYTES, stream.n_frames, 0)
        # the encoder's name and its delay would follow: zeros say nothing
        if size >= 4 + _side_bytes(stream.first) + len(content) + 160:
            n_bytes = size + stream.end - stream.first_at
            content = content[:-4] + struct.pack(">I", n_bytes & 0xFFFFFFFF)
            return (head + bytes(_side_bytes(stream.first)) + content).ljust(size, b"\0")
    raise AssertionError("the highest bit rate has room for a header")


def _size_of(head: bytes) -> int:
    frame = _frame(head, 0)
    assert frame is not None
    return frame.size


def _after_tags(data: Bytes, at: int) -> int:
    """The position behind ID3v2 tags that begin at one."""
    while data[at : at + 3] == b"ID3" and len(data) > at + 10:
        sizes = data[at + 6 : at + 10]
        at += 10 + (sizes[0] << 21 | sizes[1] << 14 | sizes[2] << 7 | sizes[3])
    return at
