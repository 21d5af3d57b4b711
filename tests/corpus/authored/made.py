"""Small files with an author's balance, made here: a module, a MIDI file, an archive of a game, a project of LMMS."""

from __future__ import annotations

import struct

import numpy as np

from hybrid.corpus.authored.types import AuthoredTrack

_ROWS, _CHANNELS = 64, 4
_PERIOD = {"C": 428, "G": 285}


def module(volumes: tuple[int, int] = (64, 16)) -> bytes:
    """A ProTracker module of two instruments, a square and a saw, on channels that lie left and right."""
    waves = (np.where(np.arange(64) < 32, 60, -60), np.linspace(-80, 80, 64))
    samples = [np.tile(wave, 32).astype(np.int8).tobytes() for wave in waves]
    head = b"made here".ljust(20, b"\0")
    for index in range(31):
        data = samples[index] if index < len(samples) else b""
        name = (b"bass", b"lead synth")[index] if index < len(samples) else b""
        volume = volumes[index] if index < len(samples) else 0
        head += name.ljust(22, b"\0") + struct.pack(">HBBHH", len(data) // 2, 0, volume, 0, len(data) // 2 or 1)
    head += bytes([1, 127]) + bytes(128) + b"M.K."
    pattern = bytearray(_ROWS * _CHANNELS * 4)
    for row in range(0, _ROWS, 8):
        _write_note(pattern, row, 0, 1, "C")
        _write_note(pattern, row + 4, 1, 2, "G")
    return head + bytes(pattern) + b"".join(samples)


def _write_note(pattern: bytearray, row: int, channel: int, instrument: int, note: str) -> None:
    period = _PERIOD[note]
    cell = bytes([instrument & 0xF0 | period >> 8, period & 0xFF, (instrument & 0x0F) << 4, 0])
    at = (row * _CHANNELS + channel) * 4
    pattern[at : at + 4] = cell


def midi(*tracks: bytes, division: int = 480) -> bytes:
    """A MIDI file of tracks of raw events; the end of each is added."""
    chunks = [struct.pack(">4sI", b"MTrk", len(each) + 4) + each + b"\x00\xff\x2f\x00" for each in tracks]
    return struct.pack(">4sIHHH", b"MThd", 6, 1, len(tracks), division) + b"".join(chunks)


def band() -> bytes:
    """A bass in the middle and softer, strings left with a send, a drum kit as the format begins: two quarters each."""
    bass = b"\x00\xc0\x21\x00\xb0\x07\x50\x00\xb0\x0a\x40" + b"\x00\x90\x28\x64\x83\x60\x80\x28\x00"
    strings = b"\x00\xc1\x30\x00\xb1\x07\x7f\x00\xb1\x0a\x00\x00\xb1\x5b\x7f" + b"\x00\x91\x3c\x64\x83\x60\x81\x3c\x00"
    # a key signature that does not exist, as in files of games
    drums = b"\x00\xff\x59\x02\xff\xff\x00\x99\x24\x64\x83\x60\x89\x24\x00"
    return midi(bass, strings, drums)


def archive(**lumps: bytes) -> bytes:
    """An archive of a game with these parts."""
    body, entries, at = b"", b"", 12
    for name, data in lumps.items():
        entries += struct.pack("<II8s", at, len(data), name.encode())
        body += data
        at += len(data)
    return struct.pack("<4sII", b"PWAD", len(lumps), at) + body + entries


def project() -> str:
    """A project of LMMS: a loud triangle panned left through a channel of the mixer, a soft one, and a muted one."""

    def track(name: str, settings: str, muted: int = 0) -> str:
        notes = '<pattern pos="0" type="1"><note key="57" vol="100" pos="0" len="96" pan="0"/></pattern>'
        return (
            f'<track muted="{muted}" type="0" name="{name}" solo="0"><instrumenttrack {settings} basenote="57">'
            f'<instrument name="tripleoscillator"><tripleoscillator vol0="33" vol1="0" vol2="0"/></instrument>'
            f'<fxchain numofeffects="0" enabled="0"/></instrumenttrack>{notes}</track>'
        )

    effect = (
        '<fxchain numofeffects="1" enabled="1"><effect on="1" name="ladspaeffect" wet="1">'
        '<key><attribute name="plugin" value="tap_equalizer"/></key></effect></fxchain>'
    )
    return (
        '<?xml version="1.0"?><lmms-project type="song" creator="LMMS" version="1.0" creatorversion="1.2.2">'
        '<head bpm="120" mastervol="100" masterpitch="0" timesig_numerator="4" timesig_denominator="4"/><song>'
        '<trackcontainer type="song">'
        + track("Bass", 'vol="200" pan="-100" fxch="1"')
        + track("Lead", 'vol="50" pan="0" fxch="0"')
        + track("Idea", 'vol="100" pan="0" fxch="0"', muted=1)
        + '</trackcontainer><fxmixer><fxchannel num="0" name="Master" volume="1"/>'
        f'<fxchannel num="1" name="low" volume="0.25">{effect}<send channel="0" amount="1"/></fxchannel></fxmixer>'
        "</song></lmms-project>"
    )


def tone(frequency_hz: float, gain: float, pan: tuple[float, float] = (1.0, 1.0), seconds: float = 1.0) -> np.ndarray:
    """A sine in both channels with these gains."""
    wave = gain * np.sin(2.0 * np.pi * frequency_hz * np.arange(round(44100 * seconds)) / 44100)
    return np.stack([pan[0] * wave, pan[1] * wave]).astype(np.float32)


def track(name: str, raw: np.ndarray, treated: np.ndarray, **given: object) -> AuthoredTrack:
    """A track of these samples."""
    return AuthoredTrack(**{"name": name, "role": None, "raw": raw, "treated": treated, "pan": 0.0, **given})
