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

from hybrid.audio.manifest import load_song
from hybrid.cli import app
from hybrid.cli import scan as module
from hybrid.errors import InputError

scan = partial(module.scan, typer.Context(typer.main.get_command(app.app)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("01_Kick", "20_LeadVox", "Audio 1", "mix"):
        soundfile.write(tmp_path / f"{name}.wav", np.full(44100, 0.1), 44100)
    return tmp_path


def test_scan_prints_a_table_and_writes_a_manifest(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan(folder)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["track", "role", "tags", "confidence", "channels", "files"]
    assert lines[2].split() == ["20_LeadVox", "vocal.lead", "lead", "0.90", "mono", "20_LeadVox.wav"]
    assert "3 tracks, 0:01, 44100 Hz" in lines
    assert "mix.wav looks like a finished mix: left out" in lines
    assert [track.role for track in load_song(folder).tracks] == ["drums.kick", "vocal.lead", "unknown"]


def test_scan_prints_one_json_document(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scan(folder, out=folder / "my.yaml", as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert [track["role"] for track in document["tracks"]] == ["drums.kick", "vocal.lead", "unknown"]
    assert (document["duration_s"], document["manifest"]) == (1.0, str(folder / "my.yaml"))
    assert not (folder / "song.yaml").exists()


def test_scan_does_not_overwrite_a_manifest_without_the_option(folder: Path) -> None:
    (folder / "song.yaml").write_text("mine")
    with pytest.raises(InputError, match="--overwrite"):
        scan(folder)
    assert (folder / "song.yaml").read_text() == "mine"
    scan(folder, overwrite=True)
    assert len(load_song(folder).tracks) == 3


def test_scan_never_overwrites_audio(folder: Path) -> None:
    before = (folder / "mix.wav").read_bytes()
    with pytest.raises(InputError, match=r"ends with \.yaml"):
        scan(folder, out=folder / "mix.wav", overwrite=True)
    assert (folder / "mix.wav").read_bytes() == before


def test_scan_does_not_import_jax() -> None:
    heavy = {"jax", "librosa", "matplotlib", "scipy"}
    code = f"import sys, hybrid.cli.scan; sys.exit(bool({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
