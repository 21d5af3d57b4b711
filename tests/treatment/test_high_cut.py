"""The high cut: a filter, off unless a rule acts on it, the same in the power domain and in the renderer."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.signal.bands import band_centres_hz
from hybrid.treatment import curves, effect, render
from hybrid.treatment.bounds import constrain, regulariser, unconstrain
from hybrid.treatment.types import Treatment, map_parts, neutral, treatment_parts
from tests.treatment.made import random_dry

RATE = 44100
OFF = neutral(2, 5.0, 0.2, optional=("eq.high_cut",))


def at(corner_hz: float) -> Treatment:
    return replace(OFF, eq=OFF.eq._replace(high_cut_hz=jnp.full(2, corner_hz)))


def test_it_takes_3_db_at_its_corner_and_18_db_an_octave_above():
    gain = curves.high_cut_db(jnp.asarray([2000.0]), jnp.asarray([2000.0, 8000.0, 16000.0, 200.0]))[0]
    assert gain[0] == pytest.approx(-3.01, abs=0.01)
    assert gain[2] - gain[1] == pytest.approx(-18.06, abs=0.01)
    assert gain[3] == pytest.approx(0.0, abs=1e-4)


def test_off_changes_nothing_and_a_treatment_without_it_has_no_such_part():
    hz = jnp.asarray(band_centres_hz())
    assert not np.asarray(curves.filters_db(OFF.eq, hz)).any()
    assert "eq.high_cut" not in treatment_parts(neutral(2, 5.0, 0.2))


def test_predicted_powers_fall_in_every_band_as_rendered_ones_do():
    treatment, centres = at(3000.0), band_centres_hz()
    dry = random_dry(2)
    predicted = effect.direct_power(effect.treated(dry, treatment)) / effect.direct_power(effect.treated(dry, OFF))
    renderer = render.make_renderer(RATE)
    rendered = render.plan(renderer, treatment).static_db[0]
    at_centres = np.interp(centres, np.asarray(renderer.bin_hz), np.asarray(rendered))
    within = centres < RATE / 2.0
    # between two bins, 10 Hz apart
    np.testing.assert_allclose(10.0 * np.log10(np.asarray(predicted)[0, 0])[within], at_centres[within], atol=0.02)


def test_it_is_recovered_from_its_unconstrained_value_and_inaudible_when_neutral():
    recovered = constrain(unconstrain(at(5000.0)))
    np.testing.assert_allclose(np.asarray(recovered.eq.high_cut_hz), 5000.0, rtol=1e-4)
    rest = constrain(unconstrain(OFF)).eq.high_cut_hz
    assert rest is not None and np.all((np.asarray(rest) > 30000.0) & (np.asarray(rest) < 40000.0))
    assert float(curves.high_cut_db(rest[:1], jnp.asarray([16000.0]))[0, 0]) > -0.05


def test_closing_it_costs_by_its_octaves_below_20_khz():
    assert np.asarray(regulariser(at(5000.0))) == pytest.approx([4.0, 4.0])
    assert not np.asarray(regulariser(OFF)).any()


def test_a_cost_on_power_above_the_corner_lowers_it():
    dry = random_dry(2)
    high = jnp.asarray(band_centres_hz() > 8000.0, dry.power.dtype)

    def power(unconstrained: Treatment) -> jax.Array:
        return jnp.log(jnp.sum(effect.direct_power(effect.treated(dry, constrain(unconstrained))) @ high))

    slope = jax.grad(power)(map_parts(lambda part, x: x + 10.0 * (part == "eq.high_cut"), unconstrain(OFF)))
    assert np.all(np.asarray(slope.eq.high_cut_hz) < 0.0)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope))
