from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer

from hybrid.cli import app
from hybrid.cli import check as module

check = partial(module.check, typer.Context(typer.main.get_command(app.app)))

RATE = 22050


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two tracks; their mix lies beside them."""
    folder = tmp_path_factory.mktemp("song")
    rng = np.random.default_rng(0)
    swell = np.interp(np.arange(2 * RATE), np.linspace(0, 2 * RATE, 9), rng.uniform(0.1, 1.0, 9))
    tracks = {"bass": np.cumsum(rng.normal(size=2 * RATE)) % 1.0 - 0.5, "lead_vocal": rng.normal(size=2 * RATE) * swell}
    for name, samples in tracks.items():
        soundfile.write(folder / f"{name}.wav", 0.1 * samples, RATE, subtype="FLOAT")
    mix = 0.1 * sum(tracks.values())
    soundfile.write(folder / "mix.wav", np.stack([mix, mix], axis=1), RATE, subtype="FLOAT")
    return folder


def test_check_prints_a_verdict_and_rules_left_out(song: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(song / "mix.wav")
    output = capsys.readouterr()
    assert "out.true-peak" in output.out
    assert "left out, speaks of tracks: needs --song: lead.level" in output.out
    assert output.err == ""


@pytest.mark.long
def test_check_with_tracks_prints_one_json_document(song: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(song / "mix.wav", song, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert document["fit"]["explained"] > 0.98
    assert document["fit"]["lag_ms"] == pytest.approx(0.0, abs=0.01)
    assert [track["id"] for track in document["fit"]["tracks"]] == ["bass", "lead_vocal"]
    states = {rule["id"]: rule["state"] for rule in document["verdict"]["rules"]}
    assert {"lead.level", "out.loudness"} <= states.keys()


def test_check_prints_the_fit_of_each_track(song: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(song / "mix.wav", song)
    output = capsys.readouterr().out
    assert output.startswith("the tracks explain ")
    assert any(line.startswith("lead_vocal ") for line in output.splitlines())


def test_check_exits_with_4_only_for_broken_rules_of_the_given_kind(song: Path) -> None:
    alone = {
        "rules": ["output"],
        "sets": ["out.loudness.range='-90 to 0 LUFS'", "out.peaks.enabled=false", "out.crest.enabled=false"],
    }
    check(song / "mix.wav", **alone, fail_on="any")
    loud = {"rules": ["output"], "sets": ["out.loudness.range='-9 to -8.9 LUFS'", "out.loudness.kind=prefer"]}
    check(song / "mix.wav", **loud, fail_on="require")
    with pytest.raises(typer.Exit) as left:
        check(song / "mix.wav", **loud, fail_on="any")
    assert left.value.exit_code == 4


def test_check_is_imported_without_jax() -> None:
    code = "import sys, hybrid.cli.check; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
