"""MIDI played by the library of fluidsynth with a SoundFont, where both are installed: its C interface by ctypes.

Each rendering has a synthesiser of its own: a voice that is used again sounds a little otherwise than a new one, -40 dB
in version 2.3, so that one synthesiser would not play the same twice. For the same reason the channels of a song, each
played by itself, add up to the whole to that accuracy only.
Source: fluidsynth.h of version 2, whose interface is stable.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_double, c_float, c_int, c_void_p
from ctypes.util import find_library
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from hybrid import shelf
from hybrid.corpus import smf
from hybrid.corpus.smf import Event, MidiSong
from hybrid.errors import InputError, Problem

_NAME = "fluidsynth"
_INSTALL = "on Debian, apt install libfluidsynth3"
_BLOCK = 64
"""Samples that fluidsynth computes at once: what happens within them begins with them."""
_GAIN = 0.4
"""Gain with which a loud chord stays below full scale."""
_POLYPHONY = 4096
"""Voices: no note is cut off for another, or a channel would sound otherwise by itself than in the whole."""
_LONGEST_TAIL_S = 10.0
_TAIL = 128 * _BLOCK
_SILENCE = 1e-5
"""Peak below which notes have died away: -100 dBFS."""
_PITCH_BEND, _KEY_PRESSURE, _CHANNEL_PRESSURE, _NOTE_OFF, _SYSEX = 0xE0, 0xA0, 0xD0, 0x80, 0xF0
_Log = CFUNCTYPE(None, c_int, c_char_p, c_void_p)
_NO_LOG = _Log(lambda level, message, user: None)
_LEVELS = 5


@cache
def _library() -> ctypes.CDLL | None:
    name = find_library(_NAME)
    if name is None:
        return None
    library = ctypes.CDLL(name)
    handle, text = c_void_p, c_char_p
    declared = {
        "fluid_version_str": (text, []),
        "fluid_set_log_function": (handle, [c_int, handle, handle]),
        "new_fluid_settings": (handle, []),
        "delete_fluid_settings": (None, [handle]),
        "fluid_settings_setnum": (c_int, [handle, text, c_double]),
        "fluid_settings_setint": (c_int, [handle, text, c_int]),
        "new_fluid_synth": (handle, [handle]),
        "delete_fluid_synth": (None, [handle]),
        "fluid_synth_sfload": (c_int, [handle, text, c_int]),
        "fluid_synth_noteon": (c_int, [handle, c_int, c_int, c_int]),
        "fluid_synth_noteoff": (c_int, [handle, c_int, c_int]),
        "fluid_synth_cc": (c_int, [handle, c_int, c_int, c_int]),
        "fluid_synth_program_change": (c_int, [handle, c_int, c_int]),
        "fluid_synth_pitch_bend": (c_int, [handle, c_int, c_int]),
        "fluid_synth_channel_pressure": (c_int, [handle, c_int, c_int]),
        "fluid_synth_key_pressure": (c_int, [handle, c_int, c_int, c_int]),
        "fluid_synth_sysex": (c_int, [handle, text, c_int, *[handle] * 3, c_int]),
        "fluid_synth_write_float": (c_int, [handle, c_int, *[POINTER(c_float), c_int, c_int] * 2]),
    }
    for function, (result, arguments) in declared.items():
        getattr(library, function).restype, getattr(library, function).argtypes = result, arguments
    # warnings such as a drum kit that a SoundFont lacks would go to the terminal
    for level in range(_LEVELS):
        library.fluid_set_log_function(level, ctypes.cast(_NO_LOG, c_void_p), None)
    return library


def _installed() -> ctypes.CDLL:
    if (library := _library()) is None:
        raise InputError(Problem(_NAME, "is not installed", _INSTALL))
    return library


def installed_soundfonts(candidates: Sequence[Path], install: str) -> list[Path]:
    """Paths of the SoundFonts that exist. Raises InputError with the hint `install` without one or fluidsynth."""
    if _library() is None:
        raise InputError(Problem(_NAME, "is not installed", hint=install))
    existing = [shelf.expanded(path) for path in candidates if shelf.expanded(path).is_file()]
    if not existing:
        paths = ", ".join(map(str, candidates))
        raise InputError(Problem("soundfonts", f"none of these exists: {paths}", hint=install))
    return existing


def name_of(font: Path) -> str:
    """Name and version of what plays a SoundFont, such as "fluidsynth 2.3.1, FluidR3_GM.sf2"."""
    return f"{_NAME} {_installed().fluid_version_str().decode()}, {font.name}"


def play(
    font: Path, song: MidiSong, sample_rate: int, longest_s: float, with_reverb: bool = False
) -> Float32[np.ndarray, "2 time"]:
    """The song as samples in stereo, without chorus, up to where the last notes have died away or `longest_s`.

    Raises InputError if fluidsynth is not installed or cannot read the SoundFont.
    """
    with _Synthesiser(font, sample_rate, with_reverb) as synthesiser:
        # whole blocks alone, since notes begin with blocks
        longest = round(longest_s * sample_rate / _BLOCK) * _BLOCK
        blocks, done = list[np.ndarray](), 0
        for time_s, event in smf.timed(song):
            at = min(round(time_s * sample_rate / _BLOCK) * _BLOCK, longest)
            if at > done:
                blocks.append(synthesiser.render(at - done))
                done = at
            if at == longest:
                break
            synthesiser.send(event)
        for _ in range(min(round(_LONGEST_TAIL_S * sample_rate), longest - done) // _TAIL):
            blocks.append(synthesiser.render(_TAIL))
            if np.max(np.abs(blocks[-1])) < _SILENCE:
                break
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((2, 0), np.float32)


class _Synthesiser:
    """The instruments of a SoundFont."""

    def __init__(self, font: Path, sample_rate: int, with_reverb: bool) -> None:
        self._library = library = _installed()
        self._settings = library.new_fluid_settings()
        library.fluid_settings_setnum(self._settings, b"synth.sample-rate", float(sample_rate))
        library.fluid_settings_setnum(self._settings, b"synth.gain", _GAIN)
        library.fluid_settings_setint(self._settings, b"synth.polyphony", _POLYPHONY)
        library.fluid_settings_setint(self._settings, b"synth.chorus.active", 0)
        library.fluid_settings_setint(self._settings, b"synth.reverb.active", int(with_reverb))
        # of a large SoundFont a song needs few samples
        library.fluid_settings_setint(self._settings, b"synth.dynamic-sample-loading", 1)
        self._synth = library.new_fluid_synth(self._settings)
        if library.fluid_synth_sfload(self._synth, str(font).encode(), 1) < 0:
            self.__exit__()
            raise InputError(Problem(str(font), "is not a SoundFont that fluidsynth can read"))

    def __enter__(self) -> _Synthesiser:
        return self

    def __exit__(self, *of_error: object) -> None:
        self._library.delete_fluid_synth(self._synth)
        self._library.delete_fluid_settings(self._settings)

    def render(self, n: int) -> Float32[np.ndarray, "2 time"]:
        block = np.zeros((2, n), np.float32)
        left, right = (channel.ctypes.data_as(POINTER(c_float)) for channel in block)
        self._library.fluid_synth_write_float(self._synth, n, left, 0, 1, right, 0, 1)
        return block

    def send(self, event: Event) -> None:
        library, synth, data = self._library, self._synth, event.data
        channel = event.channel
        if channel is None:
            if event.status == _SYSEX:
                # the library wants the message without its last byte, F7
                message = data.removesuffix(b"\xf7")
                library.fluid_synth_sysex(synth, message, len(message), None, None, None, 0)
        elif event.kind == smf.NOTE_ON and data[1] > 0:
            library.fluid_synth_noteon(synth, channel, data[0], data[1])
        elif event.kind in (smf.NOTE_ON, _NOTE_OFF):
            library.fluid_synth_noteoff(synth, channel, data[0])
        elif event.kind == smf.CONTROL:
            library.fluid_synth_cc(synth, channel, data[0], data[1])
        elif event.kind == smf.PROGRAM:
            library.fluid_synth_program_change(synth, channel, data[0])
        elif event.kind == _PITCH_BEND:
            library.fluid_synth_pitch_bend(synth, channel, data[0] | data[1] << 7)
        elif event.kind == _CHANNEL_PRESSURE:
            library.fluid_synth_channel_pressure(synth, channel, data[0])
        elif event.kind == _KEY_PRESSURE:
            library.fluid_synth_key_pressure(synth, channel, data[0], data[1])
