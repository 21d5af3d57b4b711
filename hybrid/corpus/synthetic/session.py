"""The recording session of the demo song: one track for every microphone or line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from hybrid.corpus.synthetic import drums, instruments
from hybrid.corpus.synthetic.composition import stream
from hybrid.corpus.synthetic.performance import LEAD_IN_S, Feel, Instrument, PlayedNote, perform, play
from hybrid.corpus.synthetic.phonetics import HIGH, LEAD, LOW, Singer
from hybrid.corpus.synthetic.score import Composition
from hybrid.corpus.synthetic.signals import (
    SAMPLE_RATE,
    FrequencyGrid,
    Response,
    Samples,
    bell,
    faded,
    filtered,
    grid_hz,
    high_pass,
    in_room,
    noise,
    padded_length,
    panned,
)
from hybrid.corpus.synthetic.voice import sing

Takes = dict[str, Float[np.ndarray, "_ time"]]  # one or two channels each

TAIL_S = 1.5  # after the last bar, faded out
FADE_MS = 1200.0

KIT: dict[str, Instrument] = {
    "kick": drums.kick,
    "snare": drums.snare,
    "hihat": drums.hihat,
    "toms": drums.tom,
    "crash": drums.crash,
    "tambourine": drums.tambourine,
}
# Position of each piece in the overheads: pan -1..1 and level in dB; by taste, from the drummer's view.
OVERHEADS = {
    "kick": (0.0, -8.0),
    "snare": (0.05, -1.0),
    "hihat": (-0.6, -4.0),
    "toms": (0.3, 0.0),
    "crash": (0.35, -13.0),
}
AIR_S = 1.2 / 343.0
TREMOLO_HZ, TREMOLO_DEPTH = 4.4, 0.35
EDIT_MARGIN_S, EDIT_FADE_S, RUMBLE_GAIN = 0.5, 0.02, 0.05
SNARE_BLEED_DB = {"kick": -34.0, "hihat": -38.0}

TIGHT = Feel(0.0, 3.5, 0.07)
FEELS = {
    "bass": Feel(5.0, 4.0, 0.06),
    "keys": Feel(4.0, 6.0, 0.08),
    "guitar": Feel(2.0, 7.0, 0.1),
    "pad": Feel(0.0, 8.0, 0.05),
    "lead": Feel(12.0, 10.0, 0.06),
    "backing_high": Feel(16.0, 12.0, 0.06),
    "backing_low": Feel(18.0, 12.0, 0.06),
}


@dataclass(frozen=True)
class _Studio:
    """A composition and its takes. Every take draws from a random stream of its own."""

    song: Composition
    seed: int

    @cached_property
    def n(self) -> int:
        arrangement = self.song.arrangement
        return round((LEAD_IN_S + arrangement.seconds(arrangement.length_beats) + TAIL_S) * SAMPLE_RATE)

    @cached_property
    def hz(self) -> FrequencyGrid:
        return grid_hz(padded_length(self.n))

    def rng(self, take: str) -> np.random.Generator:
        return stream(self.seed, take)

    def performed(self, part: str, take: str) -> list[PlayedNote]:
        feel = FEELS.get(part, TIGHT)
        return perform(self.song.score[part], self.song.arrangement, feel, self.rng(f"{take} feel"))

    def play(self, part: str, instrument: Instrument, take: str = "") -> Samples:
        return play(self.performed(part, part + take), instrument, self.n, self.rng(part + take))

    def sing(self, part: str, singer: Singer) -> Samples:
        return sing(self.performed(part, part), singer, self.n, self.rng(part))


def record(song: Composition, seed: int) -> Takes:
    """Every track of the session by name, without a balance; all fade out at the end."""
    studio = _Studio(song, seed)
    kit = {piece: studio.play(piece, instrument) for piece, instrument in KIT.items()}
    tracks = {
        "01_Kick": kit["kick"],
        "02_Snare": _with_bleed(kit),
        "03_HiHat": kit["hihat"],
        "04_Toms": kit["toms"],
        "05_Overheads": _overheads(kit, studio),
        "06_Tambourine": kit["tambourine"],
        "07_Bass": studio.play("bass", instruments.bass),
        "08_ElecPiano": _tremolo(studio.play("keys", instruments.electric_piano)),
        "09_Guitar1": _guitar_body(studio.play("guitar", instruments.guitar, " first take"), studio),
        "10_Guitar2": _guitar_body(studio.play("guitar", instruments.guitar, " second take"), studio),
        "11_Pad": filtered(studio.play("pad", instruments.pad), _boxy(studio.hz)),
        "12_LeadVox": _condenser(studio.sing("lead", LEAD), studio.hz) + _rumble(studio),
        "13_BackingVox1": in_room(studio.sing("backing_high", HIGH), studio.rng("booth"), 0.5, -12.0),
        "14_BackingVox2": in_room(studio.sing("backing_low", LOW), studio.rng("booth"), 0.5, -12.0),
    }
    return {name: faded(track, 1.0, FADE_MS) for name, track in tracks.items()}


def _with_bleed(kit: Takes) -> Samples:
    """The snare's microphone, with bleed of kick and hi-hat."""
    return kit["snare"] + sum(_gain(level_db) * kit[piece] for piece, level_db in SNARE_BLEED_DB.items())


def _overheads(kit: Takes, studio: _Studio) -> Samples:
    """A stereo pair above the kit in its room, delayed by 1.2 m of air against the close microphones."""
    stereo = np.zeros((2, studio.n))
    for piece, (pan, level_db) in OVERHEADS.items():
        source = kit[piece]
        stereo += _gain(level_db) * (source if len(source) == 2 else panned(source[0], pan))
    delay = round(AIR_S * SAMPLE_RATE)
    delayed = np.pad(stereo, [(0, 0), (delay, 0)])[:, : studio.n]
    return in_room(filtered(delayed, high_pass(studio.hz, 60.0)), studio.rng("drum room"), 0.45, -9.0)


def _tremolo(keys: Samples) -> Samples:
    """The electric piano through a stereo tremolo with opposite phases left and right."""
    swing = TREMOLO_DEPTH * np.sin(2.0 * np.pi * TREMOLO_HZ * np.arange(keys.shape[1]) / SAMPLE_RATE)
    return keys * np.stack([1.0 + swing, 1.0 - swing])


def _guitar_body(string: Samples, studio: _Studio) -> Samples:
    """The string with a flat-top's air and top-plate resonances (Fletcher and Rossing 1998, chapter 9)."""
    hz = studio.hz
    return filtered(string, bell(hz, 105.0, 5.0, 3.0) * bell(hz, 205.0, 4.0, 3.0) * high_pass(hz, 70.0))


def _condenser(voice: Samples, hz: FrequencyGrid) -> Samples:
    """The voice with a vocal microphone's presence peak of 4 dB."""
    return filtered(voice, bell(hz, 7000.0, 4.0, 0.6))


def _boxy(hz: FrequencyGrid) -> Response:
    """The flaw of the pad: a resonance of 7 dB at 380 Hz."""
    return bell(hz, 380.0, 7.0, 1.1) * high_pass(hz, 60.0)


def _rumble(studio: _Studio) -> Samples:
    """The flaw of the voice: rumble of the floor, in the regions around its notes that the editor left open."""
    t = np.arange(0.0, studio.n / SAMPLE_RATE + EDIT_FADE_S, EDIT_FADE_S)
    is_open = np.zeros(len(t))
    for note in studio.performed("lead", "lead"):
        is_open[(t > note.start_s - EDIT_MARGIN_S) & (t < note.end_s + EDIT_MARGIN_S)] = 1.0
    edit = np.interp(np.arange(studio.n) / SAMPLE_RATE, t, is_open)
    return (RUMBLE_GAIN * edit * noise(studio.n, studio.rng("rumble"), 22.0, 45.0))[None]


def _gain(level_db: float) -> float:
    return 10.0 ** (level_db / 20.0)
