"""The exact meters: EBU Tech 3341 and ITU-R BS.1770 signals, and the edges where meters fail."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest

from hybrid.measure.meter import Levels, Meter

RATE = 48000
COMPLIANCE_LU = 0.1
"""Tolerance of EBU Tech 3341 for loudness."""


def tone(level_dbfs: float, duration_s: float, frequency_hz: float = 1000.0, sample_rate: int = RATE) -> np.ndarray:
    """A sine of a peak level, one channel."""
    time_s = np.arange(round(duration_s * sample_rate)) / sample_rate
    return (10.0 ** (level_dbfs / 20.0) * np.sin(2.0 * np.pi * frequency_hz * time_s)).astype(np.float32)


def stereo(*parts: tuple[float, float]) -> np.ndarray:
    """A 1 kHz tone in both channels in steps of (level in dBFS, seconds), its phase running through."""
    envelope = np.concatenate([np.full(round(s * RATE), 10.0 ** (level / 20.0)) for level, s in parts])
    x = envelope * np.sin(2.0 * np.pi * 1000.0 / RATE * np.arange(len(envelope)))
    return np.stack([x, x]).astype(np.float32)


def read(x: np.ndarray, sample_rate: int = RATE) -> Levels:
    meter = Meter(sample_rate, x.shape[0])
    meter.add(x)
    return meter.levels()


# tolerance: a third digit; the 96 kHz filter warps the shelf by 0.02 dB at 1 kHz
@pytest.mark.parametrize(("sample_rate", "expected"), [(48000, -3.010), (44100, -3.008), (96000, -3.028)])
def test_a_full_scale_997_hz_sine_in_one_channel_reads_minus_3_01(sample_rate, expected):
    x = tone(0.0, 3.0, 997.0, sample_rate)
    reading = read(np.stack([x, np.zeros_like(x)]), sample_rate).integrated_lufs
    assert reading == pytest.approx(expected, abs=0.002)


def test_a_full_scale_997_hz_sine_in_both_channels_reads_0():
    x = tone(0.0, 3.0, 997.0)
    assert read(np.stack([x, x])).integrated_lufs == pytest.approx(0.0, abs=0.002)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param([(-23.0, 20.0)], -23.0, id="1"),
        pytest.param([(-33.0, 20.0)], -33.0, id="2"),
        pytest.param([(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)], -23.0, id="3"),
        pytest.param([(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)], -23.0, id="4"),
        pytest.param([(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)], -23.0, id="5"),
    ],
)
def test_integrated_loudness_signals_of_ebu_tech_3341(parts, expected):
    assert read(stereo(*parts)).integrated_lufs == pytest.approx(expected, abs=COMPLIANCE_LU)


def test_the_five_channel_signal_of_ebu_tech_3341_with_its_surround_weights_as_gains():
    weight_db = 10.0 * np.log10(1.41)
    levels = [-28.0, -28.0, -24.0, -30.0 + weight_db, -30.0 + weight_db]
    x = np.stack([tone(level, 20.0) for level in levels])
    assert read(x).integrated_lufs == pytest.approx(-23.0, abs=COMPLIANCE_LU)


def test_short_term_signal_9_of_ebu_tech_3341_reads_constant():
    short_term = read(stereo(*[(-20.0, 1.34), (-30.0, 1.66)] * 5)).short_term_lufs
    assert len(short_term) == (15 - 3) * 10 + 1
    np.testing.assert_allclose(short_term, -23.0, atol=COMPLIANCE_LU)


def test_momentary_signal_12_of_ebu_tech_3341_reads_constant():
    momentary = read(stereo(*[(-20.0, 0.18), (-30.0, 0.22)] * 25)).momentary_lufs
    assert len(momentary) == (100 - 4) + 1
    # the first block holds the filter's onset
    np.testing.assert_allclose(momentary[6:], -23.0, atol=COMPLIANCE_LU)


def test_a_peak_between_samples_reads_above_the_samples():
    n = np.arange(RATE // 2)
    fade = np.clip(np.minimum(n, n[::-1]) / 480.0, 0.0, 1.0)
    x = (0.5 * fade * np.sin(0.5 * np.pi * n + 0.25 * np.pi)).astype(np.float32)
    assert 20.0 * np.log10(np.abs(x).max()) == pytest.approx(-9.03, abs=0.01)
    # EBU Tech 3341, signal 16
    assert -6.0 - 0.4 <= read(x[None]).true_peak_dbtp <= -6.0 + 0.2


def test_a_peak_that_straddles_the_meters_own_blocks_is_found():
    unit = 16 * 4096
    x = np.zeros((1, 2 * unit), np.float32)
    x[0, unit - 1 : unit + 1] = 0.5
    middle = np.zeros((1, 2 * unit), np.float32)
    middle[0, 999:1001] = 0.5
    reading = read(x).true_peak_dbtp
    assert reading == pytest.approx(read(middle).true_peak_dbtp, abs=1e-4)
    assert reading > -6.02 + 1.0


def test_a_peak_between_the_very_last_samples_is_found():
    x = np.zeros((1, RATE), np.float32)
    x[0, -2:] = 0.5
    assert read(x).true_peak_dbtp > -6.02 + 1.0


@pytest.mark.parametrize("sample_rate", [44100, 48000, 96000])
@pytest.mark.parametrize("material", ["noise", "music"])
def test_loudness_equals_pyloudnorm_with_its_exact_filter_within_0_01_lu(sample_rate, material, bursts):
    x = bursts(sample_rate)
    if material == "noise":
        x = (0.1 * np.random.default_rng(3).standard_normal(x.shape)).astype(np.float32)
    peer = pyloudnorm.Meter(sample_rate, filter_class="DeMan").integrated_loudness(x.T.astype(np.float64))
    assert read(x, sample_rate).integrated_lufs == pytest.approx(peer, abs=0.01)


@pytest.mark.parametrize("block", [4800, 7777, 65536, 100_000])
def test_blocks_of_any_size_give_the_same_reading(block, bursts):
    x = bursts(RATE)
    meter = Meter(RATE, 2)
    for start in range(0, x.shape[1], block):
        meter.add(x[:, start : start + block])
    pieces, whole = meter.levels(), read(x)
    assert pieces.true_peak_dbtp == whole.true_peak_dbtp
    # sums of squares are rounded in another order
    assert pieces.integrated_lufs == pytest.approx(whole.integrated_lufs, abs=1e-5)
    np.testing.assert_allclose(pieces.short_term_lufs, whole.short_term_lufs, atol=1e-5)


def test_doubling_the_gain_adds_6_02_lu_and_6_02_db_of_peak(bursts):
    x = 0.25 * bursts(RATE)
    once, twice = read(x), read(2.0 * x)
    assert twice.integrated_lufs - once.integrated_lufs == pytest.approx(6.0206, abs=1e-3)
    # the peak's floor of -100 dBTP adds a ten-thousandth
    assert twice.true_peak_dbtp - once.true_peak_dbtp == pytest.approx(6.0206, abs=2e-3)


def test_swapping_left_and_right_changes_nothing(bursts):
    x = bursts(RATE)
    assert read(x[::-1]).integrated_lufs == pytest.approx(read(x).integrated_lufs, abs=1e-5)


def test_a_hard_panned_mix_has_finite_loudness(bursts):
    x = bursts(RATE)
    x[1] = 0.0
    both = read(np.stack([x[0], x[0]]))
    levels = read(x)
    assert levels.integrated_lufs == pytest.approx(both.integrated_lufs - 3.0103, abs=1e-3)
    assert np.isfinite(levels.momentary_lufs).all()


@pytest.mark.parametrize("n", [1, RATE // 10, RATE])
def test_silence_reads_the_floor(n):
    levels = read(np.zeros((2, n), np.float32))
    assert levels.integrated_lufs == pytest.approx(-120.7, abs=0.01)
    assert levels.true_peak_dbtp == pytest.approx(-100.0)


def test_a_meter_that_was_given_nothing_reads_silence():
    assert Meter(RATE, 2).levels().integrated_lufs == pytest.approx(-120.7, abs=0.01)


def test_one_full_scale_sample_has_its_peak_and_finite_loudness():
    levels = read(np.ones((2, 1), np.float32))
    assert levels.true_peak_dbtp == pytest.approx(0.0, abs=0.01)
    # the shelf's first output is 1.535 of the sample, in both channels
    assert levels.integrated_lufs == pytest.approx(-0.691 + 10.0 * np.log10(2.0 * 1.5351**2), abs=0.01)


def test_0_3_s_of_a_tone_reads_as_the_tone_does():
    # shorter than a gating block: one block of its own length; the filter's onset takes 0.02 LU
    assert read(stereo((-23.0, 0.3))).integrated_lufs == pytest.approx(-23.0, abs=0.05)
    assert len(read(stereo((-23.0, 0.3))).momentary_lufs) == 1


@pytest.mark.parametrize("sample_rate", [8000, 22050, 192000])
def test_a_tone_reads_its_level_at_the_rates_of_speech_and_of_archives(sample_rate):
    x = tone(-23.0, 1.0, 1000.0, sample_rate)
    # at 8 kHz the bilinear shelf lifts 1 kHz by 0.1 dB less
    assert read(np.stack([x, x]), sample_rate).integrated_lufs == pytest.approx(-23.0, abs=0.2)
