"""Levels, pans and tones of tracks, recovered from mixes with known ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import signal

from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.judging.distance import track_errors
from hybrid.judging.mix import normalise_mix
from hybrid.judging.tracks import Audibility, TrackFit, fit_tracks, track_audibility
from tests.judging.signals import RATE, band_of_three, mixed, write_song

GAIN = {"bass": -6.0, "guitar": 3.0, "hihat": 0.0}
PAN = {"hihat": 0.5, "bass": -0.2}


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    return write_song(tmp_path_factory.mktemp("song") / "three", band_of_three())


def _fits(song: Song, *sounds: np.ndarray) -> list[TrackFit]:
    with open_song(song) as reader:
        return fit_tracks(reader, [normalise_mix(str(k), sound, RATE) for k, sound in enumerate(sounds)])


def _by_name(song: Song, values: np.ndarray) -> dict[str, float]:
    return {track.id: float(value) for track, value in zip(song.tracks, values, strict=True)}


def test_known_levels_and_pans_are_recovered(song: Song):
    (fit,) = _fits(song, mixed(band_of_three(), GAIN, PAN))
    level, pan = _by_name(song, fit.level_db), _by_name(song, fit.pan)
    assert fit.explained > 0.999
    for name in ("guitar", "hihat"):
        assert level[name] - level["bass"] == pytest.approx(GAIN[name] - GAIN["bass"], abs=0.1)
    for name in ("bass", "guitar", "hihat"):
        assert pan[name] == pytest.approx(PAN.get(name, 0.0), abs=0.02)


def test_a_filter_on_one_track_changes_the_tone_of_that_track_only(song: Song):
    tracks = band_of_three()
    changed = dict(tracks)
    b, a = signal.butter(1, 1000.0, "highpass", fs=RATE)
    changed["guitar"] = signal.filtfilt(b, a, tracks["guitar"])
    plain, cut = _fits(song, mixed(tracks, {}), mixed(changed, {}))
    index = [track.id for track in song.tracks].index("guitar")
    rise = cut.tone_db - plain.tone_db
    assert rise[index, -1] - rise[index, 1] > 15.0
    assert np.abs(rise[[k for k in range(3) if k != index]]).max() < 3.0


def test_known_errors_are_recovered_at_any_loudness(song: Song):
    tracks = band_of_three()
    reference, same, other = _fits(
        song,
        mixed(tracks, GAIN, PAN),
        0.3 * mixed(tracks, GAIN, PAN),
        mixed(tracks, {**GAIN, "bass": GAIN["bass"] + 6.0}, {**PAN, "hihat": -0.5}),
    )
    nothing = track_errors(same, reference)
    assert max(nothing.values()) < 0.02
    result = track_errors(other, reference)
    # one of three is 6 dB off the median, and one of three is moved by one
    assert result["level_lu"] == pytest.approx(2.0, abs=0.1)
    assert result["pan"] == pytest.approx(1.0 / 3.0, abs=0.02)
    assert result["tone_db"] < 0.2


def test_sound_of_no_track_is_not_explained(song: Song):
    alien = 0.3 * np.random.default_rng(9).standard_normal((2, 6 * RATE)).astype(np.float32)
    alone, beside = _fits(song, alien, mixed(band_of_three(), {}) + alien)
    assert alone.explained < 0.05
    assert 0.05 < beside.explained < 0.95


def test_a_track_that_is_missing_in_one_mix_is_not_compared(song: Song):
    tracks = band_of_three()
    without = {name: samples for name, samples in tracks.items() if name != "hihat"}
    whole, less = _fits(song, mixed(tracks, {}), mixed(without, {}))
    index = [track.id for track in song.tracks].index("hihat")
    assert whole.present.all() and not less.present[index]
    assert track_errors(less, whole)["level_lu"] < 0.1


def _audibility(folder: Path, tracks: dict[str, np.ndarray], gain_db: dict[str, float]) -> tuple[Song, Audibility]:
    song = write_song(folder, tracks)
    with open_song(song) as reader:
        fits = fit_tracks(reader, [normalise_mix("a", mixed(tracks, gain_db), RATE)])
        return song, track_audibility(reader, fits)[0]


def test_a_track_alone_is_fully_audible(tmp_path: Path):
    _, result = _audibility(tmp_path / "one", {"guitar": band_of_three()["guitar"]}, {})
    assert result.mean == pytest.approx(1.0, abs=1e-6)


def test_distant_bands_do_not_mask_each_other_and_equal_tracks_do(tmp_path: Path):
    t = np.arange(6 * RATE) / RATE
    low, high = (0.1 * np.sin(2.0 * np.pi * hz * t)[None] for hz in (100.0, 5000.0))
    _, apart = _audibility(tmp_path / "apart", {"bass": low, "hihat": high}, {})
    rng = np.random.default_rng(2)
    both = {name: 0.1 * rng.standard_normal((1, len(t))) for name in ("guitar", "piano")}
    _, together = _audibility(tmp_path / "together", both, {})
    assert apart.mean > 0.95
    assert together.mean == pytest.approx(2.0**0.23 - 1.0, abs=0.05)


def test_the_louder_of_two_tracks_is_more_audible(tmp_path: Path):
    rng = np.random.default_rng(2)
    both = {name: 0.1 * rng.standard_normal((1, 6 * RATE)) for name in ("guitar", "piano")}
    song, result = _audibility(tmp_path / "two", both, {"guitar": 10.0})
    share = _by_name(song, result.track)
    assert share["guitar"] > 2.0 * share["piano"]
