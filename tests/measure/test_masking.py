"""Masking by energy: pairs of sounds whose masking is known."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from hybrid.measure import masking
from hybrid.signal import bands

N_BANDS = bands.N_BANDS
OFFSET_DB = 6.0
BARK = bands.bark_number(bands.band_centres_hz())
NOISE = np.random.default_rng(0).exponential(size=(4, N_BANDS))

to_signal_db = jax.jit(lambda track: masking.masker_to_signal_db(track, jnp.sum(track, axis=0), OFFSET_DB))
overlap = jax.jit(masking.overlap)


def tone(frequency_hz: float) -> np.ndarray:
    """Band powers of a steady tone in four frames."""
    return np.repeat(bands.band_weights(np.array([frequency_hz])), 4, axis=0)


def excess_db(*tracks: np.ndarray) -> np.ndarray:
    return np.asarray(to_signal_db(jnp.asarray(np.stack(tracks), jnp.float32)))


def masked_db(*tracks: np.ndarray, ceiling_db: float = 20.0) -> np.ndarray:
    dry = jnp.asarray(np.stack(tracks), jnp.float32)
    return np.asarray(masking.masked_db(to_signal_db(dry), masking.importance(dry), ceiling_db))


def test_two_equal_tracks_read_the_masking_offset_in_every_band():
    np.testing.assert_allclose(excess_db(NOISE, NOISE), -OFFSET_DB, atol=1e-3)


@pytest.mark.parametrize("gain_db", [-6.0, 6.0, 12.0])
def test_a_masker_that_is_louder_masks_by_as_many_decibels_more(gain_db):
    excess = excess_db(NOISE, 10.0 ** (gain_db / 10.0) * NOISE)
    np.testing.assert_allclose(excess[0], gain_db - OFFSET_DB, atol=1e-3)
    np.testing.assert_allclose(excess[1], -gain_db - OFFSET_DB, atol=1e-3)


def test_masking_does_not_depend_on_the_level_of_the_mix():
    tracks = NOISE, np.roll(NOISE, 3, axis=1)
    # 100 dB above the floor of -100 dB
    np.testing.assert_allclose(excess_db(*tracks), excess_db(*(0.1 * t for t in tracks)), atol=1e-3)


def test_equal_tracks_are_masked_up_to_the_knee_only():
    # softplus of -6 dB: 0.0025
    np.testing.assert_allclose(masked_db(NOISE, NOISE), np.log1p(np.exp(-6.0)), atol=1e-3)


def test_1_khz_and_4_khz_do_not_mask_each_other():
    assert masked_db(tone(1000.0), tone(4000.0)).max() < 0.05


@pytest.mark.parametrize(
    ("distance", "level_db"), [(0.0, 0.0), (1.0, -4.31), (2.0, -12.3), (-1.0, -7.91), (-2.0, -27.6)]
)
def test_masking_spreads_upwards_more_than_downwards(distance, level_db):
    """A masker so many Bark below the maskee; each band is a masker in turn, and bands between are interpolated."""
    maskee = 20
    tracks = np.eye(N_BANDS)[:, None, :].repeat(4, axis=1)
    levels = [excess_db(tracks[maskee], tracks[masker])[0, 0, maskee] + OFFSET_DB for masker in range(12, 29)]
    at = CubicSpline(BARK[maskee] - BARK[28:11:-1], levels[::-1])
    # bands are 0.6 Bark apart and the function is smooth
    assert float(at(distance)) == pytest.approx(level_db, abs=0.1)


def test_shares_of_all_maskers_sum_to_one_in_every_band():
    np.testing.assert_allclose(masking.spreading().sum(axis=0), 1.0, rtol=1e-12)


def test_a_flat_spectrum_is_not_inflated_by_spreading():
    np.testing.assert_allclose(np.ones(N_BANDS) @ masking.spreading(), 1.0, rtol=1e-12)


def test_soft_clip_is_silent_below_the_threshold_and_stays_under_its_ceiling():
    clipped = np.asarray(masking.soft_clip(jnp.asarray([-20.0, 0.0, 3.0, 60.0]), 20.0))
    assert clipped[0] < 1e-6
    assert clipped[1] == pytest.approx(20.0 * (1.0 - np.exp(-np.log(2.0) / 20.0)), rel=1e-5)
    assert 2.5 < clipped[2] < 3.05
    assert 18.0 < clipped[3] < 20.0


def test_importance_is_shared_out_over_bands_whatever_the_level_and_silence_has_none():
    weight = np.asarray(masking.importance(jnp.asarray(np.stack([NOISE, 0.01 * NOISE, 0.0 * NOISE]))))
    np.testing.assert_allclose(weight[:2].sum(axis=-1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(weight[0], weight[1], rtol=1e-4)
    assert not weight[2].any()


def test_importance_grows_with_the_0_3rd_power_and_carries_no_gradient():
    power = jnp.ones((1, 1, N_BANDS)).at[0, 0, 3].set(10.0)
    weight = np.asarray(masking.importance(power))[0, 0]
    assert weight[3] / weight[4] == pytest.approx(10.0**0.3, rel=1e-5)
    assert not np.asarray(jax.grad(lambda p: masking.importance(p)[0, 0, 3])(power)).any()


def audibility(*tracks: np.ndarray, active: float = 1.0) -> np.ndarray:
    dry = jnp.asarray(np.stack(tracks), jnp.float32)
    marks = jnp.full(dry.shape[:2], active)
    return np.asarray(masking.audibility(to_signal_db(dry), masking.importance(dry), marks))


def test_a_solo_track_is_always_audible():
    assert audibility(NOISE, 0.0 * NOISE)[0] == pytest.approx(1.0, abs=1e-3)


def test_a_track_60_db_below_the_other_is_inaudible_with_a_gradient_towards_more_level():
    assert audibility(1e-6 * NOISE, NOISE)[0] < 1e-3

    pair = jnp.asarray(np.stack([NOISE, NOISE]), jnp.float32)
    first = jnp.asarray([1.0, 0.0])[:, None, None]

    @jax.jit
    @jax.value_and_grad
    def audible(gain_db):
        excess = to_signal_db(pair * 10.0 ** (first * gain_db / 10.0))
        return masking.audibility(excess, masking.importance(pair), jnp.ones(pair.shape[:2]))[0]

    (quiet, gradient), (louder, _) = audible(-20.0), audible(-10.0)
    assert gradient > 0.0
    assert louder > quiet


def test_a_track_that_never_plays_counts_as_audible():
    assert audibility(0.0 * NOISE, NOISE, active=0.0)[0] == 1.0


def test_equal_spectra_overlap_fully_and_spectra_octaves_apart_hardly():
    low, high = tone(300.0) + tone(350.0), tone(2000.0)
    shared = np.asarray(overlap(jnp.asarray(np.stack([NOISE, NOISE, low, high])), jnp.ones((4, 4))))
    np.testing.assert_allclose(np.diag(shared), 1.0, atol=1e-3)
    assert shared[0, 1] == pytest.approx(1.0, abs=1e-3)
    assert shared[2, 3] < 0.01
    np.testing.assert_allclose(shared, shared.T, atol=1e-6)


@pytest.mark.parametrize("gain_db", [-20.0, 20.0])
def test_overlap_does_not_depend_on_levels(gain_db):
    first, second = NOISE, np.roll(NOISE, 2, axis=1)
    pair = np.stack([first, second, first, 10.0 ** (gain_db / 10.0) * second])
    shared = np.asarray(overlap(jnp.asarray(pair), jnp.ones((4, 4))))
    assert shared[0, 1] == pytest.approx(shared[2, 3], abs=1e-5)


def test_tracks_that_take_turns_do_not_overlap():
    turns = jnp.asarray([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    tracks = jnp.asarray(np.stack([NOISE] * 4)) * turns[..., None]
    assert np.asarray(overlap(tracks, turns))[0, 1] == 0.0
    shared_time = np.asarray(masking.co_activity(turns))
    assert shared_time[0, 1] == 0.0
    assert shared_time[0, 2] == pytest.approx(0.5)
    assert shared_time[0, 3] == pytest.approx(1.0)


def test_gradients_are_finite_on_silence_and_between_disjoint_sounds():
    def cost(track):
        excess = masking.masker_to_signal_db(track, jnp.sum(track, axis=0), OFFSET_DB)
        weight = masking.importance(track)
        audible = masking.audibility(excess, weight, jnp.ones(track.shape[:2]))
        shared = masking.overlap(track, jnp.ones(track.shape[:2]))
        return jnp.sum(masking.masked_db(excess, weight, 20.0)) + jnp.sum(audible) + jnp.sum(shared)

    slope = jax.jit(jax.grad(cost))
    for tracks in (np.zeros((2, 4, N_BANDS)), np.stack([tone(100.0), tone(5000.0)])):
        assert np.isfinite(slope(jnp.asarray(tracks, jnp.float32))).all()
