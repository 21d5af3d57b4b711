"""The sung parts: a lead melody over the chords, its words, and two harmonies that follow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hybrid.corpus.synthetic.score import Bar, Chord, Note, Plan

PHRASE_BARS = 2


class Rhythm(NamedTuple):
    """A phrase of two bars: where its notes start and how long they are held, in beats."""

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
BOLDNESS = 0.7  # how far a note follows the contour rather than the note before
MONOTONY = 1.5  # degrees: what singing the same tone a third time counts as

CONSONANTS = ("s", "sh", "t", "k", "m", "n", "l", "h", "f", "")
VOWELS = ("a", "e", "i", "o", "u")


def write_lead(plan: Plan, rng: np.random.Generator, part: str = "lead", octaves: int = 0) -> tuple[Note, ...]:
    """One rhythm, contour and line of words per kind of section; every phrase repeats and adapts them."""
    ideas = {name: _idea(rhythms, rng) for name, rhythms in RHYTHMS.items()}
    bars = plan.bars(part)
    notes: list[Note] = []
    for first in range(0, len(bars), PHRASE_BARS):
        phrase = bars[first : first + PHRASE_BARS]
        tune = SAME_TUNE.get(phrase[0].section, phrase[0].section)
        notes += _phrase(plan, phrase, ideas[tune], CENTRES[tune] + 12 * octaves)
    return tuple(notes)


def write_harmony(plan: Plan, lead: Sequence[Note], part: str, reach: int) -> tuple[Note, ...]:
    """The lead's words `reach` degrees away, moved to the nearest chord tone wherever a note is held."""
    notes = []
    for bar in plan.bars(part):
        for note in lead:
            if bar.start_beats <= note.start_beats < bar.start_beats + 4:
                degree = plan.key.degree_near(note.pitch) + reach
                tone = _tone(bar.chord, float(degree), []) if _is_strong(note) else degree
                notes.append(note._replace(pitch=plan.key.pitch(tone), velocity=0.9 * note.velocity))
    return tuple(notes)


class _Idea(NamedTuple):
    rhythm: Rhythm
    contour: tuple[int, ...]
    words: tuple[str, ...]


def _idea(rhythms: tuple[Rhythm, ...], rng: np.random.Generator) -> _Idea:
    rhythm = rhythms[int(rng.integers(len(rhythms)))]
    contour = CONTOURS[int(rng.integers(len(CONTOURS)))]
    words = tuple(str(rng.choice(CONSONANTS)) + str(rng.choice(VOWELS)) for _ in rhythm.starts)
    return _Idea(rhythm, contour, words)


def _phrase(plan: Plan, bars: list[Bar], idea: _Idea, centre: int) -> list[Note]:
    home = plan.key.degree_near(centre)
    notes = [
        Note(bars[0].start_beats + start, length, 0, 0.8, word)
        for start, length, word in zip(idea.rhythm.starts, idea.rhythm.lengths, idea.words, strict=True)
    ]
    chords = [bars[min(int(start // 4), len(bars) - 1)].chord for start in idea.rhythm.starts]
    degrees = _tune(notes, chords, _contour(idea, home))
    return [
        note._replace(pitch=plan.key.pitch(degree), velocity=0.9 if _is_strong(note) else 0.75)
        for note, degree in zip(notes, degrees, strict=True)
    ]


def _contour(idea: _Idea, home: int) -> list[float]:
    """The degree that each note of the phrase aims at."""
    places = np.linspace(0.0, 8.0, len(idea.contour))
    return [home + float(np.interp(start, places, idea.contour)) for start in idea.rhythm.starts]


def _tune(notes: list[Note], chords: list[Chord], aims: list[float]) -> list[int]:
    """Chord tones on strong notes and at the end; the others step along the scale between them."""
    strong = [_is_strong(note) or index == len(notes) - 1 for index, note in enumerate(notes)]
    degrees: list[int] = []
    for index in range(len(notes)):
        ahead = next(place for place in range(index, len(notes)) if strong[place])
        goal = _tone(chords[ahead], aims[ahead], degrees)
        before = degrees[-1] if degrees else goal
        degrees.append(goal if strong[index] else before + (int(np.sign(goal - before)) or 1))
    return degrees


def _tone(chord: Chord, aim: float, sung: list[int]) -> int:
    """The chord tone that best keeps to the contour, moves little and does not drone."""

    def cost(tone: int) -> float:
        if not sung:
            return abs(tone - aim)
        drone = MONOTONY * (sung[-2:] == [tone, tone])
        return BOLDNESS * abs(tone - aim) + (1.0 - BOLDNESS) * abs(tone - sung[-1]) + drone

    return min(chord.tones_near(round(aim)), key=cost)


def _is_strong(note: Note) -> bool:
    """A note that the ear hears against the chord: on a beat or held."""
    return note.start_beats % 1 == 0 or note.duration_beats >= 0.9
