"""The song of a seed: style, players, score, and a take for every part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hybrid.corpus.synthetic.composition import CHORUSES, VERSES, progression, stream
from hybrid.corpus.synthetic.harmony import KeysManner, write_guitar, write_keys, write_pad
from hybrid.corpus.synthetic.melody import write_harmony, write_lead
from hybrid.corpus.synthetic.performance import LEAD_IN_S, Feel, PlayedNote, perform, play
from hybrid.corpus.synthetic.phonetics import HIGH, LEAD, LOW, Singer
from hybrid.corpus.synthetic.rhythm import bass_pitch, write_bass, write_drums
from hybrid.corpus.synthetic.score import BEATS_PER_BAR, Arrangement, Chord, MusicalKey, Note, SongSection
from hybrid.corpus.synthetic.session import FADE_MS, TAIL_S
from hybrid.corpus.synthetic.signals import SAMPLE_RATE, Samples, faded, in_room, panned
from hybrid.corpus.synthetic.styles import STYLES, Player, Style
from hybrid.corpus.synthetic.voice import sing

BARS = (2, 4, 4, 2)
"""Numbers of bars of the intro, the verse, the chorus and the ending: 20 to 45 s."""
WHOLE_KIT_PROBABILITY, ROOM_PROBABILITY, KIT_WIDTH = 0.25, 0.3, 0.6
"""Probability of a kit on one track and of a take in an audible room; pan of the outermost pieces of a whole kit."""
MALE_LEAD_PROBABILITY, DOUBLING_PROBABILITY = 0.45, 0.15
"""Probability of a male lead voice, an octave lower, and of a second take of a part that is no piece of the kit."""
BASS_LINES = ("bass", "roots", "walking")
_DOUBLED = " again"
SINGER = Player(("LeadVox", "Vox", "vocal main"), "vocal.lead", "tune", None, 1.0)


class BackingVoice(NamedTuple):
    """A backing voice: its track, its singer, and its interval to the lead in scale degrees; 0 doubles the lead."""

    player: Player
    singer: Singer
    interval: int


BACKING = {
    "backing high": BackingVoice(
        Player(("BackingVox1", "BV high", "harm 1"), "vocal.backing", "tune", None, 0.8), HIGH, 2
    ),
    "backing low": BackingVoice(
        Player(("BackingVox2", "BV low", "harm 2"), "vocal.backing", "tune", None, 0.6), LOW, -3
    ),
    "backing high twice": BackingVoice(
        Player(("BackingVox3", "BV high dbl"), "vocal.backing", "tune", None, 0.35), HIGH, 2
    ),
    "backing low twice": BackingVoice(
        Player(("BackingVox4", "BV low dbl"), "vocal.backing", "tune", None, 0.35), LOW, -3
    ),
    "backing top": BackingVoice(Player(("BackingVox5", "BV top"), "vocal.backing", "tune", None, 0.3), HIGH, 4),
    "lead twice": BackingVoice(Player(("LeadVox dbl", "Vox double"), "vocal.backing", "tune", None, 0.3), LEAD, 0),
}


class Take(NamedTuple):
    """The recording of one part: a track before it is degraded."""

    name: str
    role: str
    samples: Float[np.ndarray, "channel time"]


def style_of(seed: int) -> Style:
    """The style of the song of a seed."""
    return STYLES[int(stream(seed, "style").integers(len(STYLES)))]


PlayPart = Callable[[Player, Sequence[PlayedNote], int, np.random.Generator], Samples]
"""Renders the notes of a part: player, notes, number of samples, random generator."""


def synthesise(player: Player, notes: Sequence[PlayedNote], n: int, rng: np.random.Generator) -> Samples:
    """`n` samples of a part on the program's own instruments."""
    assert player.instrument is not None
    return play(notes, player.instrument, n, rng)


def play_band(seed: int, play_part: PlayPart = synthesise) -> list[Take]:
    """All takes of the song of a seed, of one length; levels are not balanced."""
    style, rng = style_of(seed), stream(seed, "band")
    players = [player for player in style.players if rng.random() < player.probability]
    parts = {f"{index} {player.role}": player for index, player in enumerate(players)}
    doubled = [part for part, player in parts.items() if not player.piece and rng.random() < DOUBLING_PROBABILITY]
    # a doubled bass would only blur: bass lines are left out
    parts |= {f"{part}{_DOUBLED}": parts[part] for part in doubled if parts[part].line not in BASS_LINES}
    sings, backs = rng.random() < style.voices[0], rng.random() < style.voices[1]
    if sings:
        parts["lead"] = SINGER
        parts |= {
            name: voice.player for name, voice in BACKING.items() if backs and rng.random() < voice.player.probability
        }
    arrangement = _arrange(style, parts, stream(seed, "plan"))
    score = _score(style, arrangement, parts, seed)
    takes = [
        Take(
            _name(index, parts[part], rng),
            parts[part].role,
            _take(arrangement, part, parts[part], score[part], seed, play_part),
        )
        for index, part in enumerate(part for part in parts if score[part])
    ]
    return list(_merge_kit(takes)) if rng.random() < WHOLE_KIT_PROBABILITY else takes


def _arrange(style: Style, parts: dict[str, Player], rng: np.random.Generator) -> Arrangement:
    mode = "major" if rng.random() < 0.5 else "minor"
    tempo_bpm = float(rng.integers(style.tempo_bpm[0], style.tempo_bpm[1] + 1))
    verse, chorus = (
        progression(options[mode][int(rng.integers(len(options[mode])))]) for options in (VERSES, CHORUSES)
    )
    everyone = frozenset(parts)
    # parts that rest in the verse make their entry audible; every part plays in the chorus
    resting = frozenset(part for part in parts if rng.random() < 0.3)
    opening = frozenset(part for part in parts if rng.random() < 0.35) or everyone
    chords = (verse[: BARS[0]], verse[: BARS[1]], chorus[: BARS[2]], (Chord(0),) * BARS[3])
    playing = (opening, everyone - resting or everyone, everyone, everyone)
    names = ("intro", "verse", "chorus", "ending")
    sections = tuple(SongSection(*each) for each in zip(names, chords, playing, strict=True))
    return Arrangement(MusicalKey(int(rng.integers(-6, 6)), mode), tempo_bpm, sections)


def _score(style: Style, arrangement: Arrangement, parts: dict[str, Player], seed: int) -> dict[str, tuple[Note, ...]]:
    """The notes of every part, by the line of its player; the kit's pieces are written together."""
    kit = {part: player.piece for part, player in parts.items() if player.piece}
    pieces = write_drums(_renamed(arrangement, kit), stream(seed, "drums"), style.patterns)
    kick = pieces.get("kick", ())
    score: dict[str, tuple[Note, ...]] = {}
    for part, player in parts.items():
        if part.endswith(_DOUBLED):
            score[part] = score[part.removesuffix(_DOUBLED)]
            continue
        rng = stream(seed, part)
        if player.line == "kit":
            score[part] = pieces.get(kit[part], ())
        elif player.line in BASS_LINES:
            score[part] = _bass(_renamed(arrangement, {part: "bass"}), player.line, kick, rng)
        elif player.line == "comping":
            manner = KeysManner(62.0 + 12.0 * player.octaves, style.comping, rng.uniform(0.5, 0.95))
            score[part] = write_keys(arrangement, rng, part, manner)
        elif player.line == "pad":
            score[part] = write_pad(arrangement, part, 58.0 + 12.0 * player.octaves)
        elif player.line == "broken":
            score[part] = write_guitar(arrangement, rng, part, 57.0 + 12.0 * player.octaves)
        elif part in BACKING:
            # the lead precedes the backing voices among the parts, so it is written already
            score[part] = write_harmony(arrangement, score["lead"], part, BACKING[part].interval)
        else:
            octaves = player.octaves - (player is SINGER and _has_male_lead(seed))
            score[part] = write_lead(arrangement, rng, part, octaves)
    return score


def _renamed(arrangement: Arrangement, names: dict[str, str]) -> Arrangement:
    """The arrangement with other names of parts: those that the functions that write them expect."""
    return arrangement._replace(
        sections=tuple(
            section._replace(parts=frozenset(names.get(part, part) for part in section.parts))
            for section in arrangement.sections
        )
    )


def _bass(arrangement: Arrangement, line: str, kick: tuple[Note, ...], rng: np.random.Generator) -> tuple[Note, ...]:
    if line == "bass" and kick:
        return write_bass(arrangement, kick, rng)
    notes: list[Note] = []
    for bar in arrangement.bars("bass"):
        root, following = (bass_pitch(arrangement, chord.root) for chord in (bar.chord, bar.next_chord))
        step = 1.0 if line == "walking" else 0.5
        for index, start in enumerate(np.arange(0.0, BEATS_PER_BAR, step)):
            pitch = root
            if line == "walking":
                degree = arrangement.key.degree_near(root) + (0, 2, 4, 2 if following < root else 5)[index]
                pitch = arrangement.key.pitch(degree)
            notes.append(Note(bar.start_beats + float(start), 0.92 * step, pitch, 0.9 if index == 0 else 0.75))
    return tuple(notes)


def _take(
    arrangement: Arrangement, part: str, player: Player, notes: tuple[Note, ...], seed: int, play_part: PlayPart
) -> Samples:
    n = round((LEAD_IN_S + arrangement.seconds(arrangement.length_beats) + TAIL_S) * SAMPLE_RATE)
    rng = stream(seed, f"{part} take")
    feel = Feel(float(rng.uniform(0.0, 12.0)), float(rng.uniform(2.0, 10.0)), float(rng.uniform(0.04, 0.12)))
    played = perform(notes, arrangement, feel, rng)
    is_sung = player.instrument is None
    take = sing(played, _singer(part, seed), n, rng) if is_sung else play_part(player, played, n, rng)
    if rng.random() < ROOM_PROBABILITY:
        take = in_room(take, rng, float(rng.uniform(0.2, 0.8)), float(rng.uniform(-20.0, -8.0)))
    return faded(take, 1.0, FADE_MS)


def _has_male_lead(seed: int) -> bool:
    return stream(seed, "lead singer").random() < MALE_LEAD_PROBABILITY


def _singer(part: str, seed: int) -> Singer:
    """The singer of a part: one of three kinds, with random formants, breathiness, vibrato and spectral tilt."""
    lead = LOW if _has_male_lead(seed) else LEAD
    kind = lead if part not in BACKING or BACKING[part].singer is LEAD else BACKING[part].singer
    # a doubled part has the same singer
    rng = stream(seed, f"singer of {part.removesuffix(' twice')}")
    length, breath, depth, tilt = rng.uniform(0.9, 1.1), *rng.uniform(0.5, 2.0, 2), rng.uniform(0.7, 1.6)
    return kind._replace(
        vowels={vowel: tuple(round(hz * length) for hz in formants) for vowel, formants in kind.vowels.items()},
        fourth_hz=kind.fourth_hz * length,
        tilt_harmonic=kind.tilt_harmonic * tilt,
        breathiness=kind.breathiness * breath,
        vibrato_semitones=kind.vibrato_semitones * depth,
    )


def _merge_kit(takes: list[Take]) -> Iterator[Take]:
    """The takes with all drums on one stereo track."""
    kit = [take for take in takes if take.role.startswith("drums") and take.role != "drums.percussion"]
    if len(kit) < 2:
        yield from takes
        return
    pans = np.linspace(-KIT_WIDTH, KIT_WIDTH, len(kit))
    level = {"drums.hihat": 0.35, "drums.cymbals": 0.4}
    both = sum(
        (level.get(take.role, 1.0)
         * (take.samples if len(take.samples) == 2 else panned(take.samples[0], pan if take.role in level else 0.0))
         for take, pan in zip(kit, pans, strict=True)),
        np.zeros((2, kit[0].samples.shape[1])),
    )  # fmt: skip
    yield Take("01_Drums", "drums", both)
    yield from (take for take in takes if not any(take is each for each in kit))


def _name(index: int, player: Player, rng: np.random.Generator) -> str:
    return f"{index + 1:02d}_{player.names[int(rng.integers(len(player.names)))]}"
