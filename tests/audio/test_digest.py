from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from hybrid.audio.digest import digest
from hybrid.audio.scan import scan_folder
from hybrid.audio.song import Song


@pytest.fixture
def song(write_track, tmp_path: Path) -> Song:
    write_track("song/kick.wav")
    write_track("song/vox.wav")
    return scan_folder(tmp_path / "song")


def test_a_song_keeps_its_digest_when_it_moves(song: Song, tmp_path: Path) -> None:
    shutil.copytree(song.folder, tmp_path / "moved")
    assert digest(scan_folder(tmp_path / "moved")) == digest(song)


def test_one_changed_sample_changes_the_digest(song: Song) -> None:
    before = digest(song)
    content = bytearray(song.tracks[0].files[0].read_bytes())
    content[-1] ^= 1
    song.tracks[0].files[0].write_bytes(content)
    assert digest(song) != before


@pytest.mark.parametrize(
    "change", [{"gain_db": 1.0}, {"offset_s": 0.1}, {"polarity": -1}, {"role": "fx"}, {"tags": ("lead",)}, {"id": "x"}]
)
def test_everything_that_changes_the_mix_changes_the_digest(song: Song, change: dict) -> None:
    first = dataclasses.replace(song.tracks[0], **change)
    assert digest(dataclasses.replace(song, tracks=(first, *song.tracks[1:]))) != digest(song)


def test_the_confidence_of_a_role_does_not_change_the_digest(song: Song) -> None:
    first = dataclasses.replace(song.tracks[0], confidence=1.0)
    assert digest(dataclasses.replace(song, tracks=(first, *song.tracks[1:]))) == digest(song)
