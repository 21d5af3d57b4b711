"""Instruments of a General MIDI SoundFont, played by fluidsynth where both are installed; voices stay synthetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hybrid.audio.roles import matches
from hybrid.corpus.fluidsynth import installed_soundfonts, play
from hybrid.corpus.smf import NOTE_ON, PROGRAM, Event, MidiSong
from hybrid.corpus.synthetic.performance import PlayedNote
from hybrid.corpus.synthetic.signals import SAMPLE_RATE, Samples
from hybrid.corpus.synthetic.styles import Player

PROGRAMS = {
    "bass.acoustic": (32,),
    "bass.synth": (38, 39),
    "bass": (33, 34, 35),
    "guitar.acoustic": (24, 25),
    "guitar": (26, 27, 28, 29, 30),
    "keys.piano": (0, 1, 2),
    "keys.electric": (4, 5, 7),
    "keys.organ": (16, 17, 18),
    "keys.mallet": (9, 11, 12),
    "keys": (0, 4),
    "strings": (48, 49, 50),
    "brass": (61, 62),
    "woodwind": (71, 73, 65),
    "synth.lead": (80, 81, 84),
    "synth.pad": (88, 89, 91, 95),
    "synth": (62, 81, 90),
    "fx": (97, 98, 101),
}
"""General MIDI programs for roles, counted from 0; of several entries that match a role, the longest counts."""
DRUM_KEYS = {
    "kick": (36, 35),
    "snare": (38, 40),
    "clap": (39,),
    "hihat": (42, 44),
    "toms": (45, 47, 50),
    "crash": (49, 57),
    "shaker": (70, 69),
    "tambourine": (54,),
}
"""Keys of the drum channel for the pieces of the kit."""
DRUM_CHANNEL = 9
_TICKS_PER_S = 960
_ATTACK_DELAY_S = 0.002
"""Notes are sent this much early, to make up for the attack of the instruments."""


def find_soundfont(candidates: Sequence[Path], install: str) -> Path:
    """Path of the first SoundFont that exists. Raises InputError with the hint `install` without one or fluidsynth."""
    return installed_soundfonts(candidates, install)[0]


def play_soundfont(
    font: Path, player: Player, notes: Sequence[PlayedNote], n: int, rng: np.random.Generator
) -> Samples:
    """`n` samples of all notes of one part, in stereo. Raises InputError if fluidsynth fails."""
    played = play(font, _midi_song(player, notes, rng), SAMPLE_RATE, n / SAMPLE_RATE)[:, :n]
    out = np.zeros((2, n))
    out[:, : played.shape[1]] = played
    return out


def _midi_song(player: Player, notes: Sequence[PlayedNote], rng: np.random.Generator) -> MidiSong:
    """The part, on one channel."""
    channel = DRUM_CHANNEL if player.piece else 0
    events = []
    if not player.piece:
        events.append(Event(0, PROGRAM | channel, bytes([int(rng.choice(_programs(player.role)))])))
    keys = DRUM_KEYS.get(player.piece, ())
    key = int(rng.choice(keys)) if keys else None
    for note in notes:
        pitch = key if key is not None else round(69.0 + 12.0 * math.log2(note.frequency_hz / 440.0))
        pitch = int(np.clip(pitch, 0, 127))
        velocity = int(np.clip(round(127.0 * note.velocity), 1, 127))
        start_s = max(0.0, note.start_s - _ATTACK_DELAY_S)
        end_s = start_s + max(note.duration_s, 0.03)
        events.append(Event(round(start_s * _TICKS_PER_S), NOTE_ON | channel, bytes([pitch, velocity])))
        # a note-on of velocity 0 ends the note
        events.append(Event(round(end_s * _TICKS_PER_S), NOTE_ON | channel, bytes([pitch, 0])))
    # 120 beats per minute, the default tempo: two beats a second; a note that ends where the next one of its pitch
    # starts must end first
    events.sort(key=lambda event: (event.tick, event.kind == NOTE_ON and event.data[1] > 0))
    return MidiSong(_TICKS_PER_S // 2, tuple(events))


def _programs(role: str) -> tuple[int, ...]:
    matching = [(len(stem), programs) for stem, programs in PROGRAMS.items() if matches(stem, role)]
    return max(matching)[1] if matching else PROGRAMS["keys"]
