"""The low cut: its response, its gain within a band, and its effect on K-weighted power."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.signal import bands
from hybrid.treatment import curves, effect
from tests.treatment.made import four, nothing, only, random_mono

MONO = random_mono(np.random.default_rng(0))


def test_low_cut_is_3_db_down_at_its_corner_and_falls_by_18_db_per_octave():
    gain = curves.low_cut_db(jnp.asarray([80.0]), jnp.asarray([80.0, 20.0, 10.0, 8000.0]))[0]
    assert float(gain[0]) == pytest.approx(-3.01, abs=0.01)
    assert float(gain[1] - gain[2]) == pytest.approx(18.06, abs=0.02)
    assert float(gain[3]) == pytest.approx(0.0, abs=1e-5)


def test_a_low_cut_that_is_off_changes_nothing():
    assert not np.asarray(curves.low_cut_db(jnp.zeros(1), jnp.asarray([1.0, 30.0]))).any()


def test_the_gain_within_a_band_follows_the_fine_spectrum():
    """A band from 30 to 92 Hz with only a tone at 60 Hz in it, or only one at 40 Hz."""
    dry = four(MONO, MONO)
    low = np.zeros(dry.low_power.shape, np.float32)
    low[0, 6] = low[1, 4] = 1e-3  # bins of 10 Hz
    dry = replace(dry, low_power=jnp.asarray(low))
    gain = np.asarray(curves.low_cut_band_db(jnp.full(4, 60.0), dry.low_power, dry.low_hz))
    band = int(np.argmin(np.abs(bands.band_centres_hz() - 60.0)))
    assert gain[0, band] == pytest.approx(-3.01, abs=0.01)
    assert gain[1, band] == pytest.approx(-10.0 * np.log10(1.0 + 1.5**6), abs=0.01)
    assert gain[2].tolist() == [0.0] * bands.N_BANDS


def test_k_weighted_power_falls_less_under_a_low_cut():
    """One band with tones at 40 and 80 Hz of equal power, of which the K-weighting counts a quarter and a half."""
    dry = four(MONO)
    low, low_k = np.zeros(dry.low_power.shape, np.float32), np.ones(len(dry.low_hz), np.float32)
    low[0, [4, 8]], low_k[[4, 8]] = 1e-3, (0.25, 0.5)  # bins of 10 Hz
    dry = replace(dry, low_power=jnp.asarray(low), low_k=jnp.asarray(low_k))
    layer = effect.treated(dry, only(nothing(dry), "eq.low_cut", 60.0))
    tones_hz = np.array([40.0, 80.0])
    band = int(np.argmin(np.abs(bands.band_centres_hz() - 60.0)))
    share = bands.band_weights(tones_hz)[:, band]
    cut = 1.0 / (1.0 + (60.0 / tones_hz) ** 6)
    plain, weighted = ((share * k * cut).sum() / (share * k).sum() for k in (np.ones(2), np.array([0.25, 0.5])))
    assert float(layer.gain[0, 0, band]) == pytest.approx(plain, rel=1e-3)
    assert float(layer.gain[0, 0, band] * layer.gain_k[0, band]) == pytest.approx(weighted, rel=1e-3)
