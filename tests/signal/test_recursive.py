"""The blocked recursive filter is the plain recursion, block borders and all."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.signal import sosfilt

from hybrid.signal import kweighting, recursive

WORST_DB = -100.0
"""Of the error of float32 arithmetic: 24 bits, less what 64 terms of a sum and a few thousand states lose."""
N = 8 * recursive.STEP


def peak_filter(frequency_hz: float, q: float, gain_db: float, sample_rate: int) -> np.ndarray:
    """Peaking equaliser of the usual cookbook."""
    a = 10.0 ** (gain_db / 40.0)
    w = 2.0 * np.pi * frequency_hz / sample_rate
    alpha = np.sin(w) / (2.0 * q)
    b = np.array([1.0 + alpha * a, -2.0 * np.cos(w), 1.0 - alpha * a])
    den = np.array([1.0 + alpha / a, -2.0 * np.cos(w), 1.0 - alpha / a])
    return np.concatenate([b, den])[None] / den[0]


FILTERS = {
    "K-weighting 44.1 kHz": kweighting.sections(44100),
    "K-weighting 192 kHz": kweighting.sections(192000),
    "80 Hz Q 4 +12 dB": peak_filter(80.0, 4.0, 12.0, 44100),
}
SOUNDS = {
    "white noise": 0.1 * np.random.default_rng(0).standard_normal((2, N)),
    "50 Hz tone": 0.5 * np.sin(2.0 * np.pi * 50.0 / 44100.0 * np.arange(2 * N)).reshape(2, N),
    "click": np.eye(2, N),
}

run = jax.jit(recursive.run_filter)


def rest(filter_: recursive.BlockFilter, channels: int = 2) -> np.ndarray:
    return np.zeros((channels, recursive.n_states(filter_)), np.float32)


def error_db(got: np.ndarray, expected: np.ndarray) -> float:
    return 10.0 * np.log10(np.mean((got - expected) ** 2) / np.mean(expected**2))


@pytest.mark.parametrize("sections", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("x", SOUNDS.values(), ids=SOUNDS)
def test_blocks_equal_the_recursion_in_float64(sections, x):
    filter_ = recursive.block_filter(sections)
    y, _ = run(filter_, x.astype(np.float32), rest(filter_))
    assert error_db(np.asarray(y), sosfilt(sections, x)) < WORST_DB


@pytest.mark.parametrize("sections", FILTERS.values(), ids=FILTERS)
def test_the_state_carries_a_sound_over_from_one_stretch_to_the_next(sections):
    filter_, x = recursive.block_filter(sections), SOUNDS["white noise"].astype(np.float32)
    first, state = run(filter_, x[:, : N // 2], rest(filter_))
    second, _ = run(filter_, x[:, N // 2 :], state)
    whole = sosfilt(sections, x.astype(np.float64))
    assert error_db(np.concatenate([first, second], axis=1), whole) < WORST_DB
    cut, _ = run(filter_, x[:, N // 2 :], rest(filter_))
    assert error_db(np.asarray(cut), whole[:, N // 2 :]) > WORST_DB + 30.0


def test_silence_after_a_click_dies_away():
    filter_ = recursive.block_filter(FILTERS["K-weighting 44.1 kHz"])
    _, state = run(filter_, SOUNDS["click"].astype(np.float32), rest(filter_))
    y, _ = run(filter_, np.zeros((2, N), np.float32), state)
    assert np.abs(y).max() < 1e-9


def test_gradients_of_samples_and_state_are_exact_in_float64():
    filter_ = recursive.block_filter(FILTERS["80 Hz Q 4 +12 dB"])
    with jax.enable_x64(True):
        x = jnp.asarray(np.random.default_rng(1).standard_normal((1, recursive.STEP)))
        state = jnp.ones((1, recursive.n_states(filter_)))
        # linear in both, so that finite differences are exact but for rounding
        check_grads(lambda x, s: run(filter_, x, s), (x, state), 1, ["rev"], 1e-6, 1e-6)
