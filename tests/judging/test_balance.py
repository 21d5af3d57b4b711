"""Errors of a balance, on balances whose errors are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybrid.judging.balance import family_error_lu, family_levels_lu, level_error_lu, pan_error

LEVELS = st.lists(st.floats(-60.0, 10.0), min_size=1, max_size=12)


@given(LEVELS, st.floats(-20.0, 20.0))
def test_the_same_balance_at_another_level_has_no_error(levels: list[float], gain: float):
    assert level_error_lu(np.array(levels) + gain, np.array(levels)) == pytest.approx(0.0, abs=1e-9)


@given(LEVELS, st.data())
def test_no_common_gain_leaves_less(levels: list[float], data: st.DataObject):
    human = np.array(data.draw(st.lists(st.floats(-60.0, 10.0), min_size=len(levels), max_size=len(levels))))
    own = np.array(levels)
    left = level_error_lu(own, human)
    gains = np.linspace(-80.0, 80.0, 161)[:, None]
    assert left <= np.mean(np.abs(own - human - gains), axis=1).min() + 1e-9


def test_one_track_that_is_off_counts_by_its_share():
    assert level_error_lu(np.array([-10.0, -20.0, -30.0, -14.0]), np.array([-10.0, -20.0, -30.0, -20.0])) == 1.5


def test_levels_of_a_family_add_as_powers():
    levels = family_levels_lu(np.array([-10.0, -10.0, -20.0]), ["drums", "drums", "bass"])
    assert levels == pytest.approx({"drums": -6.99, "bass": -20.0}, abs=0.01)
    # within a family a balance of its own, and the same sum
    own, human = np.array([-10.0, -90.0, -20.0]), np.array([-90.0, -10.0, -20.0])
    assert family_error_lu(own, human, ["drums", "drums", "bass"]) == pytest.approx(0.0, abs=1e-6)
    assert level_error_lu(own, human) > 50.0
    assert family_error_lu(own, human, ["drums"] * 3) is None


def test_a_mirrored_mix_has_the_same_places():
    human = {"left": -40.0, "right": 60.0, "middle": 0.0}
    assert pan_error({"left": 40.0, "right": -60.0, "middle": 0.0}, human) == 0.0
    assert pan_error({"left": -40.0, "right": 30.0, "other": 99.0}, human) == 15.0
    assert pan_error({"other": 99.0}, human) is None
