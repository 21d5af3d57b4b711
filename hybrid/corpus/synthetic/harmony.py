"""The chordal parts: electric piano, guitar and pad."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hybrid.corpus.synthetic.score import STEPS_PER_BEAT, Arrangement, Bar, Note

Comping = dict[str, tuple[tuple[int, ...], ...]]
# Onsets of the chords by section, in sixteenths; each is held to the next. By taste.
COMPING: Comping = {
    "intro": ((0, 8), (0, 6)),
    "verse": ((0, 6), (0, 10), (0, 6, 11)),
    "chorus": ((0, 3, 6, 10, 14), (0, 4, 6, 10, 12), (0, 6, 8, 14)),
    "ending": ((0,),),
}
SAME_COMPING = {"lift": "chorus", "outro": "chorus"}
ARPEGGIOS = ((0, 2, 3, 4, 2, 3, 4, 3), (0, 1, 2, 3, 4, 3, 2, 1), (0, 3, 2, 4, 1, 3, 2, 4))
KEYS_CENTRE, PAD_CENTRE, GUITAR_CENTRE = 62.0, 58.0, 57.0
STRUM_BEATS = 0.04


class KeysManner(NamedTuple):
    """How chords are comped."""

    centre: float = KEYS_CENTRE
    """MIDI pitch around which they are voiced."""
    comping: Comping = COMPING
    """Their possible onsets, by section."""
    held_share: float = 0.9
    """Share of the time to the next chord for which a chord is held."""


KEYS_MANNER = KeysManner()


def write_keys(
    arrangement: Arrangement, rng: np.random.Generator, part: str = "keys", manner: KeysManner = KEYS_MANNER
) -> tuple[Note, ...]:
    """Voice-led chords in a random rhythm for each kind of section."""
    centre, comping, held_share = manner
    rhythms = {name: rhythm[int(rng.integers(len(rhythm)))] for name, rhythm in comping.items()}
    bars = arrangement.bars(part)
    notes: list[Note] = []
    for bar, voicing in zip(bars, voicings(arrangement, bars, centre), strict=True):
        steps = rhythms[SAME_COMPING.get(bar.section, bar.section)]
        for step, stop in zip(steps, (*steps[1:], 16), strict=True):
            start, held = bar.start_beats + step / STEPS_PER_BEAT, held_share * (stop - step) / STEPS_PER_BEAT
            velocity = float(rng.uniform(0.6, 0.75)) + (0.15 if step == 0 else 0.0)
            notes += (Note(start, held, pitch, velocity) for pitch in voicing)
    return tuple(notes)


def write_pad(arrangement: Arrangement, part: str = "pad", centre: float = PAD_CENTRE) -> tuple[Note, ...]:
    """Voice-led chords of a whole bar each."""
    bars = arrangement.bars(part)
    return tuple(
        Note(bar.start_beats, 4.0, pitch, 0.8)
        for bar, voicing in zip(bars, voicings(arrangement, bars, centre), strict=True)
        for pitch in voicing
    )


def write_guitar(
    arrangement: Arrangement, rng: np.random.Generator, part: str = "guitar", centre: float = GUITAR_CENTRE
) -> tuple[Note, ...]:
    """Broken chords in overlapping eighths; the last bar is one slow strum."""
    figure = ARPEGGIOS[int(rng.integers(len(ARPEGGIOS)))]
    bars = arrangement.bars(part)
    notes: list[Note] = []
    for bar, voicing in zip(bars, voicings(arrangement, bars, centre), strict=True):
        # up to five strings: the lowest tone also an octave below and above
        strings = (voicing[0] - 12, *voicing, voicing[0] + 12)[:5]
        notes += _strum(bar, strings) if bar.section == "ending" else _arpeggio(bar, strings, figure)
    return tuple(notes)


def voicings(arrangement: Arrangement, bars: list[Bar], centre: float) -> list[tuple[int, ...]]:
    """MIDI pitches of each bar's chord in close position, in the inversion that moves least from the chord before."""
    chosen: list[tuple[int, ...]] = []
    for bar in bars:
        pitches = [arrangement.key.pitch(degree) for degree in bar.chord.degrees]
        inversions = [_inversion(pitches, turn, octave) for turn in range(len(pitches)) for octave in (-2, -1, 0, 1)]
        before = chosen[-1] if chosen else ()
        chosen.append(min(inversions, key=lambda voicing: _voice_leading_cost(voicing, before, centre)))
    return chosen


def _inversion(pitches: list[int], turn: int, octave: int) -> tuple[int, ...]:
    """Close position with the first `turn` tones an octave up."""
    return tuple(sorted(pitch + 12 * (octave + (index < turn)) for index, pitch in enumerate(pitches)))


def _voice_leading_cost(voicing: tuple[int, ...], before: tuple[int, ...], centre: float) -> float:
    """Semitones moved from the chord before, plus the distance from the centre of the part's register."""
    moved = sum(min(abs(pitch - old) for old in before) for pitch in voicing) if before else 0.0
    return moved + abs(float(np.mean(voicing)) - centre)


def _arpeggio(bar: Bar, strings: tuple[int, ...], figure: tuple[int, ...]) -> Iterator[Note]:
    for eighth, string in enumerate(figure):
        velocity = 0.85 if eighth % 4 == 0 else 0.65
        yield Note(bar.start_beats + 0.5 * eighth, 1.4, strings[string], velocity)


def _strum(bar: Bar, strings: tuple[int, ...]) -> Iterator[Note]:
    for order, pitch in enumerate(strings):
        yield Note(bar.start_beats + order * STRUM_BEATS, 4.0, pitch, 0.8)
