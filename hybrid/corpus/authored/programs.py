"""Roles of the instruments of General MIDI.

Source: General MIDI System Level 1 (MIDI Manufacturers Association, RP-003), table 2. Instruments of other cultures
stand with what they are played like; what the roles have no word for is unknown.
"""

from __future__ import annotations

DRUM_CHANNEL = 9
"""Channel of the drum kit, counted from 0."""
DRUMS = "drums"

_RUNS = (
    (0, "keys.piano"),
    (4, "keys.electric"),
    (6, "keys"),  # harpsichord
    (7, "keys.electric"),  # clavinet
    (8, "keys.mallet"),
    (16, "keys.organ"),
    (21, "keys"),  # accordion
    (22, "woodwind"),  # harmonica
    (23, "keys"),  # bandoneon
    (24, "guitar.acoustic"),
    (26, "guitar.electric"),
    (32, "bass.acoustic"),
    (33, "bass.electric"),
    (38, "bass.synth"),
    (40, "strings"),
    (47, "drums.percussion"),  # timpani
    (48, "strings"),
    (52, "vocal.backing"),  # choir
    (55, "unknown"),  # orchestra hit
    (56, "brass"),
    (64, "woodwind"),
    (80, "synth.lead"),
    (88, "synth.pad"),
    (104, "guitar.acoustic"),  # sitar, banjo, shamisen, koto
    (108, "keys.mallet"),  # kalimba
    (109, "woodwind"),  # bagpipe
    (110, "strings"),  # fiddle
    (111, "woodwind"),  # shanai
    (112, "drums.percussion"),
    (114, "keys.mallet"),  # steel drums
    (115, "drums.percussion"),
    (119, "fx"),
)
"""Roles of runs of programs, counted from 0, each from its first to the next run's."""
ROLES = tuple(next(role for first, role in reversed(_RUNS) if program >= first) for program in range(128))
"""Role of every program, counted from 0."""
NAMES = (
    *("grand piano", "bright piano", "electric grand", "honky-tonk", "electric piano", "fm piano", "harpsichord"),
    *("clavinet", "celesta", "glockenspiel", "music box", "vibraphone", "marimba", "xylophone", "tubular bells"),
    *("dulcimer", "drawbar organ", "percussive organ", "rock organ", "church organ", "reed organ", "accordion"),
    *("harmonica", "bandoneon", "nylon guitar", "steel guitar", "jazz guitar", "clean guitar", "muted guitar"),
    *("overdriven guitar", "distorted guitar", "guitar harmonics", "acoustic bass", "finger bass", "pick bass"),
    *("fretless bass", "slap bass 1", "slap bass 2", "synth bass 1", "synth bass 2", "violin", "viola", "cello"),
    *("contrabass", "tremolo strings", "pizzicato strings", "harp", "timpani", "strings 1", "strings 2"),
    *("synth strings 1", "synth strings 2", "choir aahs", "voice oohs", "synth voice", "orchestra hit", "trumpet"),
    *("trombone", "tuba", "muted trumpet", "french horn", "brass section", "synth brass 1", "synth brass 2"),
    *("soprano sax", "alto sax", "tenor sax", "baritone sax", "oboe", "english horn", "bassoon", "clarinet"),
    *("piccolo", "flute", "recorder", "pan flute", "bottle", "shakuhachi", "whistle", "ocarina", "square lead"),
    *("saw lead", "calliope lead", "chiff lead", "charang lead", "voice lead", "fifths lead", "bass and lead"),
    *("new age pad", "warm pad", "polysynth pad", "choir pad", "bowed pad", "metallic pad", "halo pad", "sweep pad"),
    *("rain", "soundtrack", "crystal", "atmosphere", "brightness", "goblins", "echoes", "sci-fi", "sitar", "banjo"),
    *("shamisen", "koto", "kalimba", "bagpipe", "fiddle", "shanai", "tinkle bell", "agogo", "steel drums"),
    *("woodblock", "taiko", "melodic tom", "synth drum", "reverse cymbal", "fret noise", "breath noise", "seashore"),
    *("bird", "telephone", "helicopter", "applause", "gunshot"),
)
"""Short names of the programs, counted from 0."""
