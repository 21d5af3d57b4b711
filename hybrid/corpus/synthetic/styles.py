"""Musical styles: tempos, drum patterns, comping rhythms, and players with their instruments and probabilities.

All by taste: textbook patterns of each style, reduced to bars of sixteenths.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from hybrid.corpus.synthetic import drums, instruments, synths
from hybrid.corpus.synthetic.harmony import COMPING, Comping
from hybrid.corpus.synthetic.performance import Instrument
from hybrid.corpus.synthetic.rhythm import PATTERNS, Patterns

Line = Literal["comping", "pad", "broken", "tune", "bass", "roots", "walking", "kit"]
"""Kind of a part: struck chords, held chords, broken chords, a melody; a bass line on the strokes of the kick, on roots
in eighths, walking in quarters; a piece of the kit."""


class Player(NamedTuple):
    """A part of a band: possible names of its file, its role, line and instrument, and how probable it is."""

    names: tuple[str, ...]
    role: str
    line: Line
    instrument: Instrument | None
    """None for a voice."""
    probability: float
    octaves: int = 0
    piece: str = ""
    """The name of its drum patterns; empty for parts other than the kit's."""


class Style(NamedTuple):
    """A musical style."""

    name: str
    tempo_bpm: tuple[int, int]
    patterns: Patterns
    comping: Comping
    players: tuple[Player, ...]
    voices: tuple[float, float]
    """Probability of a lead voice, and of backing voices where there is one."""


FOUR_ON_THE_FLOOR: Patterns = {
    "kick": dict.fromkeys(("intro", "verse", "chorus"), ("X...X...X...X...",)) | {"ending": ("X...............",)},
    "clap": {"verse": ("....X.......X...",), "chorus": ("....X.......X..g", "....X..g....X...")},
    "hihat": {"intro": ("..x...x...x...x.",), "verse": ("..X...X...X...X.", "x.X.x.X.x.X.x.X."),
              "chorus": ("xxXxxxXxxxXxxxXx", "..o...o...o...o.")},
    "shaker": {"chorus": ("xgxgxgxgxgxgxgxg", "x.xgx.xgx.xgx.xg")},
}  # fmt: skip
HALF_TIME: Patterns = {
    "kick": {"verse": ("X.....x...x.....", "X..x......x..x.."), "chorus": ("X.....x.x.x.....", "X..x..x...x..x.."),
             "ending": ("X...............",)},
    "snare": {"verse": ("........X.......",), "chorus": ("........X......g", "........X..g....")},
    "hihat": {"intro": ("x.x.x.x.x.x.x.x.",), "verse": ("x.x.x.xxx.x.x.x.", "xxx.x.x.xxx.x.x."),
              "chorus": ("x.xxx.x.x.xxxxx.", "xxxxx.x.x.x.xxxx")},
    "clap": {"chorus": ("........X.......",)},
}  # fmt: skip
SWING: Patterns = {
    "kick": {"verse": ("x...g...x...g...",), "chorus": ("x...g.....x.g...",), "ending": ("X...............",)},
    "snare": {"verse": ("....g.....g.....", ".......g....g..g"), "chorus": ("....x..g....x..g",)},
    "hihat": {"intro": ("x...x..xx...x..x",), "verse": ("X...x..xX...x..x",), "chorus": ("X..xx..xX..xx..x",)},
}  # fmt: skip
HARD: Patterns = {
    "kick": {"verse": ("X.x.X.x.X.x.X.x.", "X..xX..xX..xX..x"), "chorus": ("XxX.X.x.XxX.X.x.", "X.x.x.X.x.x.X.x."),
             "ending": ("X...............",)},
    "snare": {"verse": ("....X.......X...",), "chorus": ("....X.......X.X.", "....X.......X..X"),
              "ending": ("X...............",)},
    "hihat": {"intro": ("x...x...x...x...",), "verse": ("X.X.X.X.X.X.X.X.",), "chorus": ("o.o.o.o.o.o.o.o.",)},
}  # fmt: skip
NO_KIT: Patterns = {"shaker": {"chorus": ("x.g.x.g.x.g.x.g.",)}}
EIGHTHS: Comping = {
    "intro": ((0, 8),),
    "verse": ((0, 2, 4, 6, 8, 10, 12, 14), (0, 4, 6, 8, 12, 14)),
    "chorus": ((0, 2, 4, 6, 8, 10, 12, 14), (0, 3, 6, 8, 11, 14)),
    "ending": ((0,),),
}
OFF_BEATS: Comping = {
    "intro": ((4, 12),),
    "verse": ((2, 6, 10, 14), (4, 12)),
    "chorus": ((2, 6, 10, 14), (2, 5, 8, 10, 14)),
    "ending": ((0,),),
}
STABS: Comping = {"intro": ((0,),), "verse": ((6, 12), (0, 10)), "chorus": ((0, 6, 12), (3, 6, 14)), "ending": ((0,),)}

_KICK = Player(("Kick", "BD", "kick in"), "drums.kick", "kit", drums.kick, 0.95, piece="kick")
_SNARE = Player(("Snare", "snr", "SD top"), "drums.snare", "kit", drums.snare, 0.95, piece="snare")
_HAT = Player(("HiHat", "hh", "Hats"), "drums.hihat", "kit", drums.hihat, 0.85, piece="hihat")
_TOMS = Player(("Toms", "tom fills"), "drums.tom", "kit", drums.tom, 0.5, piece="toms")
_CRASH = Player(("Crash", "Cymbals"), "drums.cymbals", "kit", drums.crash, 0.5, piece="crash")
_SHAKER = Player(("Shaker", "perc"), "drums.percussion", "kit", synths.shaker, 0.6, piece="shaker")
_TAMBOURINE = Player(("Tambourine", "tamb"), "drums.percussion", "kit", drums.tambourine, 0.4, piece="tambourine")
_CLAP = Player(("Clap", "claps"), "drums.snare", "kit", synths.clap, 0.8, piece="clap")
_KIT = (_KICK, _SNARE, _HAT, _TOMS, _CRASH)
_BASS = Player(("Bass", "bass DI"), "bass.electric", "bass", instruments.bass, 0.95)
_PAD = Player(("Pad", "synth pad"), "synth.pad", "pad", instruments.pad, 0.6)
_STRINGS = Player(("Strings", "violins"), "strings", "pad", synths.strings, 0.4)
_ACOUSTIC = Player(("AcGtr", "acoustic"), "guitar.acoustic", "broken", instruments.guitar, 0.6)
_PIANO = Player(("Piano", "grand"), "keys.piano", "comping", synths.piano, 0.6)
_EPIANO = Player(("Rhodes", "ElecPiano"), "keys.electric", "comping", instruments.electric_piano, 0.5)
_ORGAN = Player(("Organ", "B3"), "keys.organ", "pad", synths.organ, 0.35)
_BRASS = Player(("Brass", "horns", "Trumpets"), "brass", "comping", synths.brass, 0.3)
_CLEAN = Player(("ElGtr clean", "GtrClean"), "guitar.electric", "broken", synths.clean_guitar, 0.5)
_SOLO = Player(("Lead Synth", "synth lead"), "synth.lead", "tune", synths.synth_lead, 0.4)
_FLUTE = Player(("Flute", "fl solo"), "woodwind", "tune", synths.flute, 0.3, 1)

STYLES = (
    Style(
        "pop",
        (92, 124),
        PATTERNS,
        COMPING,
        (*_KIT, _TAMBOURINE, _BASS, _EPIANO, _PIANO, _ACOUSTIC, _CLEAN, _PAD, _STRINGS),
        (0.9, 0.7),
    ),
    Style(
        "rock",
        (100, 150),
        HARD,
        EIGHTHS,
        (
            *_KIT,
            _BASS._replace(line="roots"),
            Player(("Gtr L", "dist gtr"), "guitar.electric", "comping", synths.crunch, 0.95, -1),
            Player(("Gtr R", "dist gtr 2"), "guitar.electric", "comping", synths.crunch, 0.8, -1),
            _ORGAN,
            _CLEAN,
        ),
        (0.85, 0.5),
    ),
    Style(
        "electronic",
        (118, 134),
        FOUR_ON_THE_FLOOR,
        OFF_BEATS,
        (
            _KICK,
            _CLAP,
            _HAT,
            _SHAKER,
            Player(("SynBass", "bass synth"), "bass.synth", "roots", synths.synth_bass, 0.95),
            Player(("Pluck", "Arp"), "synth.arp", "broken", synths.pluck, 0.7, 1),
            _PAD,
            _SOLO,
            Player(("Stabs", "synth chords"), "synth", "comping", synths.synth_lead, 0.5),
            Player(("Riser", "fx sweep"), "fx", "pad", synths.riser, 0.3),
        ),
        (0.5, 0.4),
    ),
    Style(
        "chip",
        (100, 170),
        FOUR_ON_THE_FLOOR | {"snare": {"verse": ("....X.......X...",), "chorus": ("....X.......X..g",)}},
        OFF_BEATS,
        (
            _KICK,
            _SNARE,
            _HAT,
            Player(("Bass preset", "square bass"), "bass.synth", "roots", synths.pulse, 0.9),
            Player(("Pulse 1", "square lead"), "synth.lead", "tune", synths.pulse, 0.95),
            Player(("Pulse 2", "square 2"), "synth.lead", "tune", synths.pulse, 0.6, 1),
            Player(("Arp", "arpeggio"), "synth.arp", "broken", synths.pulse, 0.8, 1),
            Player(("Pulse 3", "square 3"), "synth", "comping", synths.pulse, 0.6),
        ),
        (0.0, 0.0),
    ),
    Style(
        "hip-hop",
        (72, 96),
        HALF_TIME,
        STABS,
        (
            _KICK,
            _SNARE,
            _HAT,
            _CLAP._replace(probability=0.5),
            Player(("808", "sub"), "bass.synth", "bass", synths.sub_bass, 0.95),
            _EPIANO,
            Player(("Bells", "vibes"), "keys.mallet", "broken", synths.bells, 0.5, 1),
            _PAD,
            _STRINGS,
        ),
        (0.8, 0.4),
    ),
    Style(
        "jazz",
        (96, 150),
        SWING,
        STABS,
        (
            _KICK,
            _SNARE,
            _HAT,
            Player(("Upright", "double bass"), "bass.acoustic", "walking", instruments.bass, 0.95),
            _PIANO._replace(probability=0.9),
            _BRASS._replace(probability=0.5),
            _FLUTE,
            Player(("Vibraphone",), "keys.mallet", "comping", synths.bells, 0.3),
            _CLEAN,
        ),
        (0.4, 0.1),
    ),
    Style(
        "acoustic",
        (76, 112),
        NO_KIT,
        COMPING,
        (
            _SHAKER,
            Player(("Upright", "ac bass"), "bass.acoustic", "roots", instruments.bass, 0.6),
            _ACOUSTIC._replace(probability=1.0),
            Player(("AcGtr 2", "steel gtr"), "guitar.acoustic", "comping", instruments.guitar, 0.6),
            _PIANO,
            _STRINGS,
            _FLUTE,
        ),
        (0.9, 0.6),
    ),
    Style(
        "orchestral",
        (66, 110),
        NO_KIT,
        STABS,
        (
            _STRINGS._replace(names=("Violins", "Vln"), probability=1.0, octaves=1),
            _STRINGS._replace(names=("Celli", "Vc"), probability=0.9, octaves=-1),
            _BRASS._replace(probability=0.8),
            _FLUTE._replace(probability=0.7),
            _PIANO._replace(probability=0.3),
            Player(("Harp",), "strings", "broken", instruments.guitar, 0.5, 1),
            Player(("Glockenspiel",), "keys.mallet", "tune", synths.bells, 0.3, 2),
        ),
        (0.15, 0.3),
    ),
    Style(
        "soul",
        (84, 112),
        PATTERNS,
        STABS,
        (
            *_KIT,
            _TAMBOURINE,
            _BASS,
            _EPIANO._replace(probability=0.8),
            _ORGAN._replace(probability=0.6),
            _CLEAN,
            _BRASS._replace(probability=0.7),
            _STRINGS,
        ),
        (0.85, 0.6),
    ),
)
