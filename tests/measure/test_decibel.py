"""Decibels with a floor, and means that may have nothing to count."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.measure.decibel import db, mean_over, ratio_db


def test_a_full_scale_sine_reads_minus_3_01_db_and_silence_minus_100():
    assert float(db(jnp.asarray(0.5))) == pytest.approx(-3.0103, abs=1e-4)
    assert float(db(jnp.asarray(0.0))) == pytest.approx(-100.0, abs=1e-4)


def test_a_power_that_rounding_made_negative_reads_as_silence():
    assert float(db(jnp.asarray(-1e-9))) == pytest.approx(-100.0, abs=1e-4)


def test_the_gradient_at_silence_is_finite():
    assert np.isfinite(jax.grad(db)(0.0))


def test_two_silent_powers_are_equally_loud():
    assert float(ratio_db(jnp.zeros(()), jnp.zeros(()))) == 0.0


def test_twice_the_power_is_3_01_db_more():
    assert float(ratio_db(jnp.asarray(0.2), jnp.asarray(0.1))) == pytest.approx(3.0103, abs=1e-3)


def test_a_mean_counts_by_weight_and_is_zero_with_a_finite_gradient_where_nothing_counts():
    x = jnp.asarray([1.0, 5.0])
    assert float(mean_over(x, jnp.asarray([3.0, 1.0]))) == pytest.approx(2.0)
    assert float(mean_over(x, jnp.zeros(2))) == 0.0
    assert np.isfinite(jax.grad(lambda w: mean_over(x, w))(jnp.zeros(2))).all()
