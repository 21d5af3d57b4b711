"""What is predicted of powers is what is measured of rendered audio."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.analysis.analyse import Analysis, analyse
from hybrid.analysis.chunks import sum_of, workers
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.measure import loudness, spectrum
from hybrid.measure.meter import Levels
from hybrid.measure.panel import Measured, predict
from hybrid.mixing.mixdown import rendered
from hybrid.mixing.observe import Observer
from hybrid.treatment import effect
from tests.mixing.made import RATE, lively, nothing, read_meter, song_of, sounds

pytestmark = pytest.mark.long

panel_of = jax.jit(predict)
mix_power = jax.jit(effect.mix_power)


class Heard(NamedTuple):
    """A treated song, predicted and rendered."""

    song: Song
    predicted: Measured
    observed: Measured
    stems: list[Levels]
    mix: Levels


def heard(song: Song, seed: int | None) -> Heard:
    """Under a lively treatment, or none."""
    with open_song(song) as reader, workers(reader.n_threads) as pool:
        analysis: Analysis = analyse(song, reader)
        treatment = nothing(analysis.dry) if seed is None else lively(analysis.dry, seed)
        observer, pieces = Observer(song, analysis.dry, pool), []
        for chunk in rendered(song, reader, treatment, pool):
            observer.add(sum_of(chunk.stems), chunk.filtered)
            pieces.append(np.stack(chunk.stems))
        stems = np.concatenate(pieces, axis=-1)
        mix = read_meter(stems.sum(axis=0))
        observed = observer.measured(treatment, mix)
    return Heard(song, panel_of(analysis.dry, treatment), observed, [read_meter(stem) for stem in stems], mix)


@pytest.fixture(scope="module", params=[0, 1], ids=["one treatment", "another"])
def band(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Heard:
    return heard(song_of(tmp_path_factory.mktemp("band"), sounds(duration_s=12.0)), request.param)


def track_errors(predicted: Measured, stems: list[Levels]) -> np.ndarray:
    read = loudness.integrated_lufs(predicted.track_k, predicted.dry.inside, predicted.dry.frame_s)
    return np.asarray(read)[: len(stems)] - np.array([stem.integrated_lufs for stem in stems])


def test_loudness_of_every_track_agrees_with_the_meter_on_its_audio(band):
    error = np.abs(track_errors(band.predicted, band.stems))
    # gains within a band and within a frame are averaged: what real songs are held to
    assert error.mean() < 0.3
    assert error.max() < 0.8


def test_loudness_of_a_mix_with_tracks_that_share_phase_agrees(band):
    assert float(band.predicted.loudness_lufs) == pytest.approx(band.mix.integrated_lufs, abs=0.15)


def test_band_levels_of_the_mix_agree(band):
    always = jnp.ones(band.predicted.mix_k.shape)
    predicted, observed = (
        np.asarray(spectrum.long_term_db(measured.mix_power, always)) for measured in (band.predicted, band.observed)
    )
    heard_bands = predicted > predicted.max() - 60.0
    assert np.abs(predicted - observed)[heard_bands].mean() < 0.5


def test_what_is_observed_of_the_stems_is_what_the_meter_reads(band):
    # no treatment lies between them: only the smearing of frames
    assert np.abs(track_errors(band.observed, band.stems)).max() < 0.15
    summed = float(loudness.integrated_lufs(band.observed.mix_k, band.observed.dry.inside, band.observed.dry.frame_s))
    assert summed == pytest.approx(band.mix.integrated_lufs, abs=0.1)
    assert float(band.observed.loudness_lufs) == pytest.approx(band.mix.integrated_lufs, abs=1e-4)


def test_pairs_that_share_phase_are_predicted_as_they_are_observed(band):
    predicted, observed = (np.asarray(m.pair_k).sum(axis=-1) for m in (band.predicted, band.observed))
    whole = float(np.asarray(band.observed.mix_k).sum())
    assert np.abs(predicted).max() > 0.01 * whole
    np.testing.assert_allclose(predicted, observed, atol=0.02 * whole)


def predicted_gain(result: Heard) -> float:
    """Loudness of the predicted mix over that of its first track, LU."""
    track = loudness.integrated_lufs(
        result.predicted.track_k[0], result.predicted.dry.inside, result.predicted.dry.frame_s
    )
    return float(result.predicted.loudness_lufs - track)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return 0.05 * np.random.default_rng(0).standard_normal((1, 2 * RATE)).astype(np.float32)


def test_identical_tracks_add_6_02_lu(tmp_path, noise):
    result = heard(song_of(tmp_path, {"one": noise, "copy": noise}), None)
    assert result.mix.integrated_lufs - result.stems[0].integrated_lufs == pytest.approx(6.0206, abs=1e-3)
    assert predicted_gain(result) == pytest.approx(6.0206, abs=1e-3)


def test_an_inverted_copy_leaves_nothing(tmp_path, noise):
    result = heard(song_of(tmp_path, {"one": noise, "inverted": -noise}), None)
    assert result.mix.integrated_lufs < -100.0
    # what pairs add is K-weighted band by band, tracks bin by bin: 40 dB remain
    assert predicted_gain(result) < -40.0


@pytest.mark.parametrize("duration_s", [0.3, 0.5, 1.0, 2.0])
def test_a_short_song_is_predicted_as_loud_as_the_meter_reads_it(tmp_path, duration_s, noise):
    x = noise[:, : round(duration_s * RATE)]
    result = heard(song_of(tmp_path, {"one": x}), None)
    # blocks of noise differ: those of the meter begin elsewhere than frames do
    assert float(result.predicted.loudness_lufs) == pytest.approx(result.mix.integrated_lufs, abs=0.15)


def test_unrelated_tracks_add_3_01_lu(tmp_path, noise):
    other = 0.05 * np.random.default_rng(7).standard_normal(noise.shape).astype(np.float32)
    result = heard(song_of(tmp_path, {"one": noise, "other": other}), None)
    # what two seconds of noise have in common by chance
    assert result.mix.integrated_lufs - result.stems[0].integrated_lufs == pytest.approx(3.01, abs=0.1)
    assert predicted_gain(result) == pytest.approx(3.01, abs=0.1)
