from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import soundfile

from hybrid.analysis.analyse import analyse
from hybrid.analysis.chunks import sum_of, workers
from hybrid.audio.align import find_lag
from hybrid.audio.manifest import load_song
from hybrid.audio.read import open_song
from hybrid.audio.song import Song, Track
from hybrid.measure import loudness
from hybrid.mixing.mixdown import rendered
from hybrid.treatment import effect
from hybrid.treatment.types import Dry, Treatment, neutral
from hybrid.unmixing.fit import Fit, fit

pytestmark = pytest.mark.long

RATE = 22050
SECONDS = 6.0
BANDS_HZ = {
    "01_Kick": (40, 120, 1),
    "02_Bass": (60, 700, 1),
    "03_Pad": (200, 4000, 2),
    "04_LeadVox": (150, 6000, 1),
    "05_Hats": (3000, 10000, 2),
}


def coloured(rng: np.random.Generator, low_hz: float, high_hz: float, channels: int) -> np.ndarray:
    """Noise between two frequencies that comes and goes a few times a second, its channels partly alike."""
    n = int(SECONDS * RATE)
    spectrum = np.fft.rfft(rng.normal(size=(channels, n)) + 0.7 * rng.normal(size=n))
    f = np.fft.rfftfreq(n, 1 / RATE)
    spectrum *= 1.0 / (1.0 + (low_hz / np.maximum(f, 1.0)) ** 4 + (f / high_hz) ** 4)
    sound = np.fft.irfft(spectrum, n)
    knots = rng.uniform(0.0, 1.0, int(5 * SECONDS)) ** 3
    envelope = np.interp(np.arange(n), np.linspace(0, n, len(knots)), knots)
    return 0.1 * envelope * sound / np.sqrt(np.mean(np.square(sound)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("song")
    for name, (low, high, channels) in BANDS_HZ.items():
        soundfile.write(path / f"{name}.wav", coloured(rng, low, high, channels).T, RATE, subtype="FLOAT")
    return path


@pytest.fixture(scope="module")
def song(folder: Path) -> Song:
    return load_song(folder)


@pytest.fixture(scope="module")
def dry(song: Song) -> Dry:
    with open_song(song) as reader:
        return analyse(song, reader).dry


@pytest.fixture
def fitted(song: Song, dry: Dry, tmp_path: Path) -> Callable[[np.ndarray], Fit]:
    """Fits the song to samples (channel, time)."""

    def run(samples: np.ndarray) -> Fit:
        path = tmp_path / "mix.wav"
        soundfile.write(path, samples.T, RATE, subtype="FLOAT")
        mix = Song("mix", tmp_path, (Track("mix", (path,), 2, "unknown", (), 0.0),), RATE, samples.shape[1])
        with open_song(song) as reader, open_song(mix) as mix_reader:
            return fit(song, reader, mix_reader, dry, lambda stage, share: None)

    return run


def treatment_of(song: Song, dry: Dry, seed: int) -> Treatment:
    """Random levels, tones, positions and widths; the output is 5 dB down."""
    rng = np.random.default_rng(seed)
    n, padded = len(song.tracks), dry.active.shape[0]

    def parts(values: np.ndarray) -> jnp.ndarray:
        room = [(0, padded - n), *[(0, 0)] * (values.ndim - 1)]
        return jnp.asarray(np.pad(values, room), jnp.float32)

    nothing = neutral(padded, SECONDS, 1.0)
    stereo = np.array([track.channels == 2 for track in song.tracks])
    return replace(
        nothing,
        gain=nothing.gain._replace(level_db=parts(rng.uniform(-8.0, 4.0, n))),
        eq=nothing.eq._replace(tone_db=parts(rng.uniform(-4.0, 4.0, (n, 10)))),
        pan=nothing.pan._replace(
            position=parts(rng.uniform(-80.0, 80.0, n)), width_db=parts(rng.uniform(-9.0, 2.0, n) * stereo)
        ),
        master=nothing.master._replace(level_db=jnp.asarray(-5.0)),
    )


def mixed(song: Song, treatment: Treatment) -> np.ndarray:
    with open_song(song) as reader, workers(reader.n_threads) as pool:
        chunks = [sum_of(chunk.stems) for chunk in rendered(song, reader, treatment, pool)]
    return 10.0 ** (float(treatment.master.level_db) / 20.0) * np.concatenate(chunks, axis=1)


def raw(song: Song) -> list[np.ndarray]:
    """The tracks as they are, each in two channels."""
    with open_song(song) as reader:
        return [
            np.broadcast_to(reader.read(i, 0, song.n_samples), (2, song.n_samples)) for i in range(len(song.tracks))
        ]


def loudness_lufs(dry: Dry, treatment: Treatment) -> np.ndarray:
    power = effect.track_k(effect.treated(dry, treatment))
    return np.asarray(loudness.active_lufs(power, dry.active)) + float(treatment.master.level_db)


def level_db(found: Fit) -> np.ndarray:
    return np.asarray(found.treatment.gain.level_db + found.treatment.master.level_db)


@pytest.mark.parametrize("seed", [0])
def test_a_treatment_is_found_in_the_mix_that_it_made(
    song: Song, dry: Dry, fitted: Callable[[np.ndarray], Fit], seed: int
) -> None:
    true = treatment_of(song, dry, seed)
    found = fitted(mixed(song, true))
    n = len(song.tracks)
    heard, wanted = loudness_lufs(dry, found.treatment)[:n], loudness_lufs(dry, true)[:n]
    assert heard == pytest.approx(wanted, abs=0.3)
    assert found.treatment.pan.position[:n] == pytest.approx(np.asarray(true.pan.position)[:n], abs=3.0)
    assert found.treatment.pan.width_db[:n] == pytest.approx(np.asarray(true.pan.width_db)[:n], abs=1.5)
    assert found.explained > 0.98
    assert np.min(found.confidence) > 0.8


def test_a_late_mix_is_found_to_a_fraction_of_a_sample(song: Song, fitted: Callable[[np.ndarray], Fit]) -> None:
    mix = np.sum(raw(song), axis=0)
    late = 700.25
    spectrum = np.fft.rfft(np.pad(mix, ((0, 0), (0, 2000))))
    turned = spectrum * np.exp(-2j * np.pi * late * np.arange(spectrum.shape[1]) / (mix.shape[1] + 2000))
    found = fitted(np.fft.irfft(turned, mix.shape[1] + 2000))
    assert (found.lag.samples, found.lag.is_reliable) == (pytest.approx(late, abs=0.05), True)
    assert found.explained > 0.98
    assert level_db(found)[: len(song.tracks)] == pytest.approx(0.0, abs=0.3)


def test_a_mix_of_something_else_lines_up_nowhere_and_explains_little(
    song: Song, fitted: Callable[[np.ndarray], Fit]
) -> None:
    other = np.broadcast_to(coloured(np.random.default_rng(9), 100, 8000, 1), (2, int(SECONDS * RATE)))
    found = fitted(other)
    assert not found.lag.is_reliable
    assert found.explained < 0.2
    assert np.all(np.isfinite(found.treatment.eq.tone_db))


def test_a_track_that_is_not_in_the_mix_is_far_below_the_others(
    song: Song, fitted: Callable[[np.ndarray], Fit]
) -> None:
    found = fitted(np.sum(raw(song)[:4], axis=0))
    assert level_db(found)[:4] == pytest.approx(0.0, abs=0.3)
    assert level_db(found)[4] < -20.0


def test_a_track_whose_waveform_is_not_in_the_mix_is_found_by_its_envelope(
    song: Song, fitted: Callable[[np.ndarray], Fit]
) -> None:
    tracks = raw(song)
    # hits that come 3 ms late one by one: no gain explains the waveform, and the power hardly changes
    hats = np.roll(tracks[4], 66, axis=1)
    found = fitted(np.sum([*tracks[:4], hats], axis=0))
    assert level_db(found)[4] == pytest.approx(0.0, abs=1.0)
    assert found.confidence[4] < found.confidence[3]


def test_tracks_that_are_one_and_the_same_share_its_level(tmp_path: Path) -> None:
    sound = coloured(np.random.default_rng(1), 100, 5000, 1)
    for name in ("a", "b"):
        soundfile.write(tmp_path / f"{name}.wav", sound.T, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "other.wav", np.concatenate([sound, sound]).T, RATE, subtype="FLOAT")
    song = load_song(tmp_path)
    song = replace(song, tracks=song.tracks[:2])
    mix = Song("mix", tmp_path, (Track("mix", (tmp_path / "other.wav",), 2, "unknown", (), 0.0),), RATE, len(sound[0]))
    with open_song(song) as reader, open_song(mix) as mix_reader:
        found = fit(song, reader, mix_reader, analyse(song, reader).dry, lambda stage, share: None)
    assert level_db(found)[:2] == pytest.approx(-6.02, abs=0.3)


def test_the_lag_of_noise_is_not_clear() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 1 << 18))

    def source(of: np.ndarray) -> Callable[[int, int], np.ndarray]:
        return lambda start, n: of[np.arange(start, start + n) % len(of)]

    assert not find_lag(source(x), source(y), 100_000, 8000).is_reliable
    found = find_lag(source(x), source(np.roll(x, -1234)), 100_000, 8000)
    assert (found.samples, found.is_reliable) == (pytest.approx(-1234.0, abs=0.02), True)


def test_the_faders_of_a_real_mix_are_found() -> None:
    folder = Path(__file__).resolve().parents[3] / "shared" / "songs" / "lmms_capdan_reggaetry"
    if not folder.exists():
        pytest.skip("the song with its author's faders is not here")
    song = load_song(folder)
    settings = json.loads((folder / "settings.json").read_text())
    scale = json.loads((folder / "norm_gain.json").read_text())
    volume = {"_".join(t["name"].lower().replace("-", "_").split()): t["vol"] / 100 for t in settings["tracks"]}
    volume = {name.replace("(", "").replace(")", ""): gain for name, gain in volume.items()}
    author = np.array([20 * np.log10(volume[t.id.split("_", 1)[1]] / scale[t.id]) for t in song.tracks])
    mix = Song("mix", folder, (Track("mix", (folder / "mix.flac",), 2, "unknown", (), 0.0),), 44100, song.n_samples)
    with open_song(song) as reader, open_song(mix) as mix_reader:
        found = fit(song, reader, mix_reader, analyse(song, reader).dry, lambda stage, share: None)
    difference = level_db(found)[: len(author)] - author
    assert difference - np.median(difference) == pytest.approx(0.0, abs=0.3)
    assert found.explained > 0.95
