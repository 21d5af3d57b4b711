"""Band powers: nothing is lost, K-weighted levels are those of the filter, and chunks join without a seam."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import sosfilt

from hybrid.signal import bandpower, kweighting, stft

RATES = [8000, 22050, 44100, 48000, 96000, 192000]
RATE = 8000
CHUNK = bandpower.CHUNK_HOPS * stft.hop_samples(RATE)
CONTEXT = bandpower.CONTEXT_HOPS * stft.hop_samples(RATE)


def powers_of(x: np.ndarray, sample_rate: int = RATE) -> bandpower.Powers:
    """Powers of one chunk after silence; `x` is filled up with silence."""
    hop = stft.hop_samples(sample_rate)
    padded = np.zeros((x.shape[0], (bandpower.CHUNK_HOPS + bandpower.CONTEXT_HOPS) * hop), np.float32)
    start = bandpower.CONTEXT_HOPS * hop
    padded[:, start : start + x.shape[1]] = x
    analyser = bandpower.make_analyser(sample_rate)
    return bandpower.band_powers(analyser, padded)[0]


def energy(power: np.ndarray, sample_rate: int = RATE) -> np.ndarray:
    """Sum of squares of the samples that band powers stand for, per channel."""
    return np.asarray(power, np.float64).sum(axis=(-2, -1)) * stft.HOPS_PER_FRAME * stft.hop_samples(sample_rate)


@pytest.mark.parametrize("sample_rate", RATES)
def test_bands_sum_to_the_power_of_the_signal_at_any_rate(sample_rate, noise):
    x = noise(1, sample_rate // 2)
    got = energy(powers_of(x, sample_rate).plain, sample_rate)
    # every sample lies under four windows whose squares sum to a constant: equal but for float32
    np.testing.assert_allclose(got, np.full(3, np.sum(np.square(x, dtype=np.float64))), rtol=1e-5)


@pytest.mark.parametrize("sample_rate", RATES)
def test_k_weighted_bands_sum_to_the_power_after_the_k_weighting_filter(sample_rate, noise):
    x = noise(1, sample_rate // 2)
    filtered = sosfilt(kweighting.sections(sample_rate), np.pad(x, ((0, 0), (0, sample_rate))))
    got = energy(powers_of(x, sample_rate).weighted, sample_rate)
    level_db = 10.0 * np.log10(got / np.sum(filtered**2))
    # windows of 100 ms blur the response of the high pass
    assert np.abs(level_db).max() < 0.05


def test_left_right_and_cross_powers_are_those_of_the_channels(noise):
    x = noise(2, CHUNK - CONTEXT)
    x[1] = 0.5 * x[0] + 0.3 * x[1]
    expected = [np.sum(x[0] ** 2), np.sum(x[1] ** 2), np.sum(x[0] * x[1])]
    np.testing.assert_allclose(energy(powers_of(x).plain), expected, rtol=1e-4)


def test_an_inverted_channel_has_a_cross_power_of_minus_its_power(noise):
    x = noise(1, 4000)
    power = np.asarray(powers_of(np.concatenate([x, -x])).plain)
    np.testing.assert_allclose(power[2], -power[0], rtol=1e-4, atol=1e-12)


def test_chunks_of_a_stream_have_the_powers_of_their_place_in_the_whole(noise):
    x = np.pad(noise(1, 2 * CHUNK), ((0, 0), (CONTEXT, 0)))
    analyser = bandpower.make_analyser(RATE)
    whole = bandpower.band_powers(analyser, x)[0]
    second = bandpower.band_powers(analyser, x[:, CHUNK:])[0]
    np.testing.assert_allclose(second.plain, whole.plain[:, bandpower.CHUNK_FRAMES :], rtol=1e-4, atol=1e-10)


def test_a_click_shows_in_the_frames_whose_windows_hold_it():
    x = np.zeros((1, CHUNK), np.float32)
    frame = stft.HOPS_PER_FRAME * stft.hop_samples(RATE)
    x[0, 10 * frame] = 1.0
    loud = np.flatnonzero(np.asarray(powers_of(x).plain).sum(axis=(0, 2)) > 1e-9)
    assert loud.tolist() == [10]


def test_low_bins_hold_the_mean_spectrum_of_a_tone():
    x = np.sin(2.0 * np.pi * 200.0 / RATE * np.arange(CHUNK))[None].astype(np.float32)
    low = np.asarray(powers_of(x).low)
    bin_hz = RATE / (stft.HOPS_PER_WINDOW * stft.hop_samples(RATE))
    assert np.argmax(low) == round(200.0 / bin_hz)


def test_k_weight_is_the_response_of_the_k_weighting_within_each_band(noise):
    powers = powers_of(noise(1, CHUNK - CONTEXT))
    plain, weighted = (np.asarray(p[0], np.float64).sum(axis=0) for p in (powers.plain, powers.weighted))
    k_weight = bandpower.k_weight(RATE)
    used = plain > 0.0
    assert not k_weight[~used].any()
    difference_db = 10.0 * np.log10(weighted[used] / plain[used] / k_weight[used])
    # 3 s of noise are uneven within a band; the lowest holds some bins only, and the weighting is steep there
    assert np.abs(difference_db[1:]).max() < 0.1
    assert abs(difference_db[0]) < 1.0


def test_a_signal_and_its_inverted_copy_cancel_in_every_band(noise):
    analyser = bandpower.make_analyser(RATE)
    powers, spectrum = bandpower.band_powers(analyser, noise(1, CHUNK + CONTEXT))
    own = np.asarray(powers.plain)[0]
    cross = np.asarray(bandpower.cross_powers(analyser, spectrum, -spectrum))
    np.testing.assert_allclose(cross, np.broadcast_to(-own, cross.shape), rtol=1e-4, atol=1e-12)


def test_unrelated_noises_have_little_cross_power(noise):
    analyser = bandpower.make_analyser(RATE)
    (powers, first), (_, second) = (bandpower.band_powers(analyser, noise(1, CHUNK + CONTEXT, seed)) for seed in (1, 2))
    own = np.asarray(powers.plain)[0].sum()
    cross = np.asarray(bandpower.cross_powers(analyser, first, second))[0, 0].sum()
    # 3 s of noise 4 kHz wide has about 25000 degrees of freedom: 0.6 % by chance, 2 % is three times that
    assert abs(cross) < 0.02 * own


def test_cross_power_separates_a_delayed_copy_from_an_unrelated_noise(noise):
    analyser = bandpower.make_analyser(RATE)
    first, other = noise(1, CHUNK + CONTEXT, 1)[0], noise(1, CHUNK + CONTEXT, 2)[0]
    mids = np.stack([first, np.roll(first, 2), other])
    shared = np.asarray(bandpower.mid_spectra(analyser, mids).cross_power)
    own = np.einsum("gii->i", shared)
    ratio = np.abs(shared).sum(axis=0) / np.sqrt(own[:, None] * own[None, :])
    assert ratio[0, 1] > 0.5
    assert ratio[0, 2] < 0.05


def test_every_other_window_of_noise_reads_nearly_the_same(noise):
    x = np.pad(noise(2, 2 * CHUNK), ((0, 0), (CONTEXT, 0)))
    analyser = bandpower.make_analyser(RATE)
    whole, half = (bandpower.band_powers(analyser, x, every)[0] for every in (1, 2))
    assert half.plain.shape == whole.plain.shape
    loud = np.asarray(whole.plain).mean(axis=1)[:2] > 0.0
    ratio = np.asarray(half.plain).mean(axis=1)[:2][loud] / np.asarray(whole.plain).mean(axis=1)[:2][loud]
    # noise of 3 s in bands of a few bins: half of the windows leave a tenth of scatter there, and none over all bands
    assert np.abs(10.0 * np.log10(ratio)).max() < 1.0
    assert abs(10.0 * np.log10(ratio.mean())) < 0.1
