"""Standard MIDI files: their events on one time line.

Bytes are kept as they are, and what a reader of music must understand, such as a key signature, is not looked at: files
of games are often wrong there.
Source: MIDI Manufacturers Association, Standard MIDI Files 1.0 (RP-001).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from hybrid.errors import InputError, Problem

NOTE_ON, CONTROL, PROGRAM = 0x90, 0xB0, 0xC0
_META, _SYSEX, _SYSEX_MORE = 0xFF, 0xF0, 0xF7
_TEMPO = b"\x51"
_DEFAULT_S_PER_QUARTER = 0.5
_ONE_BYTE = (0xC0, 0xD0)
"""Kinds of channel messages with one byte of data; the others have two."""


class Event(NamedTuple):
    """A message at a time in ticks from the start."""

    tick: int
    status: int
    data: bytes
    """Of a meta event its type, then its text or numbers."""
    track: int = 0

    @property
    def kind(self) -> int:
        """The message's kind without its channel; 0xF0 and above for what has none."""
        return self.status if self.status >= _SYSEX else self.status & 0xF0

    @property
    def channel(self) -> int | None:
        """The channel, 0 to 15; None for what speaks of the whole song."""
        return None if self.status >= _SYSEX else self.status & 0x0F


class MidiSong(NamedTuple):
    """All events, ordered by time; events of one time keep their order."""

    division: int
    """Ticks per quarter note, or frames per second, as it stands in the file."""
    events: tuple[Event, ...]


def parse(data: bytes, where: str) -> MidiSong:
    """The song of a file; one that is cut short as far as it goes.

    Raises InputError, with its place `where`, for bytes that are no MIDI file or hold no event.
    """
    if data[:4] != b"MThd" or len(data) < 14:
        raise InputError(Problem(where, "is not a MIDI file: it does not begin with MThd"))
    size, _, n_tracks, division = struct.unpack_from(">IHHH", data, 4)
    at, events, found = 8 + size, list[Event](), 0
    while at + 8 <= len(data) and found < n_tracks:
        kind, size = struct.unpack_from(">4sI", data, at)
        if kind == b"MTrk":
            events.extend(_track_events(data[at + 8 : at + 8 + size], found))
            found += 1
        at += 8 + size
    if not events:
        raise InputError(Problem(where, "is a MIDI file without events"))
    # sorting is stable: what stands first in a file and in a track stays first
    return MidiSong(division, tuple(sorted(events, key=lambda event: event.tick)))


def _track_events(data: bytes, track: int) -> Iterator[Event]:
    at, tick, status = 0, 0, 0
    try:
        while at < len(data):
            wait, at = _number(data, at)
            tick += wait
            # a message without a status has that of the one before
            if data[at] & 0x80:
                status, at = data[at], at + 1
            start, kind = at, b""
            if status == _META:
                kind, (size, start) = data[at : at + 1], _number(data, at + 1)
            elif status in (_SYSEX, _SYSEX_MORE):
                size, start = _number(data, at)
            else:
                size = 1 if status & 0xF0 in _ONE_BYTE else 2
            at = start + size
            # cut short, or not MIDI: what came before is played
            if status < 0x80 or at > len(data):
                return
            yield Event(tick, status, kind + data[start:at], track)
    except IndexError:
        return


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, seven bits in a byte, and the place after it."""
    value = 0
    while True:
        value = value << 7 | data[at] & 0x7F
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def timed(song: MidiSong) -> Iterator[tuple[float, Event]]:
    """Every event with its time in seconds, under the changes of tempo among them."""
    division = song.division
    if division & 0x8000:
        # frames a second as a negative byte, then ticks a frame
        s_per_tick = 1.0 / ((256 - (division >> 8)) * (division & 0xFF))
    else:
        s_per_tick = _DEFAULT_S_PER_QUARTER / division
    tick, time_s = 0, 0.0
    for event in song.events:
        time_s += (event.tick - tick) * s_per_tick
        tick = event.tick
        yield time_s, event
        if event.status == _META and event.data[:1] == _TEMPO and not division & 0x8000:
            s_per_tick = 1e-6 * int.from_bytes(event.data[1:4], "big") / division
