"""The treatment as a tree of named parts, and gradients that reach only some of them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.treatment.parts import RIDE_S
from hybrid.treatment.types import hold, map_parts, neutral, treatment_parts

PARTS = {
    "gain.level",
    "gain.ride",
    "eq.tone",
    "eq.low_cut",
    "dynamics.zone",
    "pan.position",
    "pan.width",
    "master.level",
}
NOTHING = neutral(2, 1.0, 0.2)


def reached_by_gradient(acts_on: tuple[str, ...]) -> set[str]:
    """Names of the parts that receive a gradient, through `hold`, of a cost that depends on all parts."""

    def cost(treatment):
        return sum(jnp.sum(jnp.exp(part)) for part in treatment_parts(hold(treatment, acts_on)).values())

    gradient = treatment_parts(jax.grad(cost)(NOTHING))
    assert all(np.all(g == 0.0) or np.all(g != 0.0) for g in gradient.values())
    return {name for name, g in gradient.items() if np.any(g != 0.0)}


def test_parts_have_the_names_that_rules_use():
    assert set(treatment_parts(NOTHING)) == PARTS


def test_neutral_is_all_zeros():
    parts = treatment_parts(NOTHING)
    assert parts and not any(np.any(part) for part in parts.values())


@pytest.mark.parametrize("part", sorted(PARTS))
def test_a_rule_that_acts_on_one_part_has_a_gradient_in_that_part_alone(part):
    assert reached_by_gradient((part,)) == {part}


@pytest.mark.parametrize("group", ["gain", "eq", "dynamics", "pan", "master"])
def test_a_rule_that_acts_on_a_group_has_a_gradient_in_all_of_its_parts_and_no_other(group):
    assert reached_by_gradient((group,)) == {part for part in PARTS if part.startswith(group + ".")}


def test_a_rule_that_acts_on_nothing_has_no_gradient():
    assert reached_by_gradient(()) == set()


def test_a_prefix_of_a_name_names_no_part():
    assert reached_by_gradient(("ga", "eq.to", "pan.position")) == {"pan.position"}


def test_holding_changes_no_value():
    random = map_parts(lambda _, x: jnp.asarray(np.random.default_rng(0).standard_normal(x.shape)), NOTHING)
    assert jax.tree.leaves(random)
    for before, after in zip(jax.tree.leaves(random), jax.tree.leaves(hold(random, ("eq",))), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("duration_s", [0.05, 0.3, 4.0, 61.3])
def test_time_curves_have_a_point_beyond_the_end_of_the_song(duration_s):
    treatment = neutral(1, duration_s, 0.2)
    assert (treatment.gain.ride_db.shape[-1] - 1) * RIDE_S >= duration_s
    assert (treatment.dynamics.zone_db.shape[-1] - 1) * treatment.knot_s >= duration_s
