"""The table of parts is complete, and agrees with the treatment."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.treatment.bounds import constrain, unconstrain
from hybrid.treatment.parts import GROUPS, PARTS, Solved, acts_on_names
from hybrid.treatment.types import map_parts, neutral, treatment_parts

EVERY = neutral(3, 5.0, 0.2, optional=tuple(GROUPS))
STEP = 0.05
LENGTH = {"track": 3, "tone": 10, "zone": 4, "ride": 4, "knot": 27}


def test_the_table_has_a_row_for_every_part_of_a_treatment_and_no_other():
    assert list(treatment_parts(EVERY)) == list(PARTS)


@pytest.mark.parametrize("name", PARTS)
def test_every_part_has_the_axes_of_its_row(name: str):
    assert treatment_parts(EVERY)[name].shape == tuple(LENGTH[axis] for axis in PARTS[name].axes)


@pytest.mark.parametrize("name", PARTS)
def test_a_neutral_treatment_holds_the_neutral_values_within_their_limits(name: str):
    part = PARTS[name]
    low, high = part.bijector.limits
    assert np.all(np.asarray(treatment_parts(EVERY)[name]) == part.neutral)
    assert low <= part.neutral <= high or part.neutral in (0.0, np.inf)


def test_optional_parts_are_present_only_where_they_are_named():
    without = set(treatment_parts(neutral(3, 5.0, 0.2)))
    assert without == {name for name, part in PARTS.items() if not part.optional}


@pytest.mark.parametrize("name", [name for name, part in PARTS.items() if not isinstance(part.bijector, Solved)])
def test_one_unit_changes_a_part_by_its_scale_where_its_curve_is_steepest(name: str):
    bijector = PARTS[name].bijector
    start = unconstrain(EVERY)
    moved = jax.vmap(lambda by: treatment_parts(constrain(map_parts(lambda _, x: x + by, start)))[name])
    steps = np.asarray(moved(jnp.arange(0.0, 20.0, STEP))).reshape(round(20.0 / STEP), -1)[:, 0]
    octaves = getattr(bijector, "middle", None) or getattr(bijector, "octaves", False)
    assert np.abs(np.diff(np.log2(steps) if octaves else steps)).max() == pytest.approx(STEP * bijector.scale, rel=0.01)


def test_rules_may_name_groups_and_the_parts_of_groups_with_several():
    names = acts_on_names()
    assert {"gain", "gain.level", "gain.ride", "dynamics", "master", "reverb.send"} <= set(names)
    assert {"dynamics.zone", "master.level"}.isdisjoint(names)
    assert all(names.values())


def test_sentences_about_a_part_name_the_track():
    assert PARTS
    for part in PARTS.values():
        assert "{track}" in part.raising and "{track}" in part.lowering and part.noun and part.description
