from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.calibrate.find import MixedSong, find_mixed_songs
from hybrid.calibrate.folders import MixObservations, observe_song
from hybrid.calibrate.observations import Quantity
from hybrid.calibrate.parent import load_parent
from hybrid.calibrate.probes import probes
from hybrid.errors import InputError

pytestmark = pytest.mark.long

RATE = 22050
SECONDS = 5.0
FADERS_DB = {"lead_vocal": 0.0, "kick": -3.0, "bass": -6.0, "gtr": -9.0}
BANDS_HZ = {"lead_vocal": (300, 4000), "kick": (40, 110), "bass": (110, 600), "gtr": (200, 6000)}
PAN = {"gtr": 60.0}


def noise(rng: np.random.Generator, low_hz: float, high_hz: float) -> np.ndarray:
    """Noise between two frequencies that comes and goes, so that tracks can be told apart."""
    n = int(SECONDS * RATE)
    f = np.fft.rfftfreq(n, 1 / RATE)
    shape = 1.0 / (1.0 + (low_hz / np.maximum(f, 1.0)) ** 4 + (f / high_hz) ** 4)
    sound = np.fft.irfft(np.fft.rfft(rng.normal(size=n)) * shape, n)
    knots = rng.uniform(0.3, 1.0, int(4 * SECONDS))
    envelope = np.interp(np.arange(n), np.linspace(0, n, len(knots)), knots)
    return 0.05 * envelope * sound / np.sqrt(np.mean(np.square(sound)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a song whose mix is a sum of faded and panned tracks, and one that has no mix."""
    path = tmp_path_factory.mktemp("songs")
    rng = np.random.default_rng(4)
    (path / "one").mkdir()
    (path / "two").mkdir()
    total = np.zeros((int(SECONDS * RATE), 2))
    for name, (low, high) in BANDS_HZ.items():
        sound = noise(rng, low, high)
        soundfile.write(path / "one" / f"{name}.wav", sound, RATE, subtype="FLOAT")
        soundfile.write(path / "two" / f"{name}.wav", sound, RATE, subtype="FLOAT")
        angle = (PAN.get(name, 0.0) + 100.0) * math.pi / 400.0
        gains = math.sqrt(2.0) * np.array([math.cos(angle), math.sin(angle)])
        total += 10.0 ** (FADERS_DB[name] / 20.0) * sound[:, None] * gains
    soundfile.write(path / "one" / "Final Mix.wav", total, RATE, subtype="FLOAT")
    return path


@pytest.fixture(scope="module")
def observed(folder: Path) -> MixObservations:
    (song,), _ = find_mixed_songs(folder, None)
    return observe_song(song, load_parent("base"), 0.5, lambda stage, share: None)


def value(observed: MixObservations, quantity: Quantity, of: str) -> float:
    (only,) = [each.value for each in observed.observations if (each.quantity, each.of) == (quantity, of)]
    return only


def test_songs_with_a_mix_are_selected_and_the_others_listed(folder: Path):
    songs, notes = find_mixed_songs(folder, None)
    assert songs == [MixedSong(folder / "one", (folder / "one" / "Final Mix.wav",))]
    assert notes == [f"{folder / 'two'}: holds no finished mix, left out"]
    assert find_mixed_songs(folder / "one", None) == (songs, [])


def test_a_pattern_selects_the_mixes(folder: Path):
    songs, notes = find_mixed_songs(folder, "gtr*")
    assert [song.mixes[0].name for song in songs] == ["gtr.wav", "gtr.wav"]
    assert notes == []
    with pytest.raises(InputError, match="holds no file like 'x\\*'"):
        find_mixed_songs(folder, "x*")


def test_levels_over_the_mix_are_those_of_the_faders(observed: MixObservations):
    levels = {role: value(observed, "level", role) for role in ("vocal.lead", "drums.kick", "guitar")}
    shares = [value(observed, "share", name) for name in ("vocal.lead", "drums", "bass", "harmony")]
    # uncorrelated tracks that sound nearly all the time: their shares make the whole
    assert 10.0 * math.log10(sum(10.0 ** (share / 10.0) for share in shares)) == pytest.approx(0.0, abs=0.3)
    assert value(observed, "covered", "budget") == pytest.approx(0.0, abs=0.3)
    assert levels["vocal.lead"] == pytest.approx(value(observed, "share", "vocal.lead"), abs=1e-3)
    assert value(observed, "lead", "lead") > 0.0
    assert levels["vocal.lead"] > levels["guitar"]


def test_places_are_those_of_the_pans(observed: MixObservations):
    # five seconds of noise in shared bands are alike by chance, which the fit cannot tell from a pan: 3 units here
    assert value(observed, "distance", "guitar") == pytest.approx(60.0, abs=4.0)
    for role in ("vocal.lead", "drums.kick", "bass"):
        assert value(observed, "distance", role) == pytest.approx(0.0, abs=1.0)


def test_width_and_spectrum_of_the_whole_are_measured(observed: MixObservations):
    assert value(observed, "side", "low.centre") < -20.0
    assert -40.0 <= value(observed, "side", "width.treble") < 0.0
    assert len([each for each in observed.observations if each.quantity == "spectrum"]) > 10


def test_tracks_of_little_confidence_are_left_out_and_named(folder: Path):
    (song,), _ = find_mixed_songs(folder, None)
    all_doubtful = observe_song(song, load_parent("base"), 1.0, lambda stage, share: None)
    assert {each.quantity for each in all_doubtful.observations} == {"side", "spectrum"}
    (note,) = [note for note in all_doubtful.notes if "confidence below 100%" in note]
    assert all(name in note for name in FADERS_DB)


def test_tracks_of_another_song_are_not_observed(folder: Path, tmp_path: Path):
    other = noise(np.random.default_rng(9), 100, 8000)
    soundfile.write(tmp_path / "mix.wav", other, RATE, subtype="FLOAT")
    song = MixedSong(folder / "two", (tmp_path / "mix.wav",))
    stranger = observe_song(song, load_parent("base"), 0.5, lambda stage, share: None)
    assert {each.quantity for each in stranger.observations} == {"side", "spectrum"}
    assert any("less than half: only the whole is used" in note for note in stranger.notes)


def test_a_mix_that_is_silent_is_noted_and_the_others_count(folder: Path, tmp_path: Path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    mixes = (tmp_path / "silent.wav", folder / "one" / "Final Mix.wav")
    observed_mixes = observe_song(MixedSong(folder / "one", mixes), load_parent("base"), 0.5, lambda stage, share: None)
    assert {each.mix for each in observed_mixes.observations} == {"Final Mix.wav"}
    assert any("is silent" in note for note in observed_mixes.notes)


def test_every_probe_measures_and_moves_nothing_of_the_parent():
    parent = load_parent("base")
    assert {rule.id for rule in parent.side} <= {rule.id for rule in probes(parent).rules}
    assert probes(parent).sets == parent.rules.sets
