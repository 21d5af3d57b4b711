"""From a seed to a written song: key, tempo, chords, sections, and every part's notes."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from hybrid.corpus.synthetic.harmony import write_guitar, write_keys, write_pad
from hybrid.corpus.synthetic.melody import write_harmony, write_lead
from hybrid.corpus.synthetic.rhythm import write_bass, write_drums
from hybrid.corpus.synthetic.score import Chord, Composition, Key, Plan, Section

# Roots of one chord per bar, in degrees from the tonic; the common ones of popular songs.
VERSES = {"major": ((0, 4, 5, 3), (0, 5, 3, 4), (5, 3, 0, 4)), "minor": ((0, 5, 2, 6), (0, 3, 5, 6))}
CHORUSES = {"major": ((3, 4, 5, 0), (3, 0, 4, 5), (0, 4, 5, 3)), "minor": ((5, 6, 0, 2), (5, 2, 6, 0))}
TEMPO_BPM = (102, 116)  # 16 bars last 33 to 38 s
SEVENTHS = frozenset({1, 3, 5})  # degrees whose chord carries a seventh

BAND = frozenset({"kick", "snare", "hihat", "bass", "keys"})
VERSE = BAND | {"lead", "toms"}
CHORUS = VERSE | {"crash", "guitar", "pad", "backing_high", "backing_low"}
OUTRO = BAND | {"crash", "toms", "guitar", "pad", "tambourine"}
ENDING = BAND | {"crash", "guitar", "pad"}


def compose(seed: int) -> Composition:
    """The song that a seed stands for. Every part draws from a stream of its own, by its name."""
    plan = _plan(stream(seed, "plan"))
    score = write_drums(plan, stream(seed, "drums"))
    score["bass"] = write_bass(plan, score["kick"], stream(seed, "bass"))
    score["keys"] = write_keys(plan, stream(seed, "keys"))
    score["guitar"] = write_guitar(plan, stream(seed, "guitar"))
    score["pad"] = write_pad(plan)
    score["lead"] = write_lead(plan, stream(seed, "lead"))
    score["backing_high"] = write_harmony(plan, score["lead"], "backing_high", reach=2)
    score["backing_low"] = write_harmony(plan, score["lead"], "backing_low", reach=-3)
    return Composition(plan, score)


def stream(seed: int, name: str) -> np.random.Generator:
    """Random numbers for one purpose: adding another purpose leaves these as they are."""
    return np.random.default_rng([seed, crc32(name.encode())])


def _plan(rng: np.random.Generator) -> Plan:
    mode = "major" if rng.random() < 0.6 else "minor"
    key = Key(int(rng.integers(-6, 6)), mode)
    tempo_bpm = float(rng.integers(TEMPO_BPM[0], TEMPO_BPM[1] + 1))
    verse = progression(VERSES[mode][int(rng.integers(len(VERSES[mode])))])
    chorus = progression(CHORUSES[mode][int(rng.integers(len(CHORUSES[mode])))])
    sections = (
        Section("intro", verse[:2], frozenset({"keys", "pad", "hihat"})),
        Section("verse", verse, VERSE),
        Section("chorus", chorus, CHORUS),
        Section("lift", chorus, CHORUS | {"tambourine"}),
        Section("outro", (Chord(3, 4),), OUTRO),
        Section("ending", (Chord(0),), ENDING),
    )
    return Plan(key, tempo_bpm, sections)


def progression(roots: tuple[int, ...]) -> tuple[Chord, ...]:
    """A chord on each of these degrees."""
    return tuple(Chord(root, 4 if root in SEVENTHS else 3) for root in roots)
