"""Levels of a finished mix as delivered, and its normalisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.audio.loudness import loudness_lufs
from hybrid.errors import InputError, SongError
from hybrid.judging.mix import LOUDNESS_LUFS, WINDOW, normalise_mix, read_mix, stft, true_peak_dbtp
from hybrid.measure.meter import Meter
from tests.judging.signals import RATE, noise, sine


def test_a_sine_of_997_hz_at_full_scale_in_one_channel_reads_minus_3_01_lufs():
    x = sine(997.0)
    x[1] = 0.0
    assert loudness_lufs(x, RATE) == pytest.approx(-3.01, abs=0.02)


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_loudness_agrees_with_the_independent_meter_of_the_program(rate):
    x = noise(4.0)
    meter = Meter(rate, 2)
    meter.add(x)
    assert loudness_lufs(x, rate) == pytest.approx(meter.levels().integrated_lufs, abs=0.05)


def test_every_mix_is_normalised_to_one_loudness():
    for gain in (0.01, 1.0, 3.0):
        mix = normalise_mix("a", gain * noise(), RATE)
        assert loudness_lufs(mix.samples, RATE) == pytest.approx(LOUDNESS_LUFS, abs=0.1)
    assert mix.delivery.loudness_lufs == pytest.approx(loudness_lufs(3.0 * noise(), RATE), abs=1e-6)


def test_a_tone_of_a_quarter_of_the_rate_hides_its_peak_between_samples():
    t = np.arange(RATE)
    x = np.broadcast_to(np.sin(np.pi * t / 2.0 + np.pi / 4.0), (2, RATE))
    assert np.max(np.abs(x)) == pytest.approx(0.7071, abs=1e-3)
    assert true_peak_dbtp(x[:, 100:-100]) == pytest.approx(0.0, abs=0.2)


def test_clipped_samples_are_those_next_to_another_at_full_scale():
    x = 0.1 * noise(2.0)
    x[0, 1000:1005] = 1.0
    x[1, 2000] = 1.0
    assert normalise_mix("a", x, RATE).delivery.clipped == 5


def test_a_dc_offset_is_measured_against_the_rms():
    x = noise(2.0)
    x -= x.mean(axis=1, keepdims=True)
    assert normalise_mix("a", x, RATE).delivery.dc_db < -100.0
    x[0] += 0.1
    assert normalise_mix("a", x, RATE).delivery.dc_db == pytest.approx(-3.01, abs=0.1)


def test_a_silent_channel_gives_finite_loudness():
    x = noise()
    x[1] = 0.0
    mix = normalise_mix("a", x, RATE)
    assert np.isfinite(mix.delivery.loudness_lufs) and mix.delivery.loudness_range_lu is not None


def test_a_sine_reads_half_its_amplitude_in_its_bin():
    hz = 100 * RATE / WINDOW
    assert np.abs(stft(sine(hz)[0]))[100].mean() == pytest.approx(0.5, abs=1e-3)


def test_mixes_that_cannot_be_judged_are_refused(tmp_path: Path):
    soundfile.write(tmp_path / "silent.wav", np.zeros(2 * RATE), RATE)
    soundfile.write(tmp_path / "short.wav", noise(0.5).T, RATE)
    with pytest.raises(SongError, match=r"silent.wav: is silent"):
        read_mix(tmp_path / "silent.wav")
    with pytest.raises(SongError, match=r"short.wav: lasts 0.50 s, expected 1 s at least"):
        read_mix(tmp_path / "short.wav")
    with pytest.raises(InputError, match="is a folder"):
        read_mix(tmp_path)


def test_a_mono_file_becomes_two_equal_channels_at_any_rate(tmp_path: Path):
    soundfile.write(tmp_path / "mono.wav", noise(channels=1)[0], RATE)
    mix = read_mix(tmp_path / "mono.wav", 48000)
    np.testing.assert_array_equal(*mix.samples)
    assert mix.sample_rate == 48000 and mix.samples.shape[1] == pytest.approx(6.0 * 48000, abs=2)
