"""References on the command line: what is wrong with them is said, and what they ask for can be written down."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.knowledge.resolve import load_rules

RATE = 22050
Run = Callable[..., tuple[int | str | None, str, str]]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A song, a finished mix, and files that are none, in the current folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    Path("song").mkdir()
    for name in ("bass", "vocal"):
        soundfile.write(f"song/{name}.wav", 0.1 * rng.standard_normal(3 * RATE), RATE)
    soundfile.write("mix.wav", 0.1 * rng.standard_normal((20 * RATE, 2)), RATE)
    soundfile.write("short.wav", 0.1 * rng.standard_normal((2 * RATE, 2)), RATE)
    soundfile.write("silent.wav", np.zeros((9 * RATE, 2)), RATE)
    Path("words.wav").write_text("words")


_BAD = {
    ("--reference", "mix.wav:tune=0.5"): "did you mean tone?",
    ("--reference", "mix.wav:tone=1.5"): "tone=1.5 is outside of 0 to 1",
    ("--reference", "mix.wav:tone=much"): "from 0 to 1",
    ("--reference", "mix.wav", "--reference", "./mix.wav"): "is named twice",
    ("--reference", "short.wav"): "lasts 2.0 s: a reference needs at least 5 s",
    ("--reference", "silent.wav"): "is silent",
    ("--reference", "words.wav"): "cannot be read as audio",
    ("--reference", "gone.wav"): "No such file",
    ("--reference", "mix.wav", "--steps", "0", "--model", "none"): "by a network or by refinement",
    ("--rough", "gone.wav"): "No such file",
    ("--rough", "mix.wav", "--amount", "2"): "--amount",
    ("--amount", "0.5"): "expected --rough too",
}


@pytest.mark.parametrize("options", _BAD, ids=" ".join)
def test_a_reference_that_cannot_be_followed_is_refused(options: tuple[str, ...], hybrid: Run):
    code, _, err = hybrid("mix", "song", "-o", "out", *options)
    assert code in (2, 3)
    assert _BAD[options] in err
    assert not Path("out").exists()


@pytest.mark.long
def test_what_a_mix_asks_for_is_written_as_rules(hybrid: Run):
    code, out, err = hybrid("rules", "from", "mix.wav:tone,width", "-o", "goal.yaml", "--json")
    assert code == 0
    assert "goal.range" not in out and "not followed" not in err
    written = {row["rule"] for row in json.loads(out)["rules"]}
    assert {"goal.tone", "goal.width"} <= written
    rules = {rule.id: rule for rule in load_rules(["goal.yaml"]).rules}
    assert rules["goal.tone"].enabled and rules["goal.tone"].evidence == "reference"
    # uncorrelated channels of one power: half of it is in the side signal
    limits = rules["goal.width"].entries()
    low, high = np.array(list(limits.values()), float).T
    # without the ends, where there is little to measure
    assert len(low) == 8 and low[1:-1].max() < 0.5 < high[1:-1].min()
    # what says otherwise is off, and nobody asked for dynamics
    assert not rules["spectrum.curve"].enabled and not rules["width.whole"].enabled
    assert "goal.peaks" not in rules or not rules["goal.peaks"].enabled
    assert hybrid("rules", "check", "goal.yaml")[0] == 0
    code, _, err = hybrid("rules", "from", "mix.wav", "-o", "goal.yaml")
    assert code == 2 and "--overwrite" in err


_BAD_EDITS = {
    ("--edit", "vocal gain.levl +2 dB"): "did you mean gain.level?",
    ("--edit", "vokal mute"): "did you mean vocal?",
    ("--edit", "vocal mute", "--edit", "bass mute"): "leaves no track to mix",
    ("--edits", "gone.yaml"): "gone.yaml",
    ("--from", "song", "--edit", "vocal pin"): "is no mix: it has no settings.json",
    ("--from", "song"): "expected --edit or --edits",
    (
        "--from",
        "song",
        "--edit",
        "vocal pin",
        "--reference",
        "mix.wav",
    ): "leave out --settings, --reference and --rough",
    ("--steps", "0", "--only-mix", "--edit", "vocal pin"): "leave out --edit and --edits",
}


@pytest.mark.parametrize("options", _BAD_EDITS, ids=" ".join)
def test_a_move_that_cannot_be_made_is_refused(options: tuple[str, ...], hybrid: Run):
    code, _, err = hybrid("mix", "song", "-o", "out", *options)
    assert code == 2
    assert _BAD_EDITS[options] in err
    assert not Path("out").exists()
