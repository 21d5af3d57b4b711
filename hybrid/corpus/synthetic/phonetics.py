"""Parameters of vowels and consonants for the vocal tract.

Vowel formants: Peterson and Barney, "Control methods used in a study of the vowels", JASA 1952, table II.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hybrid.corpus.synthetic.performance import PlayedNote

# First three formants in Hz; a = father, e = bed, i = heed, o = ball, u = who.
WOMEN = {
    "a": (850, 1220, 2810),
    "e": (610, 2330, 2990),
    "i": (310, 2790, 3310),
    "o": (590, 920, 2710),
    "u": (370, 950, 2670),
}
MEN = {
    "a": (730, 1090, 2440),
    "e": (530, 1840, 2480),
    "i": (270, 2290, 3010),
    "o": (570, 840, 2410),
    "u": (300, 870, 2240),
}
BANDWIDTHS_HZ = np.array([90.0, 100.0, 130.0])  # a sung voice's, by taste


class Singer(NamedTuple):
    """Parameters of a singer: formants of the vowels, resonances above them, and voice quality."""

    vowels: dict[str, tuple[int, int, int]]
    fourth_hz: float
    spacing_hz: float
    open_quotient: float
    tilt_harmonic: float  # from here up, a further 6 dB per octave less: a soft voice has few overtones
    breathiness: float
    vibrato_hz: float
    vibrato_semitones: float
    drift_semitones: float = 0.08
    jitter: float = 0.004


LEAD = Singer(WOMEN, 4000.0, 1100.0, 0.6, 9.0, 0.1, 5.6, 0.42)
HIGH = Singer(WOMEN, 4250.0, 1150.0, 0.7, 5.0, 0.12, 5.1, 0.22)
LOW = Singer(MEN, 3400.0, 1000.0, 0.65, 8.0, 0.09, 4.8, 0.18)


class Consonant(NamedTuple):
    """The sound before a vowel: a noise, a closure, or a murmur through a closed tract."""

    length_s: float = 0.02
    noise_hz: tuple[float, float] = (1000.0, 2000.0)
    noise_s: float = 0.0
    noise_gain: float = 0.0
    attack_s: float = 0.02
    tract_hz: tuple[float, ...] = ()
    murmur: float = 0.0


NASAL_HZ, TONGUE_HZ, LIQUID_HZ = (270.0, 1000.0, 2200.0), (290.0, 1450.0, 2500.0), (360.0, 1100.0, 2700.0)
CONSONANTS = {
    "": Consonant(),
    "s": Consonant(0.13, (5500.0, 9500.0), 0.12, 0.4, 0.04),
    "sh": Consonant(0.13, (2600.0, 6000.0), 0.12, 0.4, 0.04),
    "f": Consonant(0.10, (1500.0, 9000.0), 0.09, 0.16, 0.03),
    "h": Consonant(0.07, (700.0, 3500.0), 0.08, 0.14, 0.03),
    "t": Consonant(0.07, (3500.0, 8500.0), 0.03, 0.5, 0.001),
    "k": Consonant(0.07, (1400.0, 3200.0), 0.035, 0.45, 0.001),
    "m": Consonant(0.08, tract_hz=NASAL_HZ, murmur=0.35),
    "n": Consonant(0.08, tract_hz=TONGUE_HZ, murmur=0.35),
    "l": Consonant(0.07, tract_hz=LIQUID_HZ, murmur=0.5),
}


def consonant_of(note: PlayedNote) -> Consonant:
    """The consonant of the note's syllable; a bare vowel has the silent one."""
    return CONSONANTS[note.syllable[:-1]]


def formants_hz(note: PlayedNote, singer: Singer) -> tuple[float, ...]:
    """The three moving formants of the note's vowel, in Hz; the first is raised to a pitch above it, as singers do.

    Sundberg, "The Science of the Singing Voice" 1987, chapter 5.
    """
    first, *others = singer.vowels[note.syllable[-1]]
    return (max(float(first), 1.02 * note.frequency_hz), *map(float, others))
