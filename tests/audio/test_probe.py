from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hybrid.audio.probe import probe, probe_all
from hybrid.errors import SongError


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff", "a.ogg", "a.mp3", "a.w64"])
def test_every_format_is_read_from_its_header(write_track, name: str) -> None:
    file = probe(write_track(name, sample_rate=48000, channels=2))
    assert (file.sample_rate, file.channels, file.n_samples) == (48000, 2, 24000)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_only_float_files_can_hold_nan(write_track, subtype: str) -> None:
    assert probe(write_track("a.wav", subtype=subtype)).is_float == (subtype in ("FLOAT", "DOUBLE"))


@pytest.mark.parametrize("sample_rate", [8000, 11025, 22050, 96000, 192000])
def test_rates_from_8_to_192_khz_are_accepted(write_track, sample_rate: int) -> None:
    assert probe(write_track("a.wav", sample_rate=sample_rate)).sample_rate == sample_rate


def refusal(path: Path) -> str:
    with pytest.raises(SongError) as caught:
        probe(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "a.wav")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    assert "is empty" in refusal(tmp_path / "a.wav")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3"])
def test_text_is_not_audio(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("these are my lyrics\n" * 40)
    assert "cannot be read as audio" in refusal(tmp_path / name) or "no samples" in refusal(tmp_path / name)


def test_an_unsupported_format_is_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "a.m4a").write_bytes(b"1234")
    assert "hint: convert it to WAV or FLAC" in refusal(tmp_path / "a.m4a")


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.flac", "a.ogg"])
def test_a_truncated_file_is_refused(write_track, name: str) -> None:
    path = write_track(name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert "is truncated" in refusal(path)


def test_a_wav_from_a_recorder_that_could_not_know_its_length_is_whole(write_track) -> None:
    path = write_track("a.wav")
    head = bytearray(path.read_bytes())
    size_at = head.index(b"data") + 4
    head[size_at : size_at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(head)
    assert probe(path).n_samples == 22050


@pytest.mark.parametrize("name", ["a.wav", "a.aiff"])
def test_a_file_without_samples_is_refused(write_track, name: str) -> None:
    assert "has no samples" in refusal(write_track(name, np.zeros((0, 1))))


def test_more_than_two_channels_are_refused(write_track) -> None:
    assert "has 6 channels" in refusal(write_track("a.wav", channels=6))


@pytest.mark.parametrize("sample_rate", [4000, 384000])
def test_rates_outside_8_to_192_khz_are_refused(write_track, sample_rate: int) -> None:
    assert f"{sample_rate} Hz" in refusal(write_track("a.wav", sample_rate=sample_rate))


def test_all_unfit_files_are_named_at_once(write_track, tmp_path: Path) -> None:
    with pytest.raises(SongError) as caught:
        probe_all([tmp_path / "x.wav", write_track("a.wav"), write_track("b.wav", channels=3)])
    assert [Path(problem.where).name for problem in caught.value.problems] == ["x.wav", "b.wav"]
