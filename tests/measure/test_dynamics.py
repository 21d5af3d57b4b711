"""Dynamics: broadband gain, onsets, movement and rests with known results."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.measure import dynamics
from hybrid.signal import bands
from hybrid.treatment.curves import zone_curves
from hybrid.treatment.parts import N_ZONES

FRAME_S, FRAMES = 0.1, 80
FLAT = jnp.full((1, FRAMES, bands.N_BANDS), 1e-3)
ALWAYS = jnp.ones((1, FRAMES))


def zone_db(*db: float) -> jax.Array:
    return jnp.broadcast_to(jnp.asarray(db)[None, :, None], (1, N_ZONES, FRAMES))


def test_equal_gain_in_all_zones_is_the_gain_of_the_whole_whatever_sounds():
    for raw in (FLAT, FLAT * jnp.arange(bands.N_BANDS)):
        np.testing.assert_allclose(dynamics.broadband_db(zone_db(-6.0, -6.0, -6.0, -6.0), raw), -6.0, atol=1e-4)


def test_zones_count_by_the_energy_that_the_track_has_there():
    bass = FLAT * (jnp.arange(bands.N_BANDS) == 0)
    np.testing.assert_allclose(dynamics.broadband_db(zone_db(-6.0, 0.0, 0.0, 0.0), bass), -6.0, atol=0.2)
    np.testing.assert_allclose(dynamics.broadband_db(zone_db(0.0, 0.0, -6.0, -6.0), bass), 0.0, atol=0.01)
    share = float(zone_curves()[0].sum() / bands.N_BANDS)
    half = 10.0 * np.log10(1.0 - share + share * 10.0**-0.6)
    np.testing.assert_allclose(dynamics.broadband_db(zone_db(-6.0, 0.0, 0.0, 0.0), FLAT), half, atol=1e-3)


def test_a_silent_track_has_no_gain_and_no_gradient():
    def read(gain: jax.Array) -> jax.Array:
        return jnp.sum(dynamics.broadband_db(gain, 0.0 * FLAT))

    assert float(read(zone_db(-6.0, -6.0, -6.0, -6.0))) == 0.0
    assert not np.asarray(jax.grad(read)(zone_db(-6.0, -6.0, -6.0, -6.0))).any()


def test_an_onset_is_as_strong_as_it_is_louder_than_3_db_over_the_frame_before():
    level = jnp.zeros(FRAMES).at[10].set(10.0).at[20].set(2.0).at[30].set(20.0)
    strength = np.asarray(dynamics.onsets(FLAT * (10.0 ** (level / 10.0))[None, :, None], ALWAYS))[0]
    assert strength[10] == pytest.approx(7.0, abs=0.01) and strength[30] == pytest.approx(17.0, abs=0.01)
    assert np.flatnonzero(strength).tolist() == [10, 30]


def test_onsets_do_not_depend_on_level_nor_count_where_the_track_rests():
    level = jnp.zeros(FRAMES).at[10].set(10.0).at[30].set(20.0)
    raw = FLAT * (10.0 ** (level / 10.0))[None, :, None]
    np.testing.assert_allclose(dynamics.onsets(0.01 * raw, ALWAYS), dynamics.onsets(raw, ALWAYS), atol=1e-3)
    assert not np.asarray(dynamics.onsets(raw, ALWAYS.at[:, 30].set(0.0)))[0, 30:].any()


def movement(level_db: np.ndarray, active: jax.Array = ALWAYS) -> float:
    return float(dynamics.movement_db(jnp.asarray(10.0 ** (level_db[None] / 10.0), jnp.float32), active, FRAME_S)[0])


WAVE = 4.0 * np.sin(2.0 * np.pi * 2.5 * np.arange(FRAMES) * FRAME_S) - 20.0
"""2.5 Hz, whose mean over 2 s is nothing."""


def test_a_level_that_swings_by_4_db_moves_by_its_root_mean_square():
    # of 21 frames around a crest one more is a trough: a twentieth of the swing, 0.4 dB
    assert movement(WAVE) == pytest.approx(20.0 * np.log10(4.0 / np.sqrt(2.0)), abs=0.5)


def test_half_the_swing_is_6_db_less_and_twice_the_level_nothing():
    assert movement(0.5 * (WAVE + 20.0) - 20.0) - movement(WAVE) == pytest.approx(-6.02, abs=0.05)
    assert movement(WAVE + 6.0) == pytest.approx(movement(WAVE), abs=1e-3)


def test_how_silent_a_gap_is_makes_no_movement():
    gaps = np.where(np.arange(FRAMES) % 4 == 0, -90.0, -20.0)
    deeper = np.where(gaps < -80.0, -130.0, gaps)
    assert movement(deeper) == pytest.approx(movement(gaps), abs=0.1)


def test_a_steady_level_and_a_slow_fade_hardly_move():
    assert movement(np.full(FRAMES, -20.0)) == pytest.approx(-20.0, abs=0.1)  # a tenth of a decibel is none
    middle = ALWAYS.at[:, :20].set(0.0).at[:, -20:].set(0.0)
    assert movement(np.linspace(-20.0, -28.0, FRAMES), middle) < -5.0


def test_the_level_in_rests_is_relative_to_where_the_track_sounds():
    active = jnp.asarray([[1.0, 0.0] * (FRAMES // 2)])
    power = jnp.where(active > 0.0, 1e-2, 1e-4)
    assert float(dynamics.in_rests_db(power, active, 1.0 - active)[0]) == pytest.approx(-20.0, abs=0.01)
    assert float(dynamics.in_rests_db(1e-3 * power, active, 1.0 - active)[0]) == pytest.approx(-20.0, abs=0.01)
    assert float(dynamics.in_rests_db(power * active, active, 1.0 - active)[0]) == pytest.approx(-50.0, abs=1e-3)
