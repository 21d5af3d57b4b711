"""The last frame of a FLAC file, by which its length is known even where its header does not tell it.

Format: RFC 9639.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hybrid.containers.patched import Bytes

_TAIL = 1 << 18
"""Bytes at the end in which the last frame is looked for: 4 times an ordinary one."""
_HEAD_SIZE = 17
"""Bytes of the longest head of a frame, its checksum included."""


class Length(NamedTuple):
    """Samples of each channel: what the header says (0: unknown), and what the last frame says, None if it is torn."""

    declared: int
    found: int | None
    at: int
    """Where in the file the declared number stands: 5 bytes, of which it has the lower 36 bits."""


def length(data: Bytes) -> Length | None:
    """The length of a native FLAC file; None for another one."""
    start = 0
    while data[start : start + 3] == b"ID3":
        sizes = data[start + 6 : start + 10]
        start += 10 + (sizes[0] << 21 | sizes[1] << 14 | sizes[2] << 7 | sizes[3])
    if data[start : start + 4] != b"fLaC" or len(data) < start + 42 or data[start + 4] & 0x7F:
        return None
    info = start + 8
    at = info + 13
    declared = int.from_bytes(data[at : at + 5], "big") & ((1 << 36) - 1)
    block = int.from_bytes(data[info : info + 2], "big")
    fixed_block = block if data[info : info + 2] == data[info + 2 : info + 4] else None
    return Length(declared, _last_sample(data, fixed_block), at)


def with_length(data: Bytes, of: Length, n_samples: int) -> bytes:
    """The five bytes that stand at `of.at`, with another number of samples."""
    bits = int.from_bytes(data[of.at : of.at + 5], "big") >> 36
    return (bits << 36 | n_samples).to_bytes(5, "big")


def _last_sample(data: Bytes, fixed_block: int | None) -> int | None:
    """The sample after the last whole frame; None if no frame ends where the file does."""
    end = len(data)
    # a tag of 128 bytes that programs for MP3 append
    if data[end - 128 : end - 125] == b"TAG":
        end -= 128
    for at in _sync_words(data, max(0, end - _TAIL), end):
        head = _frame_head(data, at, fixed_block)
        if head is not None and _crc16(data[at:end]) == 0:
            return head
    return None


def _sync_words(data: Bytes, start: int, end: int) -> Iterator[int]:
    """Positions at which a frame may begin, from the last one."""
    while (end := data.rfind(b"\xff", start, end)) >= 0:
        if data[end + 1 : end + 2] in (b"\xf8", b"\xf9"):
            yield end


def _frame_head(data: Bytes, at: int, fixed_block: int | None) -> int | None:
    """The sample after a frame, by its header; None if there is none."""
    # a frame of silence at the end may be as short as its head
    head = data[at : at + _HEAD_SIZE].ljust(_HEAD_SIZE, b"\0")
    is_variable = bool(head[1] & 1)
    block_code, rate_code, first = head[2] >> 4, head[2] & 15, head[4]
    n_more = 0 if first < 0x80 else 7 - (~first & 0xFF).bit_length()
    if block_code == 0 or rate_code == 15 or (first >= 0x80 and n_more < 1):
        return None
    number = first if n_more == 0 else first & (0x3F >> n_more)
    for byte in head[5 : 5 + n_more]:
        number = number << 6 | byte & 0x3F
    end = 5 + n_more
    n_block_bytes = {6: 1, 7: 2}.get(block_code, 0)
    stored = int.from_bytes(head[end : end + n_block_bytes], "big") + 1
    end += n_block_bytes + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if _crc8(head[:end]) != head[end]:
        return None
    block = stored if n_block_bytes else _BLOCKS[block_code]
    if is_variable:
        return number + block
    return None if fixed_block is None else number * fixed_block + block


_BLOCKS = {1: 192, **{k: 576 << (k - 2) for k in range(2, 6)}, **{k: 256 << (k - 8) for k in range(8, 16)}}


def _table(polynomial: int, bits: int) -> list[int]:
    top, mask = 1 << (bits - 1), (1 << bits) - 1
    table = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
        table.append(value)
    return table


_CRC8, _CRC16 = _table(0x07, 8), _table(0x8005, 16)


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value = _CRC8[value ^ byte]
    return value


def _crc16(data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ _CRC16[value >> 8 ^ byte]
    return value
