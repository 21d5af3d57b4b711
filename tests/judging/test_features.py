"""Features of signals with analytic values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from hybrid.judging.features import FEATURES, THIRD_OCTAVES_HZ, features_of, panning_spectrum, third_octave_levels_db
from hybrid.judging.mix import Mix, normalise_mix
from tests.judging.signals import RATE, noise, sine


def _mix(x: np.ndarray) -> Mix:
    return normalise_mix("a", x, RATE)


def test_a_sine_fills_its_third_octave_and_no_other():
    level = third_octave_levels_db(sine(1000.0)[0], RATE)
    at = int(np.argmin(np.abs(THIRD_OCTAVES_HZ - 1000.0)))
    assert level[at] == pytest.approx(-3.01, abs=0.05)
    assert np.delete(level, at).max() < -40.0


def test_third_octaves_of_white_noise_rise_by_1_db_per_band_and_agree_with_scipys_welch():
    x = noise(20.0)[0]
    level = third_octave_levels_db(x, RATE)
    assert np.polyfit(np.arange(10), level[15:25], 1)[0] == pytest.approx(1.0, abs=0.05)
    hz, density = signal.welch(x, RATE, nperseg=16384)
    for k in range(10, 25):
        inside = (hz >= THIRD_OCTAVES_HZ[k] * 10**-0.05) & (hz < THIRD_OCTAVES_HZ[k] * 10**0.05)
        assert level[k] == pytest.approx(10 * np.log10(np.sum(density[inside]) * hz[1]), abs=0.3)


@pytest.mark.parametrize(
    ("name", "sound", "value", "tolerance"),
    [
        ("crest_db", sine(1000.0), 3.01, 0.01),
        ("width_db", np.stack([noise()[0], np.zeros_like(noise()[0])]), 0.0, 0.01),
        ("width_db", noise(), 0.0, 0.1),
        ("balance_db", noise() * np.array([[1.0], [2.0]], np.float32), 6.02, 0.1),
        ("balance_db", sine(440.0), 0.0, 1e-6),
        ("panning", np.stack([noise()[0], np.zeros_like(noise()[0])]), 1.0, 1e-3),
        ("panning", sine(440.0), 0.0, 1e-6),
        ("panning_mid", np.stack([noise()[0], 0.5 * noise()[0]]), 0.2, 1e-3),
        ("fold_down_lu", np.stack([noise()[0], np.zeros_like(noise()[0])]), -3.01, 0.02),
        ("fold_down_lu", sine(440.0), 0.0, 1e-3),
        ("tilt_db_per_octave", noise(20.0), 3.01, 0.1),
        ("centroid_octaves", sine(2000.0), 1.0, 0.02),
        ("rolloff_octaves", sine(500.0), -1.0, 0.03),
        ("flatness_db", noise(20.0), -2.51, 0.4),
        ("loudness_range_lu", noise(20.0), 0.0, 0.2),
    ],
)
def test_features_of_simple_sounds(name: str, sound: np.ndarray, value: float, tolerance: float):
    assert FEATURES[name].measure(_mix(sound)) == pytest.approx(value, abs=tolerance)


def test_flatness_of_white_noise_is_that_of_the_mean_of_a_logarithm():
    # of exponentially distributed powers, the logarithm's mean is Euler's constant below that of the mean
    assert 10.0 * np.log10(np.exp(-np.euler_gamma)) == pytest.approx(-2.51, abs=0.01)


def test_panning_to_the_right_is_positive_as_in_the_printed_formula():
    x = noise()
    assert np.median(panning_spectrum(_mix(np.stack([0.1 * x[0], x[0]])))) > 0.5
    assert np.median(panning_spectrum(_mix(np.stack([x[0], 0.1 * x[0]])))) < -0.5


def test_a_louder_mix_has_the_same_features_but_for_its_levels():
    quiet, loud = features_of(_mix(0.1 * noise())), features_of(_mix(0.8 * noise()))
    levels = {"loudness_lufs", "true_peak_dbtp"}
    assert levels < quiet.keys()
    for name in quiet.keys() - levels:
        assert loud[name] == pytest.approx(quiet[name], abs=2e-3), name


def test_a_quieter_half_raises_the_loudness_range_by_its_difference():
    x = noise(40.0)
    x[:, x.shape[1] // 2 :] *= 10.0 ** (-10.0 / 20.0)
    assert FEATURES["loudness_range_lu"].measure(_mix(x)) == pytest.approx(10.0, abs=0.3)


def test_mixes_too_short_for_a_loudness_range_have_all_other_features():
    assert set(FEATURES) - set(features_of(_mix(noise(1.5)))) == {"loudness_range_lu"}


def test_a_silent_side_and_a_silent_channel_give_finite_numbers():
    alone = noise()
    alone[1] = 0.0
    for sound in (sine(100.0), alone):
        assert np.isfinite(list(features_of(_mix(sound)).values())).all()
