"""Instruments of a General MIDI SoundFont, played by fluidsynth where both are installed; voices stay synthetic."""

from __future__ import annotations

import math
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import mido
import numpy as np
import soundfile

from hybrid.audio.roles import matches
from hybrid.corpus.synthetic.performance import PlayedNote
from hybrid.corpus.synthetic.signals import SAMPLE_RATE, Samples
from hybrid.corpus.synthetic.styles import Player
from hybrid.errors import InputError, Problem

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
_GAIN = 0.4
"""Gain of fluidsynth with which a loud chord stays below full scale."""
_ATTACK_DELAY_S = 0.002
"""Notes are sent this much early, to make up for the attack of the instruments."""


def find_soundfont(candidates: Sequence[Path], install: str) -> Path:
    """Path of the first SoundFont that exists. Raises InputError with the hint `install` without one or fluidsynth."""
    if shutil.which("fluidsynth") is None:
        raise InputError(Problem("fluidsynth", "is not installed", hint=install))
    existing = next((path for path in candidates if path.expanduser().is_file()), None)
    if existing is None:
        paths = ", ".join(map(str, candidates))
        raise InputError(Problem("soundfonts", f"none of these exists: {paths}", hint=install))
    return existing.expanduser()


def play_soundfont(
    font: Path, player: Player, notes: Sequence[PlayedNote], n: int, rng: np.random.Generator
) -> Samples:
    """`n` samples of all notes of one part, in stereo. Raises InputError if fluidsynth fails."""
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        midi, sound = Path(scratch) / "part.mid", Path(scratch) / "part.wav"
        _midi_file(player, notes, rng).save(midi)
        command = ["fluidsynth", "-ni", "-q", "-g", str(_GAIN), "-r", str(SAMPLE_RATE), "-o", "synth.reverb.active=0"]
        command += ["-o", "synth.chorus.active=0", "-O", "float", "-F", str(sound), str(font), str(midi)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode or not sound.is_file():
            output = done.stderr.strip().splitlines()
            raise InputError(Problem("fluidsynth", f"failed on {font}: {output[-1] if output else done.returncode}"))
        samples, _ = soundfile.read(sound, always_2d=True)
    out = np.zeros((2, n))
    played = samples[:n].T
    out[:, : played.shape[1]] = played
    return out


def _midi_file(player: Player, notes: Sequence[PlayedNote], rng: np.random.Generator) -> mido.MidiFile:
    """The part as a MIDI file with one track."""
    # 120 beats per minute, the default tempo: two beats a second
    file = mido.MidiFile(ticks_per_beat=_TICKS_PER_S // 2)
    track = mido.MidiTrack()
    file.tracks.append(track)
    channel = DRUM_CHANNEL if player.piece else 0
    if not player.piece:
        track.append(mido.Message("program_change", channel=channel, program=int(rng.choice(_programs(player.role)))))
    keys = DRUM_KEYS.get(player.piece, ())
    key = int(rng.choice(keys)) if keys else None
    events = []
    for note in notes:
        pitch = key if key is not None else round(69.0 + 12.0 * math.log2(note.frequency_hz / 440.0))
        velocity = int(np.clip(round(127.0 * note.velocity), 1, 127))
        start = max(0.0, note.start_s - _ATTACK_DELAY_S)
        events.append((start, "note_on", pitch, velocity))
        events.append((start + max(note.duration_s, 0.03), "note_off", pitch, 0))
    now = 0
    # a note that ends where the next one of its pitch starts must end first
    for time_s, kind, pitch, velocity in sorted(events, key=lambda event: (event[0], event[1] == "note_on")):
        tick = round(time_s * _TICKS_PER_S)
        message = {"note": int(np.clip(pitch, 0, 127)), "velocity": velocity, "time": tick - now}
        track.append(mido.Message(kind, channel=channel, **message))
        now = tick
    return file


def _programs(role: str) -> tuple[int, ...]:
    matching = [(len(stem), programs) for stem, programs in PROGRAMS.items() if matches(stem, role)]
    return max(matching)[1] if matching else PROGRAMS["keys"]
