"""A song on paper: key, chords, sections and notes. Time is in beats; a bar has four; nothing here sounds."""

from __future__ import annotations

from typing import Literal, NamedTuple

BEATS_PER_BAR = 4
STEPS_PER_BEAT = 4
MIDDLE_C = 60
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


class Note(NamedTuple):
    """One note of one part; `pitch` is a MIDI number (69 is A4), `velocity` lies in 0..1."""

    start_beats: float
    duration_beats: float
    pitch: int
    velocity: float
    syllable: str = ""

    @property
    def end_beats(self) -> float:
        """Where the note is let go."""
        return self.start_beats + self.duration_beats


class Key(NamedTuple):
    """A diatonic key. Degrees are unbounded integers: 0 is the tonic nearest middle C, 7 its octave."""

    tonic: int  # semitones from middle C, -6 to 5
    mode: Literal["major", "minor"]

    def pitch(self, degree: int) -> int:
        """MIDI number of a scale degree."""
        octave, step = divmod(degree, 7)
        return MIDDLE_C + self.tonic + 12 * octave + SCALES[self.mode][step]

    def degree_near(self, pitch: int) -> int:
        """The scale degree that lies closest to a MIDI number; of two, the lower."""
        return min(range(-35, 36), key=lambda degree: abs(self.pitch(degree) - pitch))


class Chord(NamedTuple):
    """Thirds stacked on a degree of the scale: three tones are a triad, four a seventh chord."""

    root: int
    size: int = 3

    @property
    def degrees(self) -> tuple[int, ...]:
        """Its tones from the root upwards."""
        return tuple(self.root + 2 * third for third in range(self.size))

    def tones_near(self, degree: int) -> tuple[int, ...]:
        """The tones of its triad within an octave of `degree`, upwards."""
        tones = {tone % 7 for tone in self.degrees[:3]}
        return tuple(near for near in range(degree - 7, degree + 8) if near % 7 in tones)


class Section(NamedTuple):
    """A stretch of the song: its chords, one per bar, and the parts that play in it."""

    name: str
    chords: tuple[Chord, ...]
    parts: frozenset[str]


class Bar(NamedTuple):
    """One bar, with what a player needs to know of its surroundings."""

    start_beats: float
    section: str
    chord: Chord
    next_chord: Chord
    opens_section: bool
    closes_section: bool


class Plan(NamedTuple):
    """What the players agree on before they play."""

    key: Key
    tempo_bpm: float
    sections: tuple[Section, ...]

    def seconds(self, beats: float) -> float:
        """Where a beat lies in the song, in seconds."""
        return beats * 60.0 / self.tempo_bpm

    @property
    def length_beats(self) -> float:
        """The written length, without the last notes' tails."""
        return float(BEATS_PER_BAR * sum(len(section.chords) for section in self.sections))

    def bars(self, part: str) -> list[Bar]:
        """The bars in which `part` plays, in order."""
        chords = [chord for section in self.sections for chord in section.chords]
        bars, index = [], 0
        for section in self.sections:
            for position in range(len(section.chords)):
                if part in section.parts:
                    following = chords[min(index + 1, len(chords) - 1)]
                    last = position == len(section.chords) - 1
                    start = float(index * BEATS_PER_BAR)
                    bars.append(Bar(start, section.name, chords[index], following, position == 0, last))
                index += 1
        return bars


Score = dict[str, tuple[Note, ...]]


class Composition(NamedTuple):
    """A plan and every part's notes."""

    plan: Plan
    score: Score
