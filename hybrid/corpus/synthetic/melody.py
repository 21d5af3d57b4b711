"""The sung parts: a lead melody over the chords, its words, and harmonies that follow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hybrid.corpus.synthetic.score import Arrangement, Bar, Chord, Note

PHRASE_BARS = 2


class Rhythm(NamedTuple):
    """A phrase of two bars: onsets and lengths of its notes, in beats."""

    starts: tuple[float, ...]
    lengths: tuple[float, ...]


RHYTHMS: dict[str, tuple[Rhythm, ...]] = {
    "verse": (
        Rhythm((0.5, 1, 1.5, 2.5, 3, 3.5, 4.5, 5, 5.5), (0.5, 0.5, 0.9, 0.5, 0.5, 0.9, 0.5, 0.5, 1.4)),
        Rhythm((0, 0.75, 1.5, 2, 3, 4, 4.75, 5.5), (0.7, 0.7, 0.5, 0.9, 0.9, 0.7, 0.7, 1.3)),
        Rhythm((0.5, 1, 2, 2.5, 3.5, 4.5, 5.5), (0.5, 0.9, 0.5, 0.9, 0.9, 0.9, 1.4)),
    ),
    "chorus": (
        Rhythm((0, 1.5, 2, 3.5, 4, 6), (1.4, 0.5, 1.4, 0.5, 1.9, 1.1)),
        Rhythm((0, 1, 1.5, 2.5, 4, 5, 5.5), (0.9, 0.5, 0.9, 1.3, 0.9, 0.5, 1.6)),
        Rhythm((0, 1.5, 3, 4, 5.5), (1.4, 1.4, 0.9, 1.4, 1.5)),
    ),
}
# Rise over a phrase in scale degrees: arch, fall, wave, climb. By taste.
CONTOURS = ((0, 2, 4, 2, 0), (4, 3, 1, 0, -1), (0, 3, 0, 4, 1), (-2, 0, 2, 4, 2))
CENTRES = {"verse": 60, "chorus": 65}  # MIDI: the chorus sits a fourth above the verse
SAME_TUNE = {"lift": "chorus", "intro": "verse", "outro": "chorus", "ending": "chorus"}
CONTOUR_WEIGHT = 0.7  # of the distance to the contour, against the distance to the note before
REPETITION_COST = 1.5  # in degrees, of a tone that is sung a third time in a row

CONSONANTS = ("s", "sh", "t", "k", "m", "n", "l", "h", "f", "")
VOWELS = ("a", "e", "i", "o", "u")


def write_lead(
    arrangement: Arrangement, rng: np.random.Generator, part: str = "lead", octaves: int = 0
) -> tuple[Note, ...]:
    """The lead melody: one motif per kind of section, adapted to the chords in every phrase."""
    motifs = {name: _make_motif(rhythms, rng) for name, rhythms in RHYTHMS.items()}
    bars = arrangement.bars(part)
    notes: list[Note] = []
    for first in range(0, len(bars), PHRASE_BARS):
        phrase = bars[first : first + PHRASE_BARS]
        tune = SAME_TUNE.get(phrase[0].section, phrase[0].section)
        notes += _phrase(arrangement, phrase, motifs[tune], CENTRES[tune] + 12 * octaves)
    return tuple(notes)


def write_harmony(arrangement: Arrangement, lead: Sequence[Note], part: str, interval: int) -> tuple[Note, ...]:
    """The lead `interval` scale degrees away with the same words; strong notes move to the nearest chord tone."""
    notes = []
    for bar in arrangement.bars(part):
        for note in lead:
            if bar.start_beats <= note.start_beats < bar.start_beats + 4:
                degree = arrangement.key.degree_near(note.pitch) + interval
                tone = _tone(bar.chord, float(degree), []) if _is_strong(note) else degree
                notes.append(note._replace(pitch=arrangement.key.pitch(tone), velocity=0.9 * note.velocity))
    return tuple(notes)


class _Motif(NamedTuple):
    """Rhythm, contour and words that the phrases of a kind of section share."""

    rhythm: Rhythm
    contour: tuple[int, ...]
    words: tuple[str, ...]


def _make_motif(rhythms: tuple[Rhythm, ...], rng: np.random.Generator) -> _Motif:
    rhythm = rhythms[int(rng.integers(len(rhythms)))]
    contour = CONTOURS[int(rng.integers(len(CONTOURS)))]
    words = tuple(str(rng.choice(CONSONANTS)) + str(rng.choice(VOWELS)) for _ in rhythm.starts)
    return _Motif(rhythm, contour, words)


def _phrase(arrangement: Arrangement, bars: list[Bar], motif: _Motif, centre: int) -> list[Note]:
    home = arrangement.key.degree_near(centre)
    notes = [
        Note(bars[0].start_beats + start, length, 0, 0.8, word)
        for start, length, word in zip(motif.rhythm.starts, motif.rhythm.lengths, motif.words, strict=True)
    ]
    chords = [bars[min(int(start // 4), len(bars) - 1)].chord for start in motif.rhythm.starts]
    degrees = _tune(notes, chords, _contour(motif, home))
    return [
        note._replace(pitch=arrangement.key.pitch(degree), velocity=0.9 if _is_strong(note) else 0.75)
        for note, degree in zip(notes, degrees, strict=True)
    ]


def _contour(motif: _Motif, home: int) -> list[float]:
    """The scale degree of the contour at each note of the phrase."""
    beats = np.linspace(0.0, 8.0, len(motif.contour))
    return [home + float(np.interp(start, beats, motif.contour)) for start in motif.rhythm.starts]


def _tune(notes: list[Note], chords: list[Chord], contour: list[float]) -> list[int]:
    """Scale degrees of the notes: chord tones on strong notes and at the end, steps along the scale between them."""
    strong = [_is_strong(note) or index == len(notes) - 1 for index, note in enumerate(notes)]
    degrees: list[int] = []
    for index in range(len(notes)):
        next_strong = next(later for later in range(index, len(notes)) if strong[later])
        goal = _tone(chords[next_strong], contour[next_strong], degrees)
        before = degrees[-1] if degrees else goal
        degrees.append(goal if strong[index] else before + (int(np.sign(goal - before)) or 1))
    return degrees


def _tone(chord: Chord, aim: float, before: list[int]) -> int:
    """The chord tone with the least cost of distance to the contour, of movement, and of repetition."""

    def cost(tone: int) -> float:
        if not before:
            return abs(tone - aim)
        repetition = REPETITION_COST * (before[-2:] == [tone, tone])
        return CONTOUR_WEIGHT * abs(tone - aim) + (1.0 - CONTOUR_WEIGHT) * abs(tone - before[-1]) + repetition

    return min(chord.tones_near(round(aim)), key=cost)


def _is_strong(note: Note) -> bool:
    """Whether a note is perceived against the chord: on a beat, or held for most of a beat."""
    return note.start_beats % 1 == 0 or note.duration_beats >= 0.9
