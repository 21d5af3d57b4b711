"""Auditory bands: known values of the scales, and bands that share out all power."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid.signal import bands

RATES = [8000, 22050, 44100, 48000, 96000, 192000]


def test_1_khz_is_15_6_cam_wide_of_an_erb_of_133_hz():
    assert bands.erb_number(1000.0) == pytest.approx(21.4 * np.log10(5.37))
    erb_hz = 1.0 / float(bands.erb_number(1000.5) - bands.erb_number(999.5))
    # 24.7 (0.00437 f + 1); the two equations of the paper agree within 0.4 %, as their constants are rounded
    assert erb_hz == pytest.approx(24.7 * 5.37, rel=0.004)


def test_frequency_is_the_inverse_of_the_erb_number():
    hz = np.geomspace(20.0, 20000.0, 30)
    np.testing.assert_allclose(bands.frequency_hz(bands.erb_number(hz)), hz, rtol=1e-12)


def test_1_khz_and_4_khz_lie_8_75_bark_apart():
    assert bands.bark_number(1000.0) == pytest.approx(8.51, abs=0.005)
    assert bands.bark_number(4000.0) - bands.bark_number(1000.0) == pytest.approx(8.75, abs=0.01)


def test_bands_run_from_30_hz_to_16_khz_in_equal_steps_of_erb():
    centres = bands.band_centres_hz()
    assert centres[[0, -1]] == pytest.approx([30.0, 16000.0])
    assert np.ptp(np.diff(bands.erb_number(centres))) < 1e-9


@pytest.mark.parametrize("sample_rate", RATES)
def test_every_frequency_belongs_to_the_bands_with_shares_that_sum_to_one(sample_rate):
    weights = bands.band_weights(bands.bin_frequencies_hz(4 * 100, sample_rate))
    assert weights.min() >= 0.0
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-12)


def test_bands_above_half_the_sample_rate_are_empty():
    weights = bands.band_weights(bands.bin_frequencies_hz(800, 8000))
    centres = bands.band_centres_hz()
    first_above = int(np.argmax(centres > 4000.0))
    assert not weights[:, first_above + 1 :].any()
    assert weights[:, :first_above].any(axis=0).all()


def test_a_tone_at_a_centre_belongs_to_that_band_alone():
    weights = bands.band_weights(bands.band_centres_hz())
    np.testing.assert_allclose(weights, np.eye(bands.N_BANDS), atol=1e-9)


def test_a_curve_given_at_the_centres_is_read_linearly_in_between():
    centres = bands.band_centres_hz()
    middle_hz = bands.frequency_hz((bands.erb_number(centres[10]) + bands.erb_number(centres[11])) / 2.0)
    curve = np.arange(bands.N_BANDS, dtype=float)
    assert bands.band_weights(np.array([middle_hz])) @ curve == pytest.approx(10.5)


@pytest.mark.parametrize("n", [800, 801])
def test_scaled_bins_of_a_windowed_signal_sum_to_its_mean_power(n):
    window = bands.spectrum_scale(np.ones(n))
    x = np.random.default_rng(0).standard_normal(n)
    power = np.sum(np.abs(np.fft.rfft(x)) ** 2 * window)
    assert power == pytest.approx(np.mean(x * x), rel=1e-12)
