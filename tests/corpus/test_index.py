"""The index of a whole data set: its songs, damaged files, alignment of mixes, and splits."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.corpus.dataset import open_dataset
from hybrid.corpus.index import (
    VerifiedSong,
    build_index,
    read_index,
    shared_recordings,
    verify,
    write_index,
)
from hybrid.errors import InputError
from tests.corpus.miniature import RATE, musdb18_hq, slakh2100, tone


def verified(root: Path, card: str, after: Callable[[], None] = lambda: None) -> dict[str, VerifiedSong]:
    """The songs of a data set verified against its index from before the call of `after`."""
    index = build_index(open_dataset(card, root), lambda share: None)
    after()
    return {each.song: each for each in verify(open_dataset(card, root), index, lambda share: None)}


def test_an_index_describes_every_song(tmp_path: Path):
    slakh2100(tmp_path)
    index = build_index(open_dataset("slakh2100", tmp_path), lambda share: None)
    (entry,) = index.entries
    assert (entry.song, entry.split, entry.sample_rate_hz, entry.duration_s) == ("Track00001", "train", RATE, 0.5)
    assert [(track["role"], track["files"]) for track in entry.tracks] == [
        ("bass", ["train/Track00001/stems/S00.flac"]),
        ("drums", ["train/Track00001/stems/S01.flac"]),
    ]
    assert entry.mix == "train/Track00001/mix.flac"
    write_index(index, tmp_path / "index.jsonl")
    again = read_index(tmp_path / "index.jsonl")
    assert again == index._replace(root=tmp_path.resolve())


def test_songs_that_cannot_be_read_are_in_the_index_with_the_reason(tmp_path: Path):
    musdb18_hq(tmp_path)
    bass = tmp_path / "train/A - One/bass.wav"
    bass.write_bytes(bass.read_bytes()[:-999])
    entries = {
        entry.song: entry for entry in build_index(open_dataset("musdb18-hq", tmp_path), lambda share: None).entries
    }
    assert ["is truncated" in problem for problem in entries["A - One"].problems] == [True]
    assert not entries["B - Two"].problems


@pytest.mark.parametrize("text", ["", "{}\n", '{"schema": "index/9"}\n', "nonsense"])
def test_a_file_that_is_no_index_is_refused(tmp_path: Path, text: str):
    (tmp_path / "i").write_text(text)
    with pytest.raises(InputError, match="is not an index"):
        read_index(tmp_path / "i")


def test_a_recording_that_two_songs_share_is_told_of_both(tmp_path: Path):
    for name in ("one", "two", "three"):
        tone(tmp_path / name / "Bass.wav", 60.0 if name != "three" else 90.0)
        tone(tmp_path / name / "Vox.wav", {"one": 300.0, "two": 400.0, "three": 500.0}[name])
    dataset = open_dataset(str(tmp_path))
    index = build_index(dataset, lambda share: None)
    notes = {song.song: song.notes for song in verify(dataset, index, lambda share: None)}
    assert notes["one"] == ("shares 1 of its recordings with two",)
    assert notes["two"] == ("shares 1 of its recordings with one",) and notes["three"] == ()


def test_changed_files_and_files_with_nan_are_reported(tmp_path: Path):
    musdb18_hq(tmp_path)

    def change() -> None:
        tone(tmp_path / "train/A - One/bass.wav", 999.0, channels=2)
        samples = np.full((RATE // 2, 2), np.nan, np.float32)
        soundfile.write(tmp_path / "train/B - Two/drums.wav", samples, RATE, subtype="FLOAT")
        shutil.rmtree(tmp_path / "test/C - Three")

    songs = verified(tmp_path, "musdb18-hq", change)
    assert "has changed" in songs["A - One"].problems[0]
    assert any("NaN" in problem for problem in songs["B - Two"].problems)
    assert "no longer exists" in songs["C - Three"].problems[0]


@pytest.mark.parametrize("late", [-900, 0, 2205])
def test_the_offset_of_a_mix_is_reported(tmp_path: Path, late: int):
    song, rng = tmp_path / "train/A - One", np.random.default_rng(0)
    tracks = 0.1 * rng.standard_normal((3, 6 * RATE))
    song.mkdir(parents=True)
    for name, samples in zip(("bass", "drums", "vocals"), tracks, strict=True):
        soundfile.write(song / f"{name}.wav", samples, RATE, subtype="FLOAT")
    mix = np.roll(np.array([1.0, 0.5, 0.7]) @ tracks, late)[: 5 * RATE]
    soundfile.write(song / "mixture.wav", mix, RATE, subtype="FLOAT")
    notes = verified(tmp_path, "musdb18-hq")["A - One"].notes
    starts = [note for note in notes if "starts" in note]
    assert starts == ([f"mixture.wav starts {late / RATE:+.4f} s after its tracks"] if late else [])
    assert "mixture.wav is 1.0 s shorter than its tracks" in notes


def test_a_mix_of_another_song_is_reported(tmp_path: Path):
    song, rng = tmp_path / "train/A - One", np.random.default_rng(0)
    song.mkdir(parents=True)
    for name in ("bass", "drums", "mixture"):
        soundfile.write(song / f"{name}.wav", 0.1 * rng.standard_normal(4 * RATE), RATE)
    assert "cannot be aligned with its tracks" in verified(tmp_path, "musdb18-hq")["A - One"].notes[0]


def test_silence_is_no_recording_that_songs_share(tmp_path: Path):
    for name in ("one", "two"):
        tone(tmp_path / name / "Vox.wav", 300.0 if name == "one" else 400.0)
        soundfile.write(tmp_path / name / "Empty.wav", np.zeros(RATE), RATE)
    index = build_index(open_dataset(str(tmp_path)), lambda share: None)
    first, second = ({track["id"]: track["sha256"] for track in entry.tracks} for entry in index.entries)
    assert first["Empty"] == second["Empty"] and shared_recordings(index) == {}
