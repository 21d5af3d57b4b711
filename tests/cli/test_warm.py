"""Programs are compiled ahead: a song of that shape then finds all of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.compiled import n_made
from tests.test_compiled import kept_in

RATE, SECONDS = 16000, 6.0
RULES = """
rules:
  - {id: loud, type: integrated_loudness, target: -20 LUFS, tolerance: 1 LU, kind: require}
"""


@pytest.mark.long
def test_a_song_of_a_shape_that_is_warm_finds_every_program(tmp_path: Path, hybrid) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"schema: mixrules/1\nid: loud\ntitle: Loud\nlicense: CC0-1.0\n{RULES}")
    song = tmp_path / "song"
    song.mkdir()
    rng = np.random.default_rng(5)
    for name in ("Vox", "Bass", "Gtr"):
        soundfile.write(song / f"{name}.wav", 0.05 * rng.standard_normal(round(5.9 * RATE)), RATE)
    common = ("--rules", str(rules), "--model", "none", "--json")
    with kept_in(tmp_path / "kept"):
        shape = ("--tracks", "4", "--minutes", f"{SECONDS / 60.0}", "--sample-rate", f"{RATE}")
        code, out, _ = hybrid("warm", *shape, *common)
        (warmed,) = json.loads(out)["warmed"]
        assert code == 0 and warmed["programs"] > 0 and warmed["tracks"] == 4
        before = n_made()
        assert hybrid("mix", str(song), "-o", str(tmp_path / "mix"), "--steps", "50", *common)[0] == 0
        assert n_made() == before


@pytest.mark.parametrize(
    ("option", "value"), [("--tracks", "8;16"), ("--tracks", "0"), ("--tracks", "1.5"), ("--minutes", "nan")]
)
def test_shapes_that_are_none_are_refused(option: str, value: str, hybrid) -> None:
    code, _, err = hybrid("warm", option, value)
    assert code == 2 and option in err and repr(value) in err
