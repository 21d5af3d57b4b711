"""Levels, places and tones of tracks are found in mixes made with known ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.judge.distance import track_errors
from hybrid.judge.mix import mix_of
from hybrid.judge.tracks import Fit, Heard, fit_tracks, heard
from tests.judge.made import RATE, band_of_three, mixed, write_song

GAIN = {"bass": -6.0, "guitar": 3.0, "hihat": 0.0}
PAN = {"hihat": 0.5, "bass": -0.2}


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    return write_song(tmp_path_factory.mktemp("song") / "three", band_of_three())


def _fits(song: Song, *sounds: np.ndarray) -> list[Fit]:
    with open_song(song) as reader:
        return fit_tracks(reader, [mix_of(str(k), sound, RATE) for k, sound in enumerate(sounds)])


def _by_name(song: Song, values: np.ndarray) -> dict[str, float]:
    return {track.id: float(value) for track, value in zip(song.tracks, values, strict=True)}


def test_levels_and_places_are_those_that_the_mix_was_made_with(song: Song):
    (fit,) = _fits(song, mixed(band_of_three(), GAIN, PAN))
    level, pan = _by_name(song, fit.level_db), _by_name(song, fit.pan)
    assert fit.explained > 0.999
    for name in ("guitar", "hihat"):
        assert level[name] - level["bass"] == pytest.approx(GAIN[name] - GAIN["bass"], abs=0.1)
    for name in ("bass", "guitar", "hihat"):
        assert pan[name] == pytest.approx(PAN.get(name, 0.0), abs=0.02)


def test_a_filter_on_one_track_is_its_tone_and_no_others(song: Song):
    tracks = band_of_three()
    changed = dict(tracks)
    b, a = signal.butter(1, 1000.0, "highpass", fs=RATE)
    changed["guitar"] = signal.filtfilt(b, a, tracks["guitar"])
    plain, cut = _fits(song, mixed(tracks, {}), mixed(changed, {}))
    index = [track.id for track in song.tracks].index("guitar")
    rise = cut.tone_db - plain.tone_db
    assert rise[index, -1] - rise[index, 1] > 15.0
    assert np.abs(rise[[k for k in range(3) if k != index]]).max() < 3.0


def test_errors_are_those_that_were_made_whatever_the_loudness(song: Song):
    tracks = band_of_three()
    wanted, same, other = _fits(
        song,
        mixed(tracks, GAIN, PAN),
        0.3 * mixed(tracks, GAIN, PAN),
        mixed(tracks, {**GAIN, "bass": GAIN["bass"] + 6.0}, {**PAN, "hihat": -0.5}),
    )
    nothing = track_errors(same, wanted)
    assert max(nothing.values()) < 0.02
    found = track_errors(other, wanted)
    # one of three is 6 dB off the median, and one of three is moved by one
    assert found["level_lu"] == pytest.approx(2.0, abs=0.1)
    assert found["pan"] == pytest.approx(1.0 / 3.0, abs=0.02)
    assert found["tone_db"] < 0.2


def test_what_no_track_explains_is_not_explained(song: Song):
    alien = 0.3 * np.random.default_rng(9).standard_normal((2, 6 * RATE)).astype(np.float32)
    alone, beside = _fits(song, alien, mixed(band_of_three(), {}) + alien)
    assert alone.explained < 0.05
    assert 0.05 < beside.explained < 0.95


def test_a_track_that_is_left_out_is_not_compared(song: Song):
    tracks = band_of_three()
    without = {name: samples for name, samples in tracks.items() if name != "hihat"}
    whole, less = _fits(song, mixed(tracks, {}), mixed(without, {}))
    index = [track.id for track in song.tracks].index("hihat")
    assert whole.present.all() and not less.present[index]
    assert track_errors(less, whole)["level_lu"] < 0.1


def _heard(folder: Path, tracks: dict[str, np.ndarray], gain_db: dict[str, float]) -> tuple[Song, Heard]:
    song = write_song(folder, tracks)
    with open_song(song) as reader:
        fits = fit_tracks(reader, [mix_of("a", mixed(tracks, gain_db), RATE)])
        return song, heard(reader, fits)[0]


def test_a_track_alone_is_heard_whole(tmp_path: Path):
    _, found = _heard(tmp_path / "one", {"guitar": band_of_three()["guitar"]}, {})
    assert found.mean == pytest.approx(1.0, abs=1e-6)


def test_tracks_in_different_octaves_are_heard_beside_each_other_and_equals_hide_each_other(tmp_path: Path):
    t = np.arange(6 * RATE) / RATE
    low, high = (0.1 * np.sin(2.0 * np.pi * hz * t)[None] for hz in (100.0, 5000.0))
    _, apart = _heard(tmp_path / "apart", {"bass": low, "hihat": high}, {})
    rng = np.random.default_rng(2)
    both = {name: 0.1 * rng.standard_normal((1, len(t))) for name in ("guitar", "piano")}
    _, together = _heard(tmp_path / "together", both, {})
    assert apart.mean > 0.95
    assert together.mean == pytest.approx(2.0**0.23 - 1.0, abs=0.05)


def test_the_louder_of_two_is_heard_more(tmp_path: Path):
    rng = np.random.default_rng(2)
    both = {name: 0.1 * rng.standard_normal((1, 6 * RATE)) for name in ("guitar", "piano")}
    song, found = _heard(tmp_path / "two", both, {"guitar": 10.0})
    share = _by_name(song, found.track)
    assert share["guitar"] > 2.0 * share["piano"]
