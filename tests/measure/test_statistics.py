"""Order statistics of what is present."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.measure.statistics import quantile, worst_mean

N = 100
RAMP = jnp.arange(N, dtype=jnp.float32)
SHUFFLED = jnp.asarray(np.random.default_rng(0).permutation(N), jnp.float32)
ALL = jnp.ones(N)


def test_a_quantile_of_a_ramp_is_its_share_of_the_range():
    for share in (0.1, 0.25, 0.5, 0.9):
        assert float(quantile(SHUFFLED, share, ALL)) == pytest.approx(share * (N - 1), abs=1e-3)


def test_near_the_ends_a_quantile_leaves_out_what_does_not_exist():
    # ranks within 2 % of 98: from 96 to 99 in part, and none above
    assert 96.0 < float(quantile(RAMP, 0.99, ALL)) < 98.5
    assert float(quantile(RAMP, 1.0, ALL)) < 99.0
    assert float(quantile(RAMP[:3], 1.0, ALL[:3])) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_quantile_is_of_the_present_values_alone(share: float):
    present = jnp.asarray(np.arange(N) % 2, jnp.float32)
    lifted = jnp.where(present > 0.0, RAMP, 1e6)
    half = float(quantile(RAMP[1::2], share, ALL[1::2]))
    assert float(quantile(lifted, share, present)) == pytest.approx(half, rel=1e-6)


def test_a_quantile_spreads_its_gradient_evenly_over_its_neighbours():
    slope = np.asarray(jax.grad(lambda x: quantile(x, 0.5, ALL))(SHUFFLED))
    assert slope.sum() == pytest.approx(1.0, abs=1e-5)
    ranks = np.asarray(SHUFFLED)[slope > 0.0]
    assert 4 <= len(ranks) <= 6 and np.abs(ranks - 49.5).max() < 3.0


def test_the_median_of_one_value_is_that_value_and_of_none_zero():
    assert float(quantile(RAMP, 0.5, (RAMP == 7.0).astype(jnp.float32))) == 7.0
    for read in (lambda x: quantile(x, 0.5, jnp.zeros(N)), lambda x: worst_mean(x, 0.1, jnp.zeros(N))):
        assert float(read(RAMP)) == 0.0
        assert not np.asarray(jax.grad(read)(RAMP)).any()


def test_the_worst_tenth_of_a_ramp_is_the_mean_of_its_ten_largest():
    assert float(worst_mean(SHUFFLED, 0.1, ALL)) == pytest.approx(94.5)
    assert float(worst_mean(SHUFFLED, 1.0, ALL)) == pytest.approx(49.5)


def test_half_a_value_among_the_worst_counts_by_half():
    # 2.5 values: (99 + 98 + 97 / 2) / 2.5
    assert float(worst_mean(RAMP, 0.025, ALL)) == pytest.approx(98.2)
    # less than one value: the worst
    assert float(worst_mean(RAMP, 0.001, ALL)) == pytest.approx(99.0)


def test_the_absent_are_never_the_worst():
    present = (RAMP < 50.0).astype(jnp.float32)
    assert float(worst_mean(RAMP, 0.1, present)) == pytest.approx(47.0)


def test_the_worst_share_the_gradient():
    slope = np.asarray(jax.grad(lambda x: worst_mean(x, 0.05, ALL))(RAMP))
    np.testing.assert_allclose(slope[-5:], 0.2, atol=1e-6)
    assert not slope[:-5].any()
