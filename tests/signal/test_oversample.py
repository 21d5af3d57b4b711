"""True peaks between samples."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from hybrid.signal import oversample

N = 4800
peak = jax.jit(oversample.peak)


def sine(cycles_per_sample: float, phase_degrees: float, amplitude: float) -> np.ndarray:
    x = amplitude * np.sin(2.0 * np.pi * cycles_per_sample * np.arange(N) + np.deg2rad(phase_degrees))
    return x.astype(np.float32)


def db(amplitude: float) -> float:
    return 20.0 * np.log10(float(amplitude))


@pytest.mark.parametrize(
    ("divisor", "phase_degrees", "amplitude", "expected_dbtp"),
    [
        pytest.param(4, 0.0, 0.50, -6.0, id="15"),
        pytest.param(4, 45.0, 0.50, -6.0, id="16"),
        pytest.param(6, 60.0, 0.50, -6.0, id="17"),
        pytest.param(8, 67.5, 0.50, -6.0, id="18"),
        pytest.param(4, 45.0, 1.41, 3.0, id="19"),
    ],
)
def test_true_peak_signals_of_ebu_tech_3341(divisor, phase_degrees, amplitude, expected_dbtp):
    reading = db(peak(sine(1.0 / divisor, phase_degrees, amplitude)))
    assert expected_dbtp - 0.4 <= reading <= expected_dbtp + 0.2


def test_a_peak_between_samples_is_3_db_above_the_samples():
    x = sine(0.25, 45.0, 0.5)
    assert db(np.abs(x).max()) == pytest.approx(-9.03, abs=0.01)
    assert db(peak(x)) == pytest.approx(-6.02, abs=0.02)


def test_a_sine_reads_at_most_0_55_db_low_up_to_0_45_of_the_rate_and_hardly_high():
    cycles = np.random.default_rng(0).uniform(0.01, 0.45, (64, 1))
    x = np.sin(2.0 * np.pi * (cycles * np.arange(N) + np.random.default_rng(1).uniform(0, 1, (64, 1))))
    readings = 20.0 * np.log10(np.asarray(peak(x.astype(np.float32))))
    assert readings.min() > -0.55
    # ripple of a filter of 24 taps a phase
    assert readings.max() < 0.05


def test_a_constant_reads_its_own_value():
    assert float(peak(np.full(N, 0.5, np.float32))) == pytest.approx(0.5, rel=1e-6)


def test_the_peak_is_never_below_the_highest_sample_and_scales_with_gain():
    x = np.random.default_rng(2).standard_normal((8, N)).astype(np.float32)
    assert (np.asarray(peak(x)) >= np.abs(x).max(axis=1)).all()
    np.testing.assert_allclose(peak(-4.0 * x), 4.0 * np.asarray(peak(x)), rtol=1e-6)


@pytest.mark.parametrize("n", [1, 5, oversample.TAPS_PER_PHASE - 1])
def test_less_than_a_filter_length_reads_its_highest_sample(n):
    x = np.linspace(0.1, -0.7, n, dtype=np.float32) if n > 1 else np.array([-0.7], np.float32)
    assert float(peak(x)) == pytest.approx(0.7)


def test_a_peak_at_the_border_of_two_blocks_is_found_with_context():
    x = sine(0.25, 45.0, 0.5)
    context = oversample.TAPS_PER_PHASE - 1
    pieces = [x[max(0, start - context) : start + 480] for start in range(0, N, 480)]
    # the same points are interpolated from the same samples
    assert max(float(peak(piece)) for piece in pieces[:2]) == pytest.approx(float(peak(x)), rel=1e-5)
