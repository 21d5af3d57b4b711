"""Performances of written notes: timing and touch of each player, and the sum of all notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from hybrid.corpus.synthetic.score import Arrangement, Note
from hybrid.corpus.synthetic.signals import SAMPLE_RATE, Samples, Tracks

LEAD_IN_S = 0.25  # silence before the first beat, so that early notes are not cut off
MAX_DEVIATION = 2.5  # of timing and touch, in standard deviations


class PlayedNote(NamedTuple):
    """A performed note, in seconds and hertz."""

    start_s: float
    duration_s: float
    frequency_hz: float
    velocity: float
    syllable: str

    @property
    def end_s(self) -> float:
        """Time of its release."""
        return self.start_s + self.duration_s


class Feel(NamedTuple):
    """Deviations of a player from the score: mean lag, spread of the timing, relative spread of the velocity."""

    lag_ms: float
    timing_ms: float
    touch: float


Instrument = Callable[[float, float, float, np.random.Generator], Tracks]


def perform(notes: Iterable[Note], arrangement: Arrangement, feel: Feel, rng: np.random.Generator) -> list[PlayedNote]:
    """The performed notes: timing and velocity are normally distributed around those of the score."""
    played = []
    for note in notes:
        late, uneven = np.clip(rng.standard_normal(2), -MAX_DEVIATION, MAX_DEVIATION)
        start_s = LEAD_IN_S + arrangement.seconds(note.start_beats) + 1e-3 * (feel.lag_ms + feel.timing_ms * late)
        velocity = float(np.clip(note.velocity * (1.0 + feel.touch * uneven), 0.05, 1.0))
        frequency_hz = 440.0 * 2.0 ** ((note.pitch - 69.0) / 12.0)
        length_s = arrangement.seconds(note.duration_beats)
        played.append(PlayedNote(float(start_s), length_s, frequency_hz, velocity, note.syllable))
    return played


def play(notes: Sequence[PlayedNote], instrument: Instrument, n: int, rng: np.random.Generator) -> Samples:
    """`n` samples of all notes of one instrument, each rendered anew; one channel for mono instruments."""
    out = np.zeros((1, n))
    for note in notes:
        sound = np.atleast_2d(instrument(note.frequency_hz, note.duration_s, note.velocity, rng))
        if sound.shape[0] > out.shape[0]:
            out = np.repeat(out, sound.shape[0], axis=0)
        start = round(note.start_s * SAMPLE_RATE)
        stop = min(start + sound.shape[1], n)
        out[:, start:stop] += sound[:, : stop - start]
    return out
