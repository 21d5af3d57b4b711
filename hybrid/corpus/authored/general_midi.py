"""General MIDI files: a track for each channel, with and without the controllers by which its author balanced it.

The author's level is controllers 7 and 11, the place controller 10, the send controller 91. Without them a channel
sounds as the instrument was recorded, at the velocities that were played: that is the raw track.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from hybrid.corpus import smf
from hybrid.corpus.authored import programs
from hybrid.corpus.authored.types import LONGEST_S, SAMPLE_RATE, AuthoredSong, AuthoredTrack, Quantity, mono_if_same
from hybrid.corpus.fluidsynth import name_of, play
from hybrid.corpus.smf import Event, MidiSong

SUFFIXES = frozenset({".mid", ".midi", ".rmi"})
_VOLUME, _PAN, _EXPRESSION, _REVERB = 7, 10, 11, 91
_LOW_BYTE = 32
"""The low byte of a controller is the controller this much further on."""
_BALANCE = frozenset(
    {_VOLUME, _VOLUME + _LOW_BYTE, _PAN, _PAN + _LOW_BYTE, _EXPRESSION, _EXPRESSION + _LOW_BYTE, _REVERB}
)
_DEFAULTS = {_VOLUME: 100, _PAN: 64, _EXPRESSION: 127, _REVERB: 40}
"""Values before the first message (General MIDI 2, and what fluidsynth begins with)."""
_MAIN_SHARE = 0.9
"""Share of the notes of a channel that one role must play for the track to be called so."""


class _Channel(NamedTuple):
    """A channel that plays notes: its role, and the values of its controllers at the notes, each in order."""

    number: int
    name: str
    role: str
    given: frozenset[int]
    """Controllers that the file sets."""
    at_notes: dict[int, list[int]]


def read_midi(data: bytes, title: str, where: str, font: Path) -> AuthoredSong:
    """The song of a MIDI file, played with a SoundFont. Raises InputError if it is no MIDI file or plays no note."""
    song = smf.parse(data, where)
    channels = _channels(song)
    with_reverb = any(_REVERB in channel.given for channel in channels)
    decided = _decided(channels)

    def rendered(events: Sequence[Event], with_reverb: bool) -> Float32[np.ndarray, "2 time"]:
        part = song._replace(events=tuple(events))
        return play(font, part, SAMPLE_RATE, LONGEST_S, with_reverb)

    def tracks() -> Iterator[AuthoredTrack]:
        for channel in channels:
            own = [event for event in song.events if event.channel in (None, channel.number)]
            yield AuthoredTrack(
                name=f"{channel.number + 1:02d} {channel.name}",
                role=channel.role,
                raw=mono_if_same(rendered([event for event in own if not _is_balance(event)], False)),
                treated=rendered(own, with_reverb),
                pan=float(np.clip((fmean(channel.at_notes[_PAN]) - 64.0) / 0.63, -100.0, 100.0)),
                send_db=_send_db(fmean(channel.at_notes[_REVERB])) if with_reverb else None,
                decided=decided & _given(channel),
            )

    return AuthoredSong(title, name_of(font), recorded=True, tracks=tracks, mix=None)


def _channels(song: MidiSong) -> list[_Channel]:
    """The channels that play notes, by number."""
    program, state = [0] * 16, [dict(_DEFAULTS) for _ in range(16)]
    given: list[set[int]] = [set() for _ in range(16)]
    played: list[Counter[int]] = [Counter() for _ in range(16)]
    at_notes = [{controller: list[int]() for controller in _DEFAULTS} for _ in range(16)]
    for event in song.events:
        if (channel := event.channel) is None:
            continue
        if event.kind == smf.PROGRAM:
            program[channel] = event.data[0]
        elif event.kind == smf.CONTROL and event.data[0] in _DEFAULTS:
            state[channel][event.data[0]] = event.data[1]
            given[channel].add(event.data[0])
        elif event.kind == smf.NOTE_ON and event.data[1] > 0:
            played[channel][program[channel] & 127] += 1
            for controller, value in state[channel].items():
                at_notes[channel][controller].append(value)
    return [
        _Channel(number, *_instrument(number, played[number]), frozenset(given[number]), at_notes[number])
        for number in range(16)
        if played[number]
    ]


def _instrument(channel: int, played: Counter[int]) -> tuple[str, str]:
    """Name and role of a channel by the programs of its notes; unknown where they belong to several families."""
    if channel == programs.DRUM_CHANNEL:
        return "drum kit", programs.DRUMS
    by_role = Counter[str]()
    for program, n in played.items():
        by_role[programs.ROLES[program]] += n
    main, _ = played.most_common(1)[0]
    role, n = by_role.most_common(1)[0]
    return programs.NAMES[main], role if n >= _MAIN_SHARE * played.total() else "unknown"


def _decided(channels: Sequence[_Channel]) -> frozenset[Quantity]:
    """Quantities in which the channels of a song differ: a value that all share was hardly chosen for any of them."""

    def differs(controller: int) -> bool:
        return len({round(fmean(channel.at_notes[controller])) for channel in channels}) > 1

    decided: set[Quantity] = set()
    if differs(_VOLUME) or differs(_EXPRESSION):
        decided.add("level")
    if differs(_PAN):
        decided.add("pan")
    if differs(_REVERB):
        decided.add("send")
    return frozenset(decided)


def _given(channel: _Channel) -> frozenset[Quantity]:
    """Quantities of a channel for which the file has a controller."""
    controllers: dict[Quantity, set[int]] = {"level": {_VOLUME, _EXPRESSION}, "pan": {_PAN}, "send": {_REVERB}}
    return frozenset(quantity for quantity, by in controllers.items() if channel.given & by)


def _is_balance(event: Event) -> bool:
    return event.kind == smf.CONTROL and event.data[0] in _BALANCE


def _send_db(value: float) -> float | None:
    return 20.0 * math.log10(value / 127.0) if value > 0.0 else None
