"""Explained share of a treated track: filtering is explained, distortion and noise are not."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import butter, lfilter

from hybrid.measure.explained import explained_db, waveform_moments
from hybrid.signal import stft

RATE = 44100
N = 72000
TIME_S = np.arange(N) / RATE
WINDOW = jnp.asarray(stft.hann(4 * stft.hop_samples(RATE)), jnp.float32)
NOISE = np.random.default_rng(0).standard_normal((1, N)).astype(np.float32)
SINE = np.sin(2.0 * np.pi * 1000.0 * TIME_S)[None].astype(np.float32)


def explained(raw: np.ndarray, treated: np.ndarray) -> list[float]:
    """Both ratios, dB: under a fixed filter with a slow gain, and under a slow filter."""
    return explained_db(waveform_moments(raw.astype(np.float32), treated.astype(np.float32), WINDOW)).tolist()


def test_a_gain_and_a_short_filter_are_explained():
    # the ridge that keeps leakage from explaining anything leaves a millionth
    assert min(explained(NOISE, 0.3 * NOISE)) > 59.0
    # a first-order low pass, whose phase turns slowly beside the filter's grain of 80 Hz
    assert min(explained(NOISE, lfilter([0.2], [1.0, -0.8], NOISE))) > 40.0


def test_one_per_cent_of_a_third_harmonic_reads_40_db():
    dirty = SINE + 0.01 * np.sin(2.0 * np.pi * 3000.0 * TIME_S)
    assert explained(SINE, dirty) == pytest.approx([40.0, 40.0], abs=0.3)


def test_unrelated_noise_reads_its_level():
    other = np.random.default_rng(1).standard_normal((1, N))
    assert explained(NOISE, NOISE + 0.1 * other) == pytest.approx([20.0, 20.0], abs=0.3)


def test_a_ride_is_no_distortion():
    ridden = NOISE * 10.0 ** (3.0 * np.sin(2.0 * np.pi * 0.3 * TIME_S) / 20.0)
    assert min(explained(NOISE, ridden)) > 25.0


def test_a_tone_that_changes_over_time_is_no_artefact_but_no_fixed_filter_either():
    dull = lfilter([0.2], [1.0, -0.8], NOISE)
    late = (TIME_S > 0.8).astype(float)
    fixed, slow = explained(NOISE, NOISE * (1.0 - late) + dull * late)
    # the segment in which it changes is explained by neither
    assert fixed < 12.0
    assert slow > fixed + 3.0


def test_silence_reads_the_ceiling():
    assert explained(0.0 * NOISE, 0.0 * NOISE) == [100.0, 100.0]
    assert explained(NOISE, 0.0 * NOISE) == [100.0, 100.0]


def test_a_shelf_below_the_tone_of_a_bass_drum_is_explained():
    beat = np.sin(2.0 * np.pi * 55.0 * TIME_S) * np.exp(-6.0 * (TIME_S % 0.5)) + 0.01 * NOISE[0]
    # a first-order high pass at 40 Hz, which turns the phase by 30 degrees between 40 and 80 Hz
    b, a = butter(1, 40.0, "highpass", fs=RATE)
    assert min(explained(beat[None], lfilter(b, a, beat)[None])) > 25.0
