"""Fidelity: changes of shape whose size is known."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.measure.fidelity import timbre_change_db
from hybrid.measure.statistics import worst_mean
from hybrid.signal import bands

N = bands.N_BANDS
RAW = jnp.ones((1, 4, N)) / N
ALWAYS = jnp.ones((1, 4))
NO_CUT = jnp.zeros((1, N))
change_db = jax.jit(partial(timbre_change_db, low_cut_db=NO_CUT))


def curve(level_db: np.ndarray) -> jnp.ndarray:
    return RAW * jnp.asarray(10.0 ** (level_db / 10.0), jnp.float32)


@pytest.mark.parametrize("gain_db", [-30.0, 0.0, 12.0])
def test_a_change_of_level_alone_reads_zero(gain_db):
    # a hundredth of a decibel is what the measure's floor under weak bands may add
    assert float(change_db(RAW, curve(np.full(N, gain_db)), ALWAYS)[0]) < 0.02


def test_6_db_on_every_other_band_of_a_flat_sound_reads_3_db():
    assert float(change_db(RAW, curve(6.0 * (np.arange(N) % 2)), ALWAYS)[0]) == pytest.approx(3.0, abs=0.01)


def test_a_change_counts_by_what_the_band_matters_to_the_raw_sound():
    odd = np.arange(N) % 2
    faint = RAW.at[..., 1::2].multiply(1e-6)
    treated = faint * jnp.asarray(10.0 ** (0.6 * odd), jnp.float32)
    # faint bands weigh 10^-1.8 each: a share of 0.0156 in a weighted deviation
    share = 10.0**-1.8 / (1.0 + 10.0**-1.8)
    expected = 6.0 * np.sqrt(share * (1.0 - share))
    assert float(change_db(faint, treated, ALWAYS)[0]) == pytest.approx(expected, rel=0.02)


def test_frames_in_which_the_track_rests_do_not_count():
    after = RAW.at[:, 2:, ::2].multiply(4.0)
    assert float(change_db(RAW, after, jnp.asarray([[1.0, 1.0, 0.0, 0.0]]))[0]) == pytest.approx(0.0, abs=1e-3)


def test_silence_and_an_untouched_track_read_zero_with_finite_gradients():
    slope = jax.jit(jax.grad(lambda after, before: jnp.sum(timbre_change_db(before, after, ALWAYS, NO_CUT))))
    for sound in (RAW, jnp.zeros_like(RAW)):
        assert float(change_db(sound, sound, ALWAYS)[0]) == 0.0
        assert np.isfinite(slope(sound, sound)).all()
    assert np.isfinite(slope(jnp.zeros_like(RAW), RAW)).all()


def test_lifting_the_tone_under_a_low_cut_does_not_undo_the_cut():
    low = jnp.asarray(np.arange(N) < N // 2, jnp.float32)
    cut = -6.0 * low[None]
    by_cut = float(timbre_change_db(RAW, curve(-6.0 * np.asarray(low)), ALWAYS, cut)[0])
    assert by_cut == pytest.approx(3.0, abs=0.01)
    # the output equals the raw sound, by two changes of 3 dB
    assert float(timbre_change_db(RAW, RAW, ALWAYS, cut)[0]) == pytest.approx(3.0 * np.sqrt(2.0), abs=0.01)


def test_the_worst_quarter_of_four_is_the_worst_and_of_eight_the_mean_of_two():
    x = jnp.asarray([3.0, 1.0, 4.0, 2.0])
    assert float(worst_mean(x, 0.25, jnp.ones(4))) == 4.0
    assert float(worst_mean(jnp.concatenate([x, x + 4.0]), 0.25, jnp.ones(8))) == pytest.approx(7.5)
    assert float(worst_mean(x, 1.0, jnp.ones(4))) == pytest.approx(2.5)


def test_the_worst_of_those_present():
    present = jnp.asarray([1.0, 1.0, 0.0, 1.0])
    assert float(worst_mean(jnp.asarray([3.0, 1.0, 4.0, 2.0]), 0.34, present)) == pytest.approx(3.0, abs=0.03)
    assert float(worst_mean(jnp.ones(4), 0.5, jnp.zeros(4))) == 0.0
