"""Containers of several tracks, as MUSDB18 ships them, where ffmpeg is installed; and the message where it is not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hybrid.corpus import streams
from hybrid.corpus.dataset import open_dataset
from hybrid.corpus.find import SourceFile
from hybrid.corpus.load import assemble_song
from hybrid.corpus.streams import unpack_streams
from hybrid.errors import SongError
from tests.corpus.miniature import SECONDS, tone

NAMES = ("mixture", "drums", "bass", "other", "vocals")


def write_container(path: Path, scratch: Path) -> None:
    """A `.stem.mp4` of five tones."""
    path.parent.mkdir(parents=True, exist_ok=True)
    inputs = [tone(scratch / f"{name}.wav", 200.0 * (k + 1), channels=2) for k, name in enumerate(NAMES)]
    command = ["ffmpeg", "-v", "error", "-y"]
    for each in inputs:
        command += ["-i", str(each)]
    for number in range(len(inputs)):
        command += ["-map", f"{number}:a"]
    subprocess.run([*command, "-c:a", "aac", str(path)], check=True)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_streams_become_tracks_by_their_order(tmp_path: Path):
    write_container(tmp_path / "set/train/A - One.stem.mp4", tmp_path)
    dataset = open_dataset("musdb18", tmp_path / "set")
    (files,) = dataset.songs
    assert (files.name, files.split) == ("A - One", "train") and files.mix is not None and files.mix.stream == 0
    (tmp_path / "scratch").mkdir()
    song = assemble_song(files, dataset.roles, tmp_path / "scratch")
    assert {track.id: track.role for track in song.tracks} == {
        "drums": "drums", "bass": "bass", "other": "unknown", "vocals": "vocal.lead",
    }  # fmt: skip
    assert song.n_samples == pytest.approx(SECONDS * 44100, abs=4096)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_damaged_container_is_reported(tmp_path: Path):
    path = tmp_path / "set/train/A - One.stem.mp4"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no container")
    dataset = open_dataset("musdb18", tmp_path / "set")
    with pytest.raises(SongError, match="cannot be decoded"):
        assemble_song(dataset.songs[0], dataset.roles, tmp_path)


def test_without_ffmpeg_the_message_has_an_installation_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(streams.shutil, "which", lambda name: None)
    path = tmp_path / "set/train/A - One.stem.mp4"
    path.parent.mkdir(parents=True)
    path.touch()
    dataset = open_dataset("musdb18", tmp_path / "set")
    with pytest.raises(SongError, match="apt install ffmpeg"):
        assemble_song(dataset.songs[0], dataset.roles, tmp_path)


def test_a_folder_that_is_named_like_an_address_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    called: list[list[str]] = []

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        called.append(command)
        return subprocess.CompletedProcess(command, 1, "", "no such file")

    monkeypatch.setattr(streams.shutil, "which", lambda name: name)
    monkeypatch.setattr(streams.subprocess, "run", run)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SongError, match="no such file"):
        unpack_streams([SourceFile("bass", Path("http:/127.0.0.1/x.stem.mp4"), stream=1)], tmp_path)
    (command,) = called
    assert command[command.index("-i") + 1] == str(tmp_path / "http:" / "127.0.0.1" / "x.stem.mp4")
    # nor does it follow what a container names
    assert command[command.index("-protocol_whitelist") + 1] == "file"
