"""A band for every seed: its style, its song, who plays in it, and the takes that each of them hands in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hybrid.corpus.synthetic.composition import CHORUSES, VERSES, progression, stream
from hybrid.corpus.synthetic.harmony import write_guitar, write_keys, write_pad
from hybrid.corpus.synthetic.melody import write_harmony, write_lead
from hybrid.corpus.synthetic.performance import LEAD_IN_S, Feel, PlayedNote, perform, play
from hybrid.corpus.synthetic.phonetics import HIGH, LEAD, LOW, Singer
from hybrid.corpus.synthetic.rhythm import bass_pitch, write_bass, write_drums
from hybrid.corpus.synthetic.score import BEATS_PER_BAR, Chord, Key, Note, Plan, Section
from hybrid.corpus.synthetic.session import FADE_MS, TAIL_S
from hybrid.corpus.synthetic.signals import SAMPLE_RATE, Samples, faded, in_room, panned
from hybrid.corpus.synthetic.styles import STYLES, Player, Style
from hybrid.corpus.synthetic.voice import sing

BARS = (2, 4, 4, 2)
"""Of the intro, the verse, the chorus and the ending: 20 to 45 s."""
WHOLE_KIT, ROOMS, WIDE_KIT = 0.25, 0.3, 0.6
"""How often a kit comes as one track, how often a take was made in a room that is heard, how wide a whole kit is."""
MEN_LEAD, DOUBLE = 0.45, 0.15
"""How often a man leads, an octave lower, and how often a part that is no piece of the kit is played twice."""
BASS_LINES = ("bass", "roots", "walking")
_AGAIN = " again"
SINGER = Player(("LeadVox", "Vox", "vocal main"), "vocal.lead", "tune", None, 1.0)


class Backing(NamedTuple):
    """A backing voice: who sings it, and how many degrees from the lead; 0 doubles it."""

    player: Player
    singer: Singer
    reach: int


BACKING = {
    "backing high": Backing(Player(("BackingVox1", "BV high", "harm 1"), "vocal.backing", "tune", None, 0.8), HIGH, 2),
    "backing low": Backing(Player(("BackingVox2", "BV low", "harm 2"), "vocal.backing", "tune", None, 0.6), LOW, -3),
    "backing high twice": Backing(Player(("BackingVox3", "BV high dbl"), "vocal.backing", "tune", None, 0.35), HIGH, 2),
    "backing low twice": Backing(Player(("BackingVox4", "BV low dbl"), "vocal.backing", "tune", None, 0.35), LOW, -3),
    "backing top": Backing(Player(("BackingVox5", "BV top"), "vocal.backing", "tune", None, 0.3), HIGH, 4),
    "lead twice": Backing(Player(("LeadVox dbl", "Vox double"), "vocal.backing", "tune", None, 0.3), LEAD, 0),
}


class Take(NamedTuple):
    """One track as its player hands it in."""

    name: str
    role: str
    samples: Float[np.ndarray, "channel time"]


def band_of(seed: int) -> Style:
    """The style of the band that a seed stands for."""
    return STYLES[int(stream(seed, "style").integers(len(STYLES)))]


PlayPart = Callable[[Player, Sequence[PlayedNote], int, np.random.Generator], Samples]
"""Plays the notes of a part in so many samples."""


def synthesise(player: Player, notes: Sequence[PlayedNote], n: int, rng: np.random.Generator) -> Samples:
    """A part on the program's own instruments."""
    assert player.instrument is not None
    return play(notes, player.instrument, n, rng)


def play_band(seed: int, play_part: PlayPart = synthesise) -> list[Take]:
    """All takes of the song that a seed stands for, of one length, at whatever level they came."""
    style, chance = band_of(seed), stream(seed, "band")
    players = [player for player in style.players if chance.random() < player.chance]
    parts = {f"{index} {player.role}": player for index, player in enumerate(players)}
    doubled = [part for part, player in parts.items() if not player.piece and chance.random() < DOUBLE]
    parts |= {f"{part}{_AGAIN}": parts[part] for part in doubled if parts[part].line not in BASS_LINES}
    sings, backs = chance.random() < style.voices[0], chance.random() < style.voices[1]
    if sings:
        parts["lead"] = SINGER
        parts |= {
            name: voice.player for name, voice in BACKING.items() if backs and chance.random() < voice.player.chance
        }
    plan = _plan(style, parts, stream(seed, "plan"))
    score = _score(style, plan, parts, seed)
    takes = [
        Take(
            _name(index, parts[part], chance),
            parts[part].role,
            _take(plan, part, parts[part], score[part], seed, play_part),
        )
        for index, part in enumerate(part for part in parts if score[part])
    ]
    return list(_kit_together(takes)) if chance.random() < WHOLE_KIT else takes


def _plan(style: Style, parts: dict[str, Player], rng: np.random.Generator) -> Plan:
    mode = "major" if rng.random() < 0.5 else "minor"
    tempo_bpm = float(rng.integers(style.tempo_bpm[0], style.tempo_bpm[1] + 1))
    verse, chorus = (
        progression(options[mode][int(rng.integers(len(options[mode])))]) for options in (VERSES, CHORUSES)
    )
    everyone = frozenset(parts)
    # who is silent in the verse is heard when he comes in; nobody is silent in the chorus
    rests = frozenset(part for part in parts if rng.random() < 0.3)
    opens = frozenset(part for part in parts if rng.random() < 0.35) or everyone
    chords = (verse[: BARS[0]], verse[: BARS[1]], chorus[: BARS[2]], (Chord(0),) * BARS[3])
    playing = (opens, everyone - rests or everyone, everyone, everyone)
    names = ("intro", "verse", "chorus", "ending")
    sections = tuple(Section(*each) for each in zip(names, chords, playing, strict=True))
    return Plan(Key(int(rng.integers(-6, 6)), mode), tempo_bpm, sections)


def _score(style: Style, plan: Plan, parts: dict[str, Player], seed: int) -> dict[str, tuple[Note, ...]]:
    """The notes of every part. Players write by their line; the kit's pieces are written together."""
    kit = {part: player.piece for part, player in parts.items() if player.piece}
    pieces = write_drums(_renamed(plan, kit), stream(seed, "drums"), style.patterns)
    beat = pieces.get("kick", ())
    score: dict[str, tuple[Note, ...]] = {}
    for part, player in parts.items():
        if part.endswith(_AGAIN):
            score[part] = score[part.removesuffix(_AGAIN)]
            continue
        rng = stream(seed, part)
        if player.line == "kit":
            score[part] = pieces.get(kit[part], ())
        elif player.line in BASS_LINES:
            score[part] = _bass(_renamed(plan, {part: "bass"}), player.line, beat, rng)
        elif player.line == "comping":
            score[part] = write_keys(
                plan, rng, part, 62.0 + 12.0 * player.octaves, style.comping, rng.uniform(0.5, 0.95)
            )
        elif player.line == "pad":
            score[part] = write_pad(plan, part, 58.0 + 12.0 * player.octaves)
        elif player.line == "broken":
            score[part] = write_guitar(plan, rng, part, 57.0 + 12.0 * player.octaves)
        elif part in BACKING:
            # the lead is written before: it comes before them among the parts
            score[part] = write_harmony(plan, score["lead"], part, BACKING[part].reach)
        else:
            octaves = player.octaves - (player is SINGER and _man_leads(seed))
            score[part] = write_lead(plan, rng, part, octaves)
    return score


def _renamed(plan: Plan, names: dict[str, str]) -> Plan:
    """The plan with parts under the names that their writers know."""
    return plan._replace(
        sections=tuple(
            section._replace(parts=frozenset(names.get(part, part) for part in section.parts))
            for section in plan.sections
        )
    )


def _bass(plan: Plan, line: str, beat: tuple[Note, ...], rng: np.random.Generator) -> tuple[Note, ...]:
    if line == "bass" and beat:
        return write_bass(plan, beat, rng)
    notes: list[Note] = []
    for bar in plan.bars("bass"):
        root, following = (bass_pitch(plan, chord.root) for chord in (bar.chord, bar.next_chord))
        step = 1.0 if line == "walking" else 0.5
        for index, start in enumerate(np.arange(0.0, BEATS_PER_BAR, step)):
            pitch = root
            if line == "walking":
                degree = plan.key.degree_near(root) + (0, 2, 4, 2 if following < root else 5)[index]
                pitch = plan.key.pitch(degree)
            notes.append(Note(bar.start_beats + float(start), 0.92 * step, pitch, 0.9 if index == 0 else 0.75))
    return tuple(notes)


def _take(plan: Plan, part: str, player: Player, notes: tuple[Note, ...], seed: int, play_part: PlayPart) -> Samples:
    n = round((LEAD_IN_S + plan.seconds(plan.length_beats) + TAIL_S) * SAMPLE_RATE)
    chance = stream(seed, f"{part} take")
    feel = Feel(float(chance.uniform(0.0, 12.0)), float(chance.uniform(2.0, 10.0)), float(chance.uniform(0.04, 0.12)))
    played = perform(notes, plan, feel, chance)
    if player.instrument is None:
        take = sing(played, _singer(part, seed), n, chance)
    else:
        take = play_part(player, played, n, chance)
    if chance.random() < ROOMS:
        take = in_room(take, chance, float(chance.uniform(0.2, 0.8)), float(chance.uniform(-20.0, -8.0)))
    return faded(take, 1.0, FADE_MS)


def _man_leads(seed: int) -> bool:
    return stream(seed, "lead singer").random() < MEN_LEAD


def _singer(part: str, seed: int) -> Singer:
    """Who sings a part: a person of one of three kinds, with a throat, a breath and a vibrato of their own."""
    lead = LOW if _man_leads(seed) else LEAD
    kind = lead if part not in BACKING or BACKING[part].singer is LEAD else BACKING[part].singer
    # one who doubles themselves is the same person
    person = stream(seed, f"singer of {part.removesuffix(' twice')}")
    length, breath, depth, tilt = person.uniform(0.9, 1.1), *person.uniform(0.5, 2.0, 2), person.uniform(0.7, 1.6)
    return kind._replace(
        vowels={vowel: tuple(round(hz * length) for hz in formants) for vowel, formants in kind.vowels.items()},
        fourth_hz=kind.fourth_hz * length,
        tilt_harmonic=kind.tilt_harmonic * tilt,
        breathiness=kind.breathiness * breath,
        vibrato_semitones=kind.vibrato_semitones * depth,
    )


def _kit_together(takes: list[Take]) -> Iterator[Take]:
    """The same with all drums on one stereo track."""
    kit = [take for take in takes if take.role.startswith("drums") and take.role != "drums.percussion"]
    if len(kit) < 2:
        yield from takes
        return
    places = np.linspace(-WIDE_KIT, WIDE_KIT, len(kit))
    level = {"drums.hihat": 0.35, "drums.cymbals": 0.4}
    both = sum(
        (level.get(take.role, 1.0)
         * (take.samples if len(take.samples) == 2 else panned(take.samples[0], place if take.role in level else 0.0))
         for take, place in zip(kit, places, strict=True)),
        np.zeros((2, kit[0].samples.shape[1])),
    )  # fmt: skip
    yield Take("01_Drums", "drums", both)
    yield from (take for take in takes if not any(take is each for each in kit))


def _name(index: int, player: Player, chance: np.random.Generator) -> str:
    return f"{index + 1:02d}_{player.names[int(chance.integers(len(player.names)))]}"
