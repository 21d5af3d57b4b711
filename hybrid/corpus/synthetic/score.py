"""The score of a song: key, chords, sections and notes. Time is in beats; a bar has four."""

from __future__ import annotations

from typing import Literal, NamedTuple

BEATS_PER_BAR = 4
STEPS_PER_BEAT = 4
MIDDLE_C = 60
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


class Note(NamedTuple):
    """A note of a part; `pitch` is a MIDI number (69 is A4), `velocity` is from 0 to 1."""

    start_beats: float
    duration_beats: float
    pitch: int
    velocity: float
    syllable: str = ""

    @property
    def end_beats(self) -> float:
        """Beat of its release."""
        return self.start_beats + self.duration_beats


class MusicalKey(NamedTuple):
    """A diatonic key. Degrees are unbounded integers: 0 is the tonic nearest middle C, 7 its octave."""

    tonic: int  # semitones from middle C, -6 to 5
    mode: Literal["major", "minor"]

    def pitch(self, degree: int) -> int:
        """MIDI pitch of a scale degree."""
        octave, step = divmod(degree, 7)
        return MIDDLE_C + self.tonic + 12 * octave + SCALES[self.mode][step]

    def degree_near(self, pitch: int) -> int:
        """The scale degree nearest to a MIDI pitch; of two, the lower."""
        return min(range(-35, 36), key=lambda degree: abs(self.pitch(degree) - pitch))


class Chord(NamedTuple):
    """A chord of stacked thirds on a scale degree: three tones are a triad, four a seventh chord."""

    root: int
    size: int = 3

    @property
    def degrees(self) -> tuple[int, ...]:
        """Scale degrees of its tones from the root upwards."""
        return tuple(self.root + 2 * third for third in range(self.size))

    def tones_near(self, degree: int) -> tuple[int, ...]:
        """Scale degrees of the tones of its triad within an octave of `degree`, upwards."""
        tones = {tone % 7 for tone in self.degrees[:3]}
        return tuple(near for near in range(degree - 7, degree + 8) if near % 7 in tones)


class SongSection(NamedTuple):
    """A section of the song: its chords, one per bar, and the parts that play in it."""

    name: str
    chords: tuple[Chord, ...]
    parts: frozenset[str]


class Bar(NamedTuple):
    """A bar of a part, with its section and the next chord."""

    start_beats: float
    section: str
    chord: Chord
    next_chord: Chord
    opens_section: bool
    closes_section: bool


class Arrangement(NamedTuple):
    """Key, tempo and sections that all parts share."""

    key: MusicalKey
    tempo_bpm: float
    sections: tuple[SongSection, ...]

    def seconds(self, beats: float) -> float:
        """Time of a beat, in seconds."""
        return beats * 60.0 / self.tempo_bpm

    @property
    def length_beats(self) -> float:
        """Length of all bars, in beats."""
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
    """An arrangement and the notes of every part."""

    arrangement: Arrangement
    score: Score
