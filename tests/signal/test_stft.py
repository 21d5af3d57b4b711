"""Short-time transform: exact reconstruction, independent of the division into chunks."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.signal import stft

RATES = [8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000]
HOP = stft.hop_samples(8000)
LATE = (stft.HOPS_PER_WINDOW - 1) * HOP
WINDOW = jnp.asarray(np.sqrt(stft.hann(stft.HOPS_PER_WINDOW * HOP)), jnp.float32)
ROUNDING = 1e-6
"""Of float32 transforms of 800 samples: 120 dB below full scale."""


@jax.jit
def resynthesised(windows, tail):
    return stft.overlap_add(stft.spectra(windows), WINDOW, tail)


def through(x, tail):
    """The signal after transform and inverse transform."""
    return resynthesised(stft.windowed(x, WINDOW), tail)


def with_context(x: np.ndarray) -> np.ndarray:
    return np.pad(x, ((0, 0), (LATE, 0)))


def empty_tail() -> np.ndarray:
    return np.zeros((1, LATE), np.float32)


def test_unchanged_spectra_reconstruct_the_signal_three_hops_late(noise):
    x = noise(1, 40 * HOP)
    y, _ = through(with_context(x), empty_tail())
    assert np.abs(y[:, LATE:] - x[:, :-LATE]).max() < ROUNDING
    assert np.abs(y[:, :LATE]).max() < ROUNDING


def test_the_tail_holds_the_end_of_the_signal_once_silence_follows(noise):
    x = noise(1, 40 * HOP)
    _, tail = through(with_context(x), empty_tail())
    rest = np.concatenate([x[:, -LATE:], np.zeros((1, 40 * HOP - LATE), np.float32)], axis=1)
    rest = np.concatenate([rest, np.zeros((1, LATE), np.float32)], axis=1)
    y, _ = through(rest, tail)
    assert np.abs(y[:, :LATE] - x[:, -LATE:]).max() < ROUNDING


def test_two_chunks_equal_one_shot_sample_by_sample(noise):
    x = with_context(noise(1, 80 * HOP))
    whole, _ = through(x, empty_tail())
    first, tail = through(x[:, : 40 * HOP + LATE], empty_tail())
    second, _ = through(x[:, 40 * HOP :], tail)
    assert np.abs(np.concatenate([first, second], axis=1) - whole).max() < ROUNDING


def test_spectra_of_chunks_are_the_spectra_of_the_whole(noise):
    x = with_context(noise(1, 80 * HOP))
    whole, chunk = (stft.spectra(jnp.asarray(stft.windowed(part, WINDOW))) for part in (x, x[:, 40 * HOP :]))
    assert np.abs(whole[:, 40:] - chunk).max() < 1e-5 * np.abs(whole).max()


@pytest.mark.parametrize("sample_rate", RATES)
def test_a_hop_is_25_ms_within_3_percent_and_fast_to_transform_at_any_rate(sample_rate):
    hop = stft.hop_samples(sample_rate)
    # numbers without a prime factor above 5 lie at most 1/15 apart here
    assert hop / sample_rate == pytest.approx(stft.HOP_S, rel=0.035)
    for prime in (2, 3, 5):
        while hop % prime == 0:
            hop //= prime
    assert hop == 1
    assert stft.frame_s(sample_rate) == pytest.approx(0.1, rel=0.035)


def test_hops_at_common_rates():
    assert stft.hop_samples(48000) == 1200
    assert stft.hop_samples(44100) == 1125


@pytest.mark.parametrize("n_samples", [1, HOP, 4 * HOP, 4 * HOP + 1, 8000])
def test_frames_cover_the_last_sample_under_four_windows_and_are_no_more_than_needed(n_samples):
    frame = stft.HOPS_PER_FRAME * HOP
    frames = stft.n_frames(n_samples, 8000)
    assert frames * frame >= n_samples + LATE > (frames - 1) * frame
