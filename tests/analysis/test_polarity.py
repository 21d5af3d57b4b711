"""Which of a group to turn over: the choice whose sum is strongest."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from hybrid.analysis.polarity import best_polarities, groups


def crossed(sign: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of one signal that is upside down in some places, and what they share."""
    pairs = np.array(list(combinations(range(len(sign)), 2)))
    return pairs, sign[pairs].prod(axis=1).astype(float)


@pytest.mark.parametrize("n", [2, 3, 8, 12, 13, 40])
def test_whatever_is_upside_down_is_turned_to_the_first(n):
    sign = np.random.default_rng(n).choice([1, -1], n)
    found = best_polarities(*crossed(sign), range(n), [True] * n)
    np.testing.assert_array_equal(found * sign, sign[0])
    assert found[0] == 1


def test_what_is_not_open_stays_and_the_others_follow():
    pairs, cross = crossed(np.array([1, -1, -1]))
    assert best_polarities(pairs, cross, [1, 0, 2], [False, True, True]).tolist() == [1, -1, 1]
    assert best_polarities(pairs, cross, [0, 1, 2], [False, False, True])[1] == 1


def test_where_not_all_can_agree_the_strongest_pairs_do():
    pairs = np.array([[0, 1], [1, 2], [0, 2]])
    assert best_polarities(pairs, np.array([-3.0, 2.0, 1.0]), range(3), [True] * 3).tolist() == [1, -1, -1]


def test_of_equal_choices_the_one_that_turns_less_is_taken():
    pairs = np.array([[0, 1], [1, 2], [0, 2]])
    assert best_polarities(pairs, np.array([1.0, -1.0, 0.0]), range(3), [True] * 3).tolist() == [1, 1, -1]
    assert best_polarities(pairs, np.array([-1.0, 1.0, 1.0]), range(3), [True] * 3).tolist() == [1, 1, 1]


def test_groups_are_what_pairs_connect_in_the_order_given():
    pairs = np.array([[0, 1], [4, 5], [1, 3]])
    assert groups(pairs, [5, 3, 2, 1, 0, 4]) == [[5, 4], [3, 1, 0]]
    assert groups(np.zeros((0, 2), int), [0, 1]) == []
