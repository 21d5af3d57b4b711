"""Published definitions: values by hand, and the flaws that are part of them."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid.judging.mix import normalise_mix
from hybrid.judging.published import PUBLISHED
from tests.judging.signals import RATE, noise, sine


def _measure(name: str, a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    return PUBLISHED[name].measure(normalise_mix("a", a, RATE), normalise_mix("b", b, RATE))


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_mix_has_no_error_against_itself_and_finite_ones_against_another(name: str):
    same = _measure(name, noise(), noise())
    assert max(same.values()) == pytest.approx(0.0, abs=1e-9)
    other = _measure(name, noise(seed=1) * np.array([[1.0], [0.5]], np.float32), sine(440.0) + 0.1 * noise())
    assert np.isfinite(list(other.values())).all() and other[next(iter(other))] >= 0.0


def test_width_and_imbalance_of_the_style_set_by_hand():
    left_alone = noise()
    left_alone[1] = 0.0
    both = np.broadcast_to(noise()[0], noise().shape)
    result = _measure("mixing-style-2024", left_alone, both)
    # energy of the difference over that of the sum: 1 and 0; (R - L)/(R + L): -1 and 0; squared errors
    assert result["stereo_width"] == pytest.approx(1.0, abs=1e-4)
    assert result["stereo_imbalance"] == pytest.approx(1.0, abs=1e-4)


def test_the_sum_of_the_style_set_has_the_published_weights():
    result = _measure("mixing-style-2024", noise(seed=3) * np.array([[1.0], [0.3]], np.float32), noise())
    weights = {"rms": 0.1, "crest_factor": 0.001, "stereo_width": 1.0, "stereo_imbalance": 1.0, "barkspectrum": 0.1}
    assert result["sum"] == pytest.approx(sum(weights[name] * result[name] for name in weights))


def test_a_gain_in_every_band_moves_the_bark_spectrum_by_its_natural_logarithm():
    """With a gain of the side alone, half of all values differ by ln 2."""
    x = noise(20.0)
    mid, side = 0.5 * (x[0] + x[1]), 0.5 * (x[0] - x[1])
    a, b = np.stack([mid + 2.0 * side, mid - 2.0 * side]), x
    result = _measure("mixing-style-2024", a, b)
    gain = np.log(
        10.0
        ** (
            (normalise_mix("a", a, RATE).delivery.loudness_lufs - normalise_mix("b", b, RATE).delivery.loudness_lufs)
            / 20.0
        )
    )
    assert result["barkspectrum"] == pytest.approx(0.5 * ((np.log(2.0) - gain) ** 2 + gain**2), rel=0.05)


def test_loudness_and_peak_are_compared_as_delivered():
    """Normalised mixes would never differ in loudness: a mix 6 dB quieter is off by 6 of its own LUFS."""
    result = _measure("effect-normalised-2022", 0.5 * noise(), noise())
    expected = normalise_mix("b", noise(), RATE).delivery
    assert result["d_lufs"] == pytest.approx(6.02 / abs(expected.loudness_lufs), rel=0.02)
    assert result["d_peak"] == pytest.approx(6.02 / abs(20.0 * np.log10(np.max(np.abs(noise())))), rel=0.02)


def test_frames_in_which_the_reference_is_mono_are_left_out_of_both():
    x = noise(20.0)[0]
    n = len(x) // 2
    half = np.stack([x, np.concatenate([x[:n], 0.25 * x[n:]])])
    throughout = np.stack([x, np.concatenate([0.25 * x[:n], 0.25 * x[n:]])])
    # where the reference is panned both are equal; frames across the border have little weight
    assert _measure("effect-normalised-2022", throughout, half)["p_total"] < 0.05
    expected_everywhere = _measure("effect-normalised-2022", half, throughout)["p_total"]
    assert expected_everywhere == pytest.approx(0.5, abs=0.05)


def test_percentages_of_peak_levels_blow_up_near_full_scale():
    """A documented flaw: half a decibel near zero is a large share."""
    quiet = noise()
    spiky = noise()
    spiky[:, 1000] = 4.0 * np.max(np.abs(spiky))
    assert _measure("effect-normalised-2022", spiky, quiet)["d_peak"] > 0.5


def test_the_panning_of_a_track_half_as_loud_on_one_side_is_exact():
    x = noise()[0]
    result = _measure("effect-normalised-2022", np.stack([x, 0.5 * x]), np.stack([x, 0.25 * x]))
    # 1 - 2ab/(a2+b2): 0.2 and 0.5294
    expected = 1.0 - 2.0 * 0.25 / (1.0 + 0.0625)
    assert result["p_mid"] == pytest.approx((expected - 0.2) / expected, abs=1e-3)
