"""No move, however wild, leaves the range of a treatment, and moves come back from what they made."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hybrid.treatment.bounds import (
    LOW_CUT_FROM_HZ,
    LOW_CUT_OCTAVES,
    OCTAVES,
    RANGES,
    SEND_HIGHEST_DB,
    bounded,
    effort,
    moves_of,
)
from hybrid.treatment.types import PER_SONG, SEND_OFF_DB, map_parts, neutral, treatment_parts
from tests.treatment.made import only

NOTHING = neutral(2, 0.5, 0.2, room=True)
FREE = sorted(set(treatment_parts(NOTHING)) - {"master.level"})
LIMITS = {part: (r.low, r.high) for part, r in RANGES.items()}
LIMITS |= {part: tuple(v * 2.0**end for end in r[:2]) for part, (v, r) in OCTAVES.items()}
LIMITS["reverb.send"] = (SEND_OFF_DB, SEND_HIGHEST_DB)
LIMITS["eq.low_cut"] = (LOW_CUT_FROM_HZ, LOW_CUT_FROM_HZ * 2.0**LOW_CUT_OCTAVES)

bound, unbound, effort_of = jax.jit(bounded), jax.jit(moves_of), jax.jit(effort)


def filled(value: float):
    """A treatment, or moves, of one value everywhere."""
    return map_parts(lambda _, x: jnp.full_like(x, value), NOTHING)


def with_part(part: str, value: float):
    """A treatment that does nothing but for one part."""
    return only(NOTHING, part, value)


def numbers(treatment) -> dict[str, float]:
    return {name: float(np.ravel(value)[0]) for name, value in treatment_parts(treatment).items()}


@settings(deadline=None)  # the first example compiles
@given(st.floats(width=32, allow_nan=False, allow_infinity=True))
def test_no_move_leaves_the_range(move):
    values = numbers(bound(filled(move)))
    limited = LIMITS.keys() & values.keys()
    assert limited
    for part in limited:
        low, high = LIMITS[part]
        # a bound is reached, to float32 rounding, but never passed
        assert low * (1.0 + 1e-6 * np.sign(-low)) <= values[part] <= high * (1.0 + 1e-6), part


@settings(deadline=None)
@given(st.floats(-3.0, 3.0, width=32))
def test_moves_come_back_from_the_treatment_they_made(move):
    back = numbers(unbound(bound(filled(move))))
    assert FREE
    for part in FREE:
        # below its rest a low cut or a send comes back at rest: neither can be heard
        expected = max(move, 0.0) if part in ("eq.low_cut", "reverb.send") else move
        # float32 near the ends of the hyperbolic tangent
        assert back[part] == pytest.approx(expected, abs=2e-3), part


def test_more_of_a_move_is_more_of_the_treatment():
    parts = [numbers(bound(filled(move))) for move in np.linspace(-4.0, 4.0, 17)]
    assert FREE
    for part in FREE:
        assert (np.diff([values[part] for values in parts]) > 0.0).all(), part


def test_zero_moves_do_nothing_that_can_be_heard():
    resting = numbers(bound(filled(0.0)))
    low_cut_hz = resting.pop("eq.low_cut")
    # a send at rest brings back less than a millionth
    assert resting.pop("reverb.send") < -58.9
    for part, (middle, _) in OCTAVES.items():
        assert resting.pop(part) == pytest.approx(middle)
    assert set(resting.values()) == {0.0}
    # 18 dB per octave below its corner: takes 0.01 dB off 30 Hz
    assert -10.0 * np.log10(1.0 + (low_cut_hz / 30.0) ** 6) > -0.011


@pytest.mark.parametrize("part", sorted(RANGES))
def test_one_unit_of_a_move_is_worth_its_scale_near_zero(part):
    assert numbers(bound(filled(0.01)))[part] == pytest.approx(0.01 * RANGES[part].scale, rel=1e-3)
    assert numbers(bound(filled(-0.01)))[part] == pytest.approx(-0.01 * RANGES[part].scale, rel=1e-3)


def test_a_unit_of_low_cut_is_a_third_of_an_octave_where_it_is_steepest():
    middle = numbers(unbound(with_part("eq.low_cut", LOW_CUT_FROM_HZ * 2.0 ** (LOW_CUT_OCTAVES / 2.0))))["eq.low_cut"]
    corners = [numbers(bound(filled(middle + step)))["eq.low_cut"] for step in (-0.05, 0.05)]
    assert np.log2(corners[1] / corners[0]) / 0.1 == pytest.approx(1.0 / 3.0, rel=0.01)


@pytest.mark.parametrize("part", sorted(RANGES))
@pytest.mark.parametrize("end", [0, 1])
def test_a_value_beyond_a_bound_comes_back_just_inside_it(part, end):
    limit = LIMITS[part][end]
    # the last thousandth of the range is given up, so that moves stay finite
    assert numbers(bound(unbound(with_part(part, 10.0 * limit))))[part] / limit == pytest.approx(0.999, abs=1e-5)


def test_a_low_cut_that_is_off_comes_back_at_rest_and_one_too_high_at_its_highest():
    off, high = (numbers(bound(unbound(with_part("eq.low_cut", hz))))["eq.low_cut"] for hz in (0.0, 2000.0))
    assert off == pytest.approx(numbers(bound(filled(0.0)))["eq.low_cut"], rel=1e-4)
    assert 0.99 * LIMITS["eq.low_cut"][1] < high < LIMITS["eq.low_cut"][1]


def test_the_output_level_is_taken_as_it_is():
    assert numbers(bound(filled(123.0)))["master.level"] == 123.0
    assert numbers(unbound(filled(-50.0)))["master.level"] == -50.0


@jax.jit
def pulls(move):
    """Slope of the sum of each part over one move for all."""

    def sums(x):
        return {part: jnp.sum(value) for part, value in treatment_parts(bounded(filled(x))).items()}

    return jax.jacrev(sums)(move)


@pytest.mark.parametrize("move", [0.0, 1.0, -100.0, 100.0])
def test_gradients_are_finite_even_at_the_bounds(move):
    slopes = pulls(jnp.asarray(move))
    assert slopes and all(np.isfinite(slope) and slope >= 0.0 for slope in slopes.values())


def test_doing_nothing_takes_no_effort():
    assert np.asarray(effort_of(NOTHING)).tolist() == [0.0, 0.0]
    # nor does the low cut at rest
    assert np.asarray(effort_of(bound(filled(0.0)))) == pytest.approx([0.0, 0.0], abs=1e-3)


@pytest.mark.parametrize("part", ["gain.level", "gain.ride", "pan.position", "pan.width"])
def test_one_unit_takes_an_effort_of_one(part):
    assert np.asarray(effort_of(with_part(part, RANGES[part].scale))) == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("part", sorted(set(FREE) - set(PER_SONG)))
def test_every_part_takes_effort_and_pays_for_its_own_track(part):
    values = {"eq.low_cut": 120.0, "reverb.send": -6.0}
    value = values[part] if part in values else RANGES[part].scale
    one = map_parts(lambda name, x: x.at[0].set(value) if name == part else x, NOTHING)
    first, second = np.asarray(effort_of(one)).tolist()
    assert first > 0.2
    assert second == 0.0
