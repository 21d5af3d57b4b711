"""The composition of the demo song of a seed: key, tempo, chords, sections, and the notes of every part."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from hybrid.corpus.synthetic.harmony import write_guitar, write_keys, write_pad
from hybrid.corpus.synthetic.melody import write_harmony, write_lead
from hybrid.corpus.synthetic.rhythm import write_bass, write_drums
from hybrid.corpus.synthetic.score import Arrangement, Chord, Composition, MusicalKey, SongSection

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
    """The composition of a seed. Every part draws from a random stream of its own, by its name."""
    arrangement = _arrange(stream(seed, "plan"))
    score = write_drums(arrangement, stream(seed, "drums"))
    score["bass"] = write_bass(arrangement, score["kick"], stream(seed, "bass"))
    score["keys"] = write_keys(arrangement, stream(seed, "keys"))
    score["guitar"] = write_guitar(arrangement, stream(seed, "guitar"))
    score["pad"] = write_pad(arrangement)
    score["lead"] = write_lead(arrangement, stream(seed, "lead"))
    score["backing_high"] = write_harmony(arrangement, score["lead"], "backing_high", interval=2)
    score["backing_low"] = write_harmony(arrangement, score["lead"], "backing_low", interval=-3)
    return Composition(arrangement, score)


def stream(seed: int, name: str) -> np.random.Generator:
    """The random generator for a seed and a purpose, independent of those for other purposes."""
    return np.random.default_rng([seed, crc32(name.encode())])


def _arrange(rng: np.random.Generator) -> Arrangement:
    mode = "major" if rng.random() < 0.6 else "minor"
    key = MusicalKey(int(rng.integers(-6, 6)), mode)
    tempo_bpm = float(rng.integers(TEMPO_BPM[0], TEMPO_BPM[1] + 1))
    verse = progression(VERSES[mode][int(rng.integers(len(VERSES[mode])))])
    chorus = progression(CHORUSES[mode][int(rng.integers(len(CHORUSES[mode])))])
    sections = (
        SongSection("intro", verse[:2], frozenset({"keys", "pad", "hihat"})),
        SongSection("verse", verse, VERSE),
        SongSection("chorus", chorus, CHORUS),
        SongSection("lift", chorus, CHORUS | {"tambourine"}),
        SongSection("outro", (Chord(3, 4),), OUTRO),
        SongSection("ending", (Chord(0),), ENDING),
    )
    return Arrangement(key, tempo_bpm, sections)


def progression(roots: tuple[int, ...]) -> tuple[Chord, ...]:
    """A triad or seventh chord on each of these scale degrees."""
    return tuple(Chord(root, 4 if root in SEVENTHS else 3) for root in roots)
