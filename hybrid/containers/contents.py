"""What a file really holds: the one place where the word of a header is weighed against what can be counted."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import NamedTuple

from hybrid.containers import chunks, flac, mpeg, ogg
from hybrid.containers.patched import Bytes, Piece, Span, replaced

TRUNCATED = "is truncated: its end is missing"
_COPY_HINT = "copy or export it again"
_MAX_JUNK = 4096
"""Bytes among the frames of MPEG audio that pass without a note: less than 0.2 s of the usual bit rates."""
_FRAMES_TOLERANCE = 2
"""Frames by which headers of MPEG audio are wrong without harm: some count themselves, some not the last."""


class Contents(NamedTuple):
    """What a file holds, beside what its header says."""

    streams: tuple[tuple[Piece, ...], ...] = ()
    """Files as decoders should see them, one after another; empty where the file is to be read as it is."""
    promised: float = 1.0
    """Share of what it holds that its header promises."""
    note: str = ""
    """What the user should know of it, a part of a sentence that begins with the file's name."""
    fault: str = ""
    """Why it cannot be read whole, likewise; else empty."""
    hint: str = ""
    has_unknown_delay: bool = False
    """Whether an encoder has delayed the sound by an amount that the file does not tell."""
    time_reference: int | None = None
    """Samples since midnight at which a recorder began, from a broadcast WAV."""


def contents(path: Path) -> Contents:
    """What a file holds, whatever its name. Raises OSError if it cannot be read."""
    size = path.stat().st_size
    if size == 0:
        return Contents()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] == b"OggS":
            return _of_ogg(data)
        if (length := flac.length(data)) is not None:
            return _of_flac(data, length)
        if (samples := chunks.samples(data)) is not None:
            return _of_chunks(data, samples)
        is_mpeg = data[:3] == b"ID3" or (data[0] == 0xFF and data[1:2] >= b"\xe0") or path.suffix.lower() in _MPEG
        stream = mpeg.frames(data) if is_mpeg else None
        return Contents() if stream is None else _of_mpeg(data, stream)


_MPEG = frozenset({".mp3", ".mp2"})


def _of_ogg(data: Bytes) -> Contents:
    pages = ogg.pages(data)
    if pages.n_missing:
        return Contents(fault=f"is damaged: {pages.n_missing} of its pages are missing", hint=_COPY_HINT)
    if not pages.has_end:
        return Contents(fault=TRUNCATED, hint=_COPY_HINT)
    if len(pages.streams) == 1:
        return Contents()
    note = f"holds {len(pages.streams)} streams, which are read one after another"
    return Contents(tuple((span,) for span in pages.streams), note=note)


def _of_flac(data: Bytes, length: flac.Length) -> Contents:
    declared, found, at = length
    if found is None:
        # where the end is torn, only the header could tell how much there was
        return Contents() if declared else Contents(fault=TRUNCATED, hint=_COPY_HINT)
    if found < declared:
        return Contents(fault=TRUNCATED, hint=_COPY_HINT)
    if found == declared:
        return Contents()
    pieces = replaced(len(data), [(at, flac.with_length(data, length, found))])
    return Contents((pieces,), declared / found if declared else 1.0)


def _of_chunks(data: Bytes, samples: chunks.Samples) -> Contents:
    time_reference = samples.time_reference
    if samples.declared is not None and samples.declared > samples.available:
        return Contents(fault=TRUNCATED, hint=_COPY_HINT)
    if samples.declared is None or samples.available == samples.declared:
        return Contents(time_reference=time_reference)
    if not samples.size:
        # the rest of a division by 4 GB, as of programs that do not look
        return Contents(fault="is longer than its header can tell", hint="convert it to RF64, W64 or FLAC")
    pieces = replaced(len(data), [(samples.size_at, samples.size)])
    return Contents((pieces,), samples.declared / samples.available, time_reference=time_reference)


def _of_mpeg(data: Bytes, stream: mpeg.Stream) -> Contents:
    header, whole = stream.header, (Span(0, len(data)),)
    told = None if header is None else header.n_frames
    if told is not None and told > stream.n_frames + _FRAMES_TOLERANCE:
        return Contents(fault=TRUNCATED, hint=_COPY_HINT)
    note = ""
    if stream.n_skipped > _MAX_JUNK:
        note = f"is damaged: {stream.n_skipped} bytes in it are no sound, and what they held is missing"
    elif stream.is_joined:
        note = "is several files joined into one, with a gap of about 0.05 s at each joint"
    # by pieces even where nothing is changed: libsndfile takes a file beside it for another format
    is_right = told is not None and abs(told - stream.n_frames) <= _FRAMES_TOLERANCE
    pieces = whole if is_right or stream.first.layer != 3 else mpeg.with_true_length(data, stream)
    promised = 1.0 if told is None or is_right else told / stream.n_frames
    return Contents((pieces,), promised, note, has_unknown_delay=header is None or not header.has_delay)
