"""The measurement panel: laws that hold for every mix."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.measure import loudness, panel
from hybrid.treatment import effect
from tests.treatment.made import FRAME_S, N_FRAMES, nothing, only, random_dry, random_treatment

DRY = random_dry()
NOTHING = nothing(DRY)
predict = jax.jit(panel.predict)
RAW = predict(DRY, NOTHING)


def with_part(part: str, value: float):
    return only(NOTHING, part, value)


def test_the_output_level_moves_loudness_and_peak_alone():
    louder = predict(DRY, with_part("master.level", 5.0))
    assert float(louder.loudness_lufs - RAW.loudness_lufs) == pytest.approx(5.0, abs=1e-4)
    assert float(louder.true_peak_dbtp - RAW.true_peak_dbtp) == pytest.approx(5.0, abs=1e-4)
    np.testing.assert_array_equal(louder.mix_k, RAW.mix_k)


def test_the_peak_stays_as_far_above_loudness_as_in_the_raw_sum():
    panel_of = predict(DRY, random_treatment(DRY))
    crest = float(panel_of.true_peak_dbtp - panel_of.loudness_lufs)
    assert crest == pytest.approx(float(DRY.peak_to_loudness_db), abs=1e-4)


def test_6_db_more_on_every_track_is_6_lu_more_of_mix():
    louder = predict(DRY, with_part("gain.level", 6.0))
    assert float(louder.loudness_lufs - RAW.loudness_lufs) == pytest.approx(6.0, abs=1e-3)


def test_a_bus_of_all_tracks_is_the_mix_and_a_bus_of_one_is_the_track():
    every, first = jnp.ones(4), jnp.eye(4)[0]
    np.testing.assert_allclose(panel.bus_k(RAW, every), RAW.mix_k, rtol=1e-5)
    np.testing.assert_allclose(panel.bus_k(RAW, first), RAW.track_k[0], rtol=1e-6)


def test_a_bus_of_tracks_that_share_phase_adds_them_as_signals():
    both = np.asarray(panel.bus_k(RAW, jnp.asarray([1.0, 1.0, 0.0, 0.0])))
    plain = np.asarray(RAW.track_k[0] + RAW.track_k[1])
    assert (both > 1.2 * plain).all()
    apart = np.asarray(panel.bus_k(RAW, jnp.asarray([1.0, 0.0, 1.0, 0.0])))
    np.testing.assert_allclose(apart, RAW.track_k[0] + RAW.track_k[2], rtol=1e-5)


def test_a_bus_is_active_where_any_of_its_tracks_is():
    active = jnp.zeros((4, N_FRAMES)).at[0, :4].set(1.0).at[1, 2:8].set(1.0).at[2, 20:].set(1.0)
    marks = np.asarray(panel.bus_active(replace(DRY, active=active), jnp.asarray([1.0, 1.0, 0.0, 0.0])))
    np.testing.assert_array_equal(marks, (np.arange(N_FRAMES) < 8).astype(float))


def test_a_ride_of_3_db_in_2_s_moves_at_1_5_db_per_second_in_all_zones():
    ride = jnp.broadcast_to(3.0 * jnp.arange(NOTHING.gain.ride_db.shape[1]), NOTHING.gain.ride_db.shape)
    speed = panel.slew(replace(NOTHING, gain=NOTHING.gain._replace(ride_db=ride)), DRY.time_s, FRAME_S)
    np.testing.assert_allclose(speed[..., 1:], 1.5, atol=1e-3)
    assert not np.asarray(speed[..., 0]).any()


def test_a_constant_gain_does_not_move():
    assert not np.asarray(predict(DRY, with_part("dynamics.zone", -4.0)).slew_db_per_s).any()


def test_the_observation_of_the_raw_tracks_is_the_prediction_of_a_neutral_treatment():
    levels = (float(RAW.loudness_lufs), float(RAW.true_peak_dbtp))
    seen = panel.observe(DRY, effect.untreated(DRY), random_dry(1), levels, NOTHING)
    np.testing.assert_allclose(seen.track_k, RAW.track_k, rtol=1e-5)
    np.testing.assert_allclose(seen.pair_k, RAW.pair_k, rtol=1e-5)
    assert (float(seen.loudness_lufs), float(seen.true_peak_dbtp)) == pytest.approx(levels)


def test_tracks_without_a_treatment_are_measured_as_those_that_have_one():
    treatment = random_treatment(DRY)
    level = treatment.master.level_db
    known = predict(DRY, treatment)
    unknown = panel.predict_tracks(DRY, effect.treated(DRY, treatment), level)
    assert unknown.treatment is None and unknown.slew_db_per_s is None
    same = ("track_k", "pair_k", "mix_k", "return_k", "peak", "loudness_lufs", "true_peak_dbtp", "output_level_db")
    for name in same:
        np.testing.assert_allclose(getattr(unknown, name), getattr(known, name), rtol=1e-5, err_msg=name)


def test_a_mix_that_is_observed_without_a_treatment_is_at_its_own_level():
    levels = (float(RAW.loudness_lufs), float(RAW.true_peak_dbtp))
    seen = panel.observe(DRY, effect.untreated(DRY), random_dry(1), levels)
    assert seen.treatment is None and float(seen.output_level_db) == 0.0
    np.testing.assert_allclose(seen.track_k, RAW.track_k, rtol=1e-5)


def test_loudness_falls_when_a_track_is_turned_down_and_never_rises():
    def mix_lufs(level_db):
        treatment = replace(NOTHING, gain=NOTHING.gain._replace(level_db=NOTHING.gain.level_db.at[2].set(level_db)))
        return loudness.integrated_lufs(panel.predict(DRY, treatment).mix_k, DRY.inside, FRAME_S)

    slope = float(jax.jit(jax.grad(mix_lufs))(0.0))
    share = float(jnp.sum(RAW.track_k[2]) / jnp.sum(RAW.mix_k))
    # a track that shares no phase moves the mix by its share of power
    assert slope == pytest.approx(share, abs=0.02)
