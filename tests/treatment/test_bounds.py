"""Unconstrained values of any size stay within the range of a treatment, and are recovered from it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid.treatment.bounds import constrain, regulariser, unconstrain
from hybrid.treatment.parts import PARTS, Bounded, BoundedOctaves
from hybrid.treatment.types import map_parts, neutral, treatment_parts
from tests.treatment.made import only

NOTHING = neutral(2, 0.5, 0.2, optional=("reverb",))
FREE = sorted(set(treatment_parts(NOTHING)) - {"master.level"})
LIMITS = {name: PARTS[name].bijector.limits for name in FREE}
BOUNDED = {name: part.bijector for name, part in PARTS.items() if isinstance(part.bijector, Bounded)}
OCTAVES = {name: part.bijector for name, part in PARTS.items() if isinstance(part.bijector, BoundedOctaves)}
PER_TRACK = {name for name, part in PARTS.items() if part.per_track}
LOW_CUT = PARTS["eq.low_cut"].bijector.limits

constrained, unconstrained, regulariser_of = jax.jit(constrain), jax.jit(unconstrain), jax.jit(regulariser)


def filled(value: float):
    """A treatment, or its unconstrained values, of one value everywhere."""
    return map_parts(lambda _, x: jnp.full_like(x, value), NOTHING)


def with_part(part: str, value: float):
    """A treatment that does nothing but for one part."""
    return only(NOTHING, part, value)


def numbers(treatment) -> dict[str, float]:
    return {name: float(np.ravel(value)[0]) for name, value in treatment_parts(treatment).items()}


@settings(deadline=None)  # the first example compiles
@given(st.floats(width=32, allow_nan=False, allow_infinity=True))
def test_no_unconstrained_value_leaves_the_range(unconstrained_value):
    values = numbers(constrained(filled(unconstrained_value)))
    assert LIMITS.keys() <= values.keys() and LIMITS
    for part, (low, high) in LIMITS.items():
        value = values[part]
        # a bound is reached, to float32 rounding, but never passed
        assert low * (1.0 + 1e-6 * np.sign(-low)) <= value <= high * (1.0 + 1e-6), part


@settings(deadline=None)
@given(st.floats(-3.0, 3.0, width=32))
def test_unconstrained_values_are_recovered_from_their_treatment(unconstrained_value):
    recovered = numbers(unconstrained(constrained(filled(unconstrained_value))))
    assert FREE
    for part in FREE:
        # below its neutral value a low cut or a send is clipped to it: neither is audible
        expected = max(unconstrained_value, 0.0) if part in ("eq.low_cut", "reverb.send") else unconstrained_value
        # float32 near the ends of the hyperbolic tangent
        assert recovered[part] == pytest.approx(expected, abs=2e-3), part


def test_a_treatment_rises_with_its_unconstrained_values():
    parts = [numbers(constrained(filled(unconstrained_value))) for unconstrained_value in np.linspace(-4.0, 4.0, 17)]
    assert FREE
    for part in FREE:
        assert (np.diff([values[part] for values in parts]) > 0.0).all(), part


def test_unconstrained_zeros_are_inaudible():
    values = numbers(constrained(filled(0.0)))
    low_cut_hz = values.pop("eq.low_cut")
    # such a send returns less than a millionth of the power
    assert values.pop("reverb.send") < -58.9
    for part, (middle, *_) in OCTAVES.items():
        assert values.pop(part) == pytest.approx(middle)
    assert set(values.values()) == {0.0}
    # 18 dB per octave below its corner: takes 0.01 dB off 30 Hz
    assert -10.0 * np.log10(1.0 + (low_cut_hz / 30.0) ** 6) > -0.011


@pytest.mark.parametrize("part", sorted(BOUNDED))
def test_one_unconstrained_unit_is_worth_its_scale_near_zero(part):
    assert numbers(constrained(filled(0.01)))[part] == pytest.approx(0.01 * BOUNDED[part].scale, rel=1e-3)
    assert numbers(constrained(filled(-0.01)))[part] == pytest.approx(-0.01 * BOUNDED[part].scale, rel=1e-3)


def test_a_unit_of_low_cut_is_a_third_of_an_octave_where_it_is_steepest():
    middle = numbers(unconstrained(with_part("eq.low_cut", (LOW_CUT[0] * LOW_CUT[1]) ** 0.5)))["eq.low_cut"]
    corners = [numbers(constrained(filled(middle + step)))["eq.low_cut"] for step in (-0.05, 0.05)]
    assert np.log2(corners[1] / corners[0]) / 0.1 == pytest.approx(1.0 / 3.0, rel=0.01)


@pytest.mark.parametrize("part", sorted(BOUNDED))
@pytest.mark.parametrize("end", [0, 1])
def test_a_value_beyond_a_bound_is_clipped_to_just_inside_it(part, end):
    limit = LIMITS[part][end]
    # the last thousandth of the range is given up, so that the inverse stays finite
    assert numbers(constrained(unconstrained(with_part(part, 10.0 * limit))))[part] / limit == pytest.approx(
        0.999, abs=1e-5
    )


def test_a_low_cut_that_is_off_is_clipped_to_its_neutral_value_and_one_too_high_to_its_highest():
    off, high = (numbers(constrained(unconstrained(with_part("eq.low_cut", hz))))["eq.low_cut"] for hz in (0.0, 2000.0))
    assert off == pytest.approx(numbers(constrained(filled(0.0)))["eq.low_cut"], rel=1e-4)
    assert 0.99 * LIMITS["eq.low_cut"][1] < high < LIMITS["eq.low_cut"][1]


def test_the_output_level_passes_through_unchanged():
    assert numbers(constrained(filled(123.0)))["master.level"] == 123.0
    assert numbers(unconstrained(filled(-50.0)))["master.level"] == -50.0


@jax.jit
def gradients(unconstrained_value):
    """Gradient of the sum of each part with respect to one unconstrained value for all."""

    def sums(x):
        return {part: jnp.sum(value) for part, value in treatment_parts(constrain(filled(x))).items()}

    return jax.jacrev(sums)(unconstrained_value)


@pytest.mark.parametrize("unconstrained_value", [0.0, 1.0, -100.0, 100.0])
def test_gradients_are_finite_even_at_the_bounds(unconstrained_value):
    slopes = gradients(jnp.asarray(unconstrained_value))
    assert slopes and all(np.isfinite(slope) and slope >= 0.0 for slope in slopes.values())


def test_the_regulariser_of_the_neutral_treatment_is_zero():
    assert np.asarray(regulariser_of(NOTHING)).tolist() == [0.0, 0.0]
    # nor does the low cut at rest
    assert np.asarray(regulariser_of(constrained(filled(0.0)))) == pytest.approx([0.0, 0.0], abs=1e-3)


@pytest.mark.parametrize("part", ["gain.level", "gain.ride", "pan.position", "pan.width"])
def test_one_unit_has_a_regulariser_of_one(part):
    assert np.asarray(regulariser_of(with_part(part, BOUNDED[part].scale))) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("part", sorted(PER_TRACK & set(FREE)))
def test_every_part_counts_in_the_regulariser_of_its_own_track(part):
    values = {"eq.low_cut": 120.0, "reverb.send": -6.0}
    value = values[part] if part in values else BOUNDED[part].scale
    one = map_parts(lambda name, x: x.at[0].set(value) if name == part else x, NOTHING)
    first, second = np.asarray(regulariser_of(one)).tolist()
    assert first > 0.2
    assert second == 0.0
