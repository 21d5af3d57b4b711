"""What a change of rules does to a song, in one command: the moves, the readings, and both mixes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.study.planted import RATE, write_songs

pytestmark = pytest.mark.long
RULES = """\
schema: mixrules/1
id: %s
title: A voice in front
license: CC0-1.0
%s
"""
BASE = RULES % (
    "front",
    """rules:
  - {id: lead.front, type: lead_to_rest_ratio, for: {role: vocal}, against: {role: all, not: {role: vocal}},
     target: 0 LU, tolerance: 0.5 LU, acts_on: [gain.level]}
  - {id: middle, type: left_right_balance, max: 20 dB, acts_on: [pan.position]}""",
)
LOUDER = RULES % (
    "louder",
    """extends: [front.yaml]
patch: {lead.front: {target: 9 LU}}
rules:
  - {id: idle, type: lead_to_rest_ratio, for: {name: nobody}, against: {role: all}, min: 1 LU}
  - {id: late, type: left_right_balance, max: 3 dB, when: {sections: [end]}}
sections: {end: [{from: "5:00", to: "6:00"}]}""",
)
COMMON = ("--model", "none", "--steps", "60")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "front.yaml").write_text(BASE)
    (tmp_path / "louder.yaml").write_text(LOUDER)
    write_songs(tmp_path / "songs", 1)
    return tmp_path


def test_a_louder_voice_is_measured_in_both_mixes(files: Path, hybrid) -> None:
    out, song = files / "tried", files / "songs" / "song0"
    ask = ("rules", "try", str(files / "louder.yaml"), str(song), "-o", str(out), *COMMON)
    code, text, err = hybrid(*ask, "--json")
    assert code == 0, err
    tried = json.loads(text)
    (lead,) = [each for each in tried["rules"] if each["rule"] == "lead.front"]
    assert lead["changed"] and lead["penalty_before"] > 1.0 > lead["penalty_after"]
    gained = lead["after"][0]["value"] - lead["before"][0]["value"]
    assert gained == pytest.approx(9.0, abs=1.0)
    # the same in the audio: the voice alone is taken from both mixes by regression on the tracks
    tracks = np.stack([soundfile.read(song / f"{name}.wav")[0] for name in ("Lead Vox", "Bass", "Gtr")])
    gains = []
    for side in ("before", "after"):
        mix, rate = soundfile.read(out / side / "mix.wav", always_2d=True)
        assert rate == RATE and (out / side / "settings.json").exists()
        gains.append(np.linalg.lstsq(tracks.T, mix[:, 0], rcond=None)[0])
    over_db = [20.0 * np.log10(abs(each[0] / each[1])) for each in gains]
    assert over_db[1] - over_db[0] == pytest.approx(gained, abs=1.5)
    assert any(move["track"] == "Lead Vox" and move["part"] == "gain.level" for move in tried["moves"])
    # rules that the change brings, and that do nothing here, say so
    assert any(note.startswith("idle matches no track") for note in tried["notes"])
    assert any(note.startswith("late never holds") for note in tried["notes"])
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("<audio") == 2 and "lead.front" in page and "raise Lead Vox" in page


def test_overrides_are_compared_with_the_file_and_nothing_with_itself(files: Path, hybrid) -> None:
    front, song = str(files / "front.yaml"), str(files / "songs" / "song0")
    code, _, err = hybrid("rules", "try", front, song, "--against", front, "-o", str(files / "out"), *COMMON)
    assert code == 2 and "there is nothing to compare" in err and not (files / "out").exists()
    off = ("--set", "middle.enabled=false")
    code, text, err = hybrid("rules", "try", front, song, "-o", str(files / "out"), *off, *COMMON)
    assert code == 0, err
    assert "none that is audible" in text and "middle" in text and "changed" in text
