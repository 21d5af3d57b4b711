"""What is measured of the raw tracks: all of their power, who shares phase, and where each sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hybrid.analysis import recording
from hybrid.analysis.analyse import Analysis, analyse
from hybrid.analysis.chunks import sum_of
from hybrid.analysis.recording import bucket, frame_bucket
from hybrid.audio.read import open_song
from hybrid.signal import stft
from tests.mixing.made import RATE, read_meter, song_of, sounds

FRAME = stft.HOPS_PER_FRAME * stft.hop_samples(RATE)


def analysed(folder: Path, tracks: dict[str, np.ndarray], sample_rate: int = RATE) -> Analysis:
    song = song_of(folder, tracks, sample_rate)
    with open_song(song) as reader:
        return analyse(song, reader)


@pytest.fixture(scope="module")
def tracks() -> dict[str, np.ndarray]:
    return sounds()


@pytest.fixture(scope="module")
def band(tmp_path_factory: pytest.TempPathFactory, tracks: dict[str, np.ndarray]) -> Analysis:
    return analysed(tmp_path_factory.mktemp("band"), tracks)


def test_all_power_of_every_track_is_measured(band, tracks):
    energy = np.asarray(band.dry.power, np.float64).sum(axis=(2, 3)) * FRAME
    assert tracks
    for index, x in enumerate(tracks.values()):
        left, right = np.asarray(x[0], np.float64), np.asarray(x[-1], np.float64)
        expected = [np.sum(left * left), np.sum(right * right), np.sum(left * right)]
        # float32 sums of thousands of bins
        np.testing.assert_allclose(energy[index], expected, rtol=1e-4)


def test_tracks_that_only_fill_up_the_shape_are_silent_and_share_no_phase(band, tracks):
    assert not np.asarray(band.dry.power[len(tracks) :]).any()
    assert not np.asarray(band.dry.active[len(tracks) :]).any()
    empty = np.asarray(band.dry.pairs)[:, 0] == np.asarray(band.dry.pairs)[:, 1]
    assert not np.asarray(band.dry.cross)[empty].any()


def test_the_bass_and_its_amplifier_share_phase(band, tracks):
    names = list(tracks)
    pairs = {tuple(names[i] for i in pair) for pair in np.asarray(band.dry.pairs) if pair[0] != pair[1]}
    assert ("bass", "amp") in pairs


def test_the_raw_sum_reads_as_on_the_meter(band, tracks):
    total = sum(np.broadcast_to(x, (2, x.shape[1])) for x in tracks.values())
    levels = read_meter(total)
    assert band.raw_levels.integrated_lufs == pytest.approx(levels.integrated_lufs, abs=1e-4)
    assert band.raw_levels.true_peak_dbtp == pytest.approx(levels.true_peak_dbtp, abs=1e-3)
    crest = levels.true_peak_dbtp - levels.integrated_lufs
    assert float(band.dry.peak_to_loudness_db) == pytest.approx(crest, abs=1e-3)


def test_the_voice_is_active_where_it_sings(band, tracks):
    active = np.asarray(band.dry.active)[list(tracks).index("voice")]
    time_s = np.asarray(band.dry.time_s)
    assert active[(time_s > 0.3) & (time_s < 1.0)].all()
    assert not active[(time_s > 1.6) & (time_s < 2.2)].any()
    assert not active[time_s > 4.2].any()


def test_a_click_is_measured_in_the_frame_of_its_time(tmp_path):
    x = np.zeros((1, 2 * RATE), np.float32)
    x[0, RATE] = 1.0
    dry = analysed(tmp_path, {"click": x}).dry
    level = np.asarray(dry.power)[0, 0].sum(axis=-1)
    assert abs(float(dry.time_s[np.argmax(level)]) - 1.0) <= 0.5 * dry.frame_s


def test_a_mono_file_measures_as_a_stereo_file_of_twice_the_same(tmp_path, tracks):
    x = tracks["bass"]
    both = analysed(tmp_path, {"mono": x, "dual": np.concatenate([x, x])})
    power = np.asarray(both.dry.power)
    np.testing.assert_allclose(power[0], power[1], rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(both.dry.low_power[0], both.dry.low_power[1], rtol=1e-5)


def test_copies_and_inverted_copies_share_all_of_their_phase_and_other_noises_none(tmp_path):
    generator = np.random.default_rng(1)
    one, other = (0.1 * generator.standard_normal((1, 2 * RATE)).astype(np.float32) for _ in range(2))
    dry = analysed(tmp_path, {"one": one, "copy": one, "inverted": -one, "other": other}).dry
    pairs = {tuple(pair): index for index, pair in enumerate(np.asarray(dry.pairs).tolist()) if pair[0] != pair[1]}
    assert set(pairs) == {(0, 1), (0, 2), (1, 2)}
    own = np.asarray(dry.power)[0, 0]
    for pair, sign in (((0, 1), 1.0), ((0, 2), -1.0)):
        np.testing.assert_allclose(np.asarray(dry.cross)[pairs[pair], 0, 0], sign * own, rtol=1e-4, atol=1e-12)


def test_frames_of_a_long_song_are_joined_and_keep_their_power_and_time(tmp_path, tracks, band, monkeypatch):
    monkeypatch.setattr(recording, "MAX_FRAMES", 32)
    joined = analysed(tmp_path, tracks).dry
    fine = band.dry
    assert joined.frame_s == pytest.approx(2.0 * fine.frame_s)
    n_frames = joined.power.shape[2]
    power = np.asarray(fine.power)[:, :, : 2 * n_frames]
    means = power.reshape(*power.shape[:2], -1, 2, power.shape[3]).mean(axis=3)
    np.testing.assert_allclose(joined.power[:, :, : means.shape[2]], means, rtol=1e-4, atol=1e-12)
    centres = np.asarray(fine.time_s)[: 2 * n_frames].reshape(-1, 2).mean(axis=1)
    np.testing.assert_allclose(joined.time_s[: len(centres)], centres, atol=1e-4)


@pytest.mark.parametrize("n", [1, 100, round(0.3 * RATE)])
def test_very_short_songs_are_measured(tmp_path, n):
    x = np.full((1, n), 0.1, np.float32)
    result = analysed(tmp_path, {"short": x})
    assert np.asarray(result.dry.power, np.float64)[0, 0].sum() * FRAME == pytest.approx(0.01 * n, rel=1e-3)
    assert np.isfinite(result.raw_levels.integrated_lufs)


def test_a_silent_track_measures_zero_and_is_never_active(tmp_path):
    quiet = {"silent": np.zeros((1, RATE), np.float32), "noise": np.full((1, RATE), 0.1, np.float32)}
    result = analysed(tmp_path, quiet)
    assert not np.asarray(result.dry.power[0]).any()
    assert not np.asarray(result.dry.active[0]).any()


def test_lengths_are_padded_by_a_quarter_at_most_to_few_sizes():
    sizes = {frame_bucket(n) for n in range(1, 2049)}
    assert len(sizes) <= 26
    assert all(n <= frame_bucket(n) <= max(32, 1.25 * n) for n in range(1, 2049))


def test_a_mono_track_goes_to_both_channels_of_a_sum():
    mono, stereo = np.full((1, 3), 0.5, np.float32), np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], np.float32)
    np.testing.assert_array_equal(sum_of([mono, stereo]), [[1.5, 0.5, 0.5], [0.5, 0.5, 1.5]])


def test_few_shapes_serve_all_numbers_of_tracks():
    sizes = {bucket(n, 4) for n in range(1, 65)}
    assert sizes == {4, 6, 8, 12, 16, 24, 32, 48, 64}
    assert all(n <= bucket(n, 4) <= max(4, 1.5 * n) for n in range(1, 65))
