from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.audio.assemble import SongSpec, assemble
from hybrid.audio.probe import probe
from hybrid.audio.read import open_song
from hybrid.audio.samples import is_silent
from hybrid.audio.song import Song, Track
from hybrid.errors import InputError, SongError


def song_of(*paths: Path, gain_db: float = 0.0, offset_s: float = 0.0) -> Song:
    tracks = tuple(
        Track(path.stem, (path,), probe(path).channels, "unknown", (), 0.0, gain_db, offset_s) for path in paths
    )
    return assemble(SongSpec(paths[0].parent, "song", tracks))


def read_whole(song: Song) -> np.ndarray:
    with open_song(song) as reader:
        return reader.read(0, 0, song.n_samples)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff"])
def test_lossless_samples_are_those_of_the_file(write_track, name: str, channels: int) -> None:
    path = write_track(name, channels=channels)
    expected, _ = soundfile.read(path, dtype="float32", always_2d=True)
    np.testing.assert_array_equal(read_whole(song_of(path)), expected.T)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_any_place_reads_as_it_does_from_the_start(write_track, name: str) -> None:
    song = song_of(write_track(name, 0.1 * np.random.default_rng(0).standard_normal((150_000, 2))))
    whole = read_whole(song)
    with open_song(song) as reader:
        for start in (100_000, 7, 50_000, 149_000, 0):
            np.testing.assert_array_equal(reader.read(0, start, 1000), whole[:, start : start + 1000])


def test_outside_of_the_file_there_is_silence(write_track) -> None:
    song = song_of(write_track("a.wav", np.full(100, 0.5)))
    with open_song(song) as reader:
        block = reader.read(0, -50, 200)
        assert reader.read(0, 1000, 10).tolist() == [[0.0] * 10]
    np.testing.assert_array_equal(block[0] != 0.0, np.arange(200) // 50 % 3 != 0)


def test_gain_and_offset_of_the_manifest_are_applied(write_track) -> None:
    path = write_track("a.wav", np.full(4410, 0.25), subtype="FLOAT")
    late = read_whole(song_of(path, gain_db=6.0206, offset_s=0.1))[0]
    assert len(late) == 8820
    assert not late[:4410].any()
    np.testing.assert_allclose(late[4410:], 0.5, rtol=1e-5)
    assert len(read_whole(song_of(path, offset_s=-0.05))[0]) == 2205


def test_an_inverted_track_is_the_negative_of_the_upright_one(write_track) -> None:
    song = song_of(write_track("a.wav", 0.1 * np.random.default_rng(0).standard_normal(1000)))
    turned = replace(song, tracks=(replace(song.tracks[0], polarity=-1),))
    np.testing.assert_array_equal(read_whole(turned), -read_whole(song))


def test_an_open_reader_reads_another_version_of_its_song(write_track) -> None:
    song = song_of(write_track("a.wav", 0.1 * np.random.default_rng(0).standard_normal(1000)))
    other = replace(song, tracks=(replace(song.tracks[0], polarity=-1, offset_s=-100 / song.sample_rate),))
    with open_song(song) as reader:
        whole, moved = reader.read(0, 0, 1000), reader.for_song(other).read(0, 0, 1000)
        np.testing.assert_array_equal(reader.read(0, 0, 1000), whole)
    np.testing.assert_array_equal(moved[:, :900], -whole[:, 100:])
    assert not moved[:, 900:].any()


def test_two_mono_files_are_left_and_right_though_one_is_shorter(write_track) -> None:
    left = write_track("a L.wav", np.full(100, 0.5))
    right = write_track("a R.wav", np.full(80, -0.5))
    pair = Track("a", (left, right), 2, "unknown", (), 0.0, gain_db=-6.0206)
    block = read_whole(assemble(SongSpec(left.parent, "song", (pair,))))
    np.testing.assert_allclose(block[0], 0.25, rtol=1e-5)
    np.testing.assert_allclose(block[1], np.where(np.arange(100) < 80, -0.25, 0.0), rtol=1e-5)


@pytest.mark.parametrize("sample_rate", [8000, 22050, 48000, 96000, 192000])
def test_a_tone_at_another_rate_keeps_its_pitch_level_and_place(write_track, sample_rate: int) -> None:
    def tone(rate: int) -> np.ndarray:
        return 0.5 * np.sin(2 * np.pi * 1000.0 * np.arange(rate // 2) / rate)

    song = song_of(
        write_track("a.wav", tone(sample_rate), sample_rate=sample_rate, subtype="FLOAT"),
        write_track("b.wav"),
        write_track("c.wav"),
    )
    assert song.sample_rate == 44100
    with open_song(song) as reader:
        block = reader.read(0, 2000, 18000)[0]
    # soxr's HQ passband is flat to 0.01 dB; the edges of the file ring and are left out.
    np.testing.assert_allclose(block, tone(44100)[2000:20000], atol=1e-3)


def test_the_most_common_rate_wins_and_of_two_the_higher(write_track) -> None:
    low = write_track("a.wav", sample_rate=44100)
    high = write_track("b.wav", sample_rate=48000)
    assert song_of(low, high).sample_rate == 48000
    assert song_of(low, high, write_track("c.wav", sample_rate=44100)).sample_rate == 44100


def test_temporary_files_are_deleted_and_files_closed(write_track, tmp_path: Path, monkeypatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    song = song_of(write_track("a.ogg"), write_track("b.wav", sample_rate=48000), write_track("c.wav"))
    with pytest.raises(KeyboardInterrupt), open_song(song) as reader:
        assert len(list(scratch.glob("*/*"))) == 2
        raise KeyboardInterrupt
    assert list(scratch.iterdir()) == []
    with pytest.raises(RuntimeError):
        reader.read(2, 0, 10)


def test_a_temporary_folder_that_is_full_is_named(write_track, tmp_path: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise soundfile.LibsndfileError(2)  # a system error, which is all that libsndfile says of a full disk

    song = song_of(write_track("a.wav", sample_rate=44100), write_track("b.wav", sample_rate=48000))
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    monkeypatch.setattr(soundfile.SoundFile, "write", full)
    with pytest.raises(InputError, match="cannot hold a decoded copy of") as caught, open_song(song):
        pass
    assert caught.value.problems[0].where == str(tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize(("value", "expected"), [(np.nan, "NaN"), (np.inf, "an infinite sample")])
@pytest.mark.parametrize("sample_rate", [44100, 48000])
def test_a_sample_that_is_no_number_is_refused_with_its_time(
    write_track, value: float, expected: str, sample_rate: int
) -> None:
    samples = np.full(2 * sample_rate, 0.1)
    samples[sample_rate * 3 // 2] = value
    bad = write_track("a.wav", samples, sample_rate=sample_rate, subtype="FLOAT")
    song = song_of(bad, write_track("b.wav"), write_track("c.wav"))
    assert song.sample_rate == 44100
    with pytest.raises(SongError, match=rf"a\.wav: holds {expected} at 1\.500 s"), open_song(song) as reader:
        reader.read(0, 0, song.n_samples)


def test_a_file_that_ends_before_its_declared_length_is_refused(write_track) -> None:
    path = write_track("a.mp3", 0.1 * np.random.default_rng(0).standard_normal(88200))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SongError, match="is truncated"), open_song(song_of(path)):
        pass


def test_damage_within_a_flac_file_is_refused(write_track) -> None:
    path = write_track("a.flac", 0.1 * np.random.default_rng(0).standard_normal(88200))
    content = bytearray(path.read_bytes())
    content[110_000:140_000] = bytes(30_000)
    path.write_bytes(content)
    with pytest.raises(SongError, match="is damaged"), open_song(song_of(path)) as reader:
        reader.read(0, 0, 88200)


def test_tracks_may_be_read_from_two_threads(write_track) -> None:
    song = song_of(*(write_track(f"{name}.flac", channels=2) for name in "abcd"))
    with open_song(song) as reader:
        whole = [reader.read(i, 0, song.n_samples) for i in range(4)]

        def in_blocks(i: int) -> np.ndarray:
            return np.concatenate([reader.read(i, start, 500) for start in range(0, 22000, 500)], axis=1)

        with ThreadPoolExecutor(2) as pool:
            np.testing.assert_array_equal(list(pool.map(in_blocks, range(4))), np.stack(whole)[..., :22000])


def test_one_sample_is_enough(write_track) -> None:
    np.testing.assert_allclose(read_whole(song_of(write_track("a.wav", np.array([0.5])))), [[0.5]])


def test_a_silent_track_is_noted_and_a_silent_song_refused(write_track) -> None:
    silent = write_track("a.wav", np.zeros(100))
    assert song_of(silent, write_track("b.wav")).notes == ("a is silent",)
    with pytest.raises(SongError, match="all tracks are silent: a"):
        song_of(silent)


def test_dither_is_silence_and_a_sound_at_minus_80_dbfs_is_not(write_track) -> None:
    dither = np.resize([0.0, 1.0, 0.0, -1.0], 200_000) / 32768
    assert is_silent(probe(write_track("dither.wav", dither, subtype="PCM_16")))
    assert not is_silent(probe(write_track("soft.wav", np.append(dither, 1e-4), subtype="FLOAT")))


def test_a_song_that_is_over_before_it_begins_is_refused(write_track) -> None:
    with pytest.raises(SongError, match="before the song begins"):
        song_of(write_track("a.wav"), offset_s=-10.0)


def test_a_gain_beyond_what_can_be_computed_with_is_refused(write_track) -> None:
    # one loud sample among blocks that are looked into for their scale: it is no integer
    samples = np.full((3 * 10**6, 1), 0.1)
    samples[100_000] = 5e9
    path = write_track("a.wav", samples, subtype="FLOAT")
    with pytest.raises(SongError, match=r"a: its gain_db of 120 makes samples of it too loud"):
        read_whole(song_of(path, gain_db=120.0))
    assert np.abs(read_whole(song_of(path, gain_db=-120.0))[0]).max() == pytest.approx(5e3)
