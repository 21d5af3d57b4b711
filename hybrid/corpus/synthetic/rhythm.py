"""The drummer's and the bass player's parts. A pattern is one bar of sixteenths, one letter each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hybrid.corpus.synthetic.score import BEATS_PER_BAR, STEPS_PER_BEAT, Arrangement, Bar, Note

# X accent, x stroke, g ghost note, o open hi-hat, s optional stroke; all by taste.
VELOCITIES = {"X": 1.0, "x": 0.78, "g": 0.28, "o": 0.85, "s": 0.55}
OPTIONAL_PROBABILITY = 0.4
CLOSED_BEATS, OPEN_BEATS = 0.12, 0.8

EMPTY_BAR = "." * 16
Patterns = dict[str, dict[str, tuple[str, ...]]]
"""Bars to choose from, by part and section."""
PATTERNS: Patterns = {
    "kick": {
        "verse": ("X.....s.x.x.....", "X.......x.x...s.", "X..x....x......s"),
        "chorus": ("X..x..x.X.x...s.", "X...s.x.X.x..x..", "X..x....X.x...x."),
        "ending": ("X...............",),
    },
    "snare": {
        "verse": ("....X..g....X..s", "....X....g..X...", "....X.......X.g."),
        "chorus": ("....X..g.g..X..g", "....X....s..X.g.", "....X..s....X..s"),
        "ending": ("X...............",),
    },
    "hihat": {
        "intro": ("x...x...x...x...",),
        "verse": ("X.x.X.x.X.x.X.x.", "X.xsX.x.X.x.X.xs", "X.x.X.xgX.x.X.xg"),
        "chorus": ("X.x.X.x.X.x.X.o.", "X.xgX.xgX.xgX.o.", "X.o.X.x.X.x.X.o."),
        "ending": ("o...............",),
    },
    "tambourine": {"chorus": ("g.x.X.x.g.x.X.x.", "g.xgX.xgg.xgX.xg", "....X.......X.x.")},
}
FILLS = {
    "snare": ("..........xxX.x.", "........g.x.X.xx", "............Xgxx"),
    "toms": ("..........321.", "........3..2.11.", "..........3.2.1."),
}
SAME_GROOVE = {"lift": "chorus", "outro": "chorus"}
TOM_PITCHES = {"3": 50, "2": 45, "1": 40}  # D3, A2, E2: rack, middle and floor tom
DRUM_PITCHES = {"kick": 31, "snare": 55, "hihat": 69, "tambourine": 69, "crash": 69, "clap": 69, "shaker": 69}

LOWEST_BASS = 28  # E1, the open string of an electric bass
BASS_STACCATO = 0.92


def write_drums(
    arrangement: Arrangement, rng: np.random.Generator, patterns: Patterns = PATTERNS
) -> dict[str, tuple[Note, ...]]:
    """The parts of the kit. The last bar of a section ends in a fill; the next starts with a crash."""
    parts = {part: _groove(arrangement, part, patterns[part], rng) for part in patterns}
    parts["toms"] = tuple(_tom_fills(arrangement, rng))
    parts["crash"] = tuple(
        Note(bar.start_beats, 6.0, DRUM_PITCHES["crash"], 0.9) for bar in arrangement.bars("crash") if bar.opens_section
    )
    return parts


def write_bass(arrangement: Arrangement, kick: tuple[Note, ...], rng: np.random.Generator) -> tuple[Note, ...]:
    """Roots on the strokes of the kick, and a step towards the next root at the end of most bars."""
    return tuple(note for bar in arrangement.bars("bass") for note in _bass_bar(arrangement, bar, kick, rng))


def _groove(
    arrangement: Arrangement, part: str, bars: dict[str, tuple[str, ...]], rng: np.random.Generator
) -> tuple[Note, ...]:
    chosen = {name: str(rng.choice(patterns)) for name, patterns in bars.items()}
    fill = str(rng.choice(FILLS["snare"]))
    filled = {bar.start_beats for bar in arrangement.bars("toms") if bar.closes_section}
    notes: list[Note] = []
    for bar in arrangement.bars(part):
        pattern = chosen.get(SAME_GROOVE.get(bar.section, bar.section), EMPTY_BAR)
        if part == "snare" and bar.start_beats in filled:
            pattern = _overlay(pattern, fill)
        notes += _strokes(bar.start_beats, pattern, DRUM_PITCHES[part], rng)
    return tuple(notes)


def _overlay(pattern: str, fill: str) -> str:
    """The pattern up to the fill's first stroke, the fill from there on."""
    entry = len(fill) - len(fill.lstrip("."))
    return pattern[:entry] + fill[entry:]


def _strokes(start_beats: float, pattern: str, pitch: int, rng: np.random.Generator) -> Iterator[Note]:
    for step, letter in enumerate(pattern):
        if letter == "." or (letter == "s" and rng.random() > OPTIONAL_PROBABILITY):
            continue
        duration = OPEN_BEATS if letter == "o" else CLOSED_BEATS
        yield Note(start_beats + step / STEPS_PER_BEAT, duration, pitch, VELOCITIES[letter])


def _tom_fills(arrangement: Arrangement, rng: np.random.Generator) -> Iterator[Note]:
    for bar in arrangement.bars("toms"):
        if not bar.closes_section:
            continue
        for step, letter in enumerate(str(rng.choice(FILLS["toms"]))):
            if letter in TOM_PITCHES:
                start = bar.start_beats + step / STEPS_PER_BEAT
                yield Note(start, 1.5, TOM_PITCHES[letter], float(rng.uniform(0.75, 1.0)))


def _bass_bar(arrangement: Arrangement, bar: Bar, kick: tuple[Note, ...], rng: np.random.Generator) -> list[Note]:
    end = bar.start_beats + BEATS_PER_BAR
    starts = [note.start_beats for note in kick if bar.start_beats <= note.start_beats < end]
    starts = starts or [bar.start_beats]
    root, following = (bass_pitch(arrangement, chord.root) for chord in (bar.chord, bar.next_chord))
    notes = [Note(start, 0.0, root, 0.9 if start == bar.start_beats else 0.75) for start in starts]
    if root != following and starts[-1] < end - 0.5 and rng.random() < 0.7:
        notes.append(Note(end - 0.5, 0.0, _step_towards(arrangement, root, following), 0.65))
    ends = [note.start_beats for note in notes[1:]] + [end]
    return [
        note._replace(duration_beats=BASS_STACCATO * (stop - note.start_beats))
        for note, stop in zip(notes, ends, strict=True)
    ]


def bass_pitch(arrangement: Arrangement, root: int) -> int:
    """MIDI pitch of a root in the lowest octave of the instrument."""
    return LOWEST_BASS + (arrangement.key.pitch(root) - LOWEST_BASS) % 12


def _step_towards(arrangement: Arrangement, pitch: int, target: int) -> int:
    """MIDI pitch of the scale tone next to `target` on the side of `pitch`."""
    degree = arrangement.key.degree_near(target)
    return arrangement.key.pitch(degree - 1 if pitch < target else degree + 1)
