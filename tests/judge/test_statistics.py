"""What a difference means: against SciPy, by hand, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hybrid.judge.spread import inside_share, standing
from hybrid.judge.statistics import by_song, detectable, effect_of, holm, is_equivalent, permutation_p


def test_signs_are_turned_as_scipy_turns_them():
    x = np.array([0.3, -0.1, 0.8, 0.4, 0.2, -0.05, 0.6])
    theirs = stats.permutation_test((x,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert permutation_p(x) == pytest.approx(theirs, abs=1e-12)


def test_four_songs_that_agree_can_say_no_more_than_one_in_eight():
    found = effect_of([1.0, 2.0, 1.5, 0.5])
    assert found.p == found.smallest_p == 0.125


def test_no_difference_at_all_is_no_effect():
    found = effect_of([0.0] * 6)
    assert (found.mean, found.low, found.high, found.p, found.p_wilcoxon, found.size) == (0, 0, 0, 1, 1, 0)


def test_one_song_has_no_interval_and_nothing_it_could_detect():
    found = effect_of([2.0])
    assert found.p == 1.0 and np.isnan([found.low, found.high, found.detectable]).all()
    with pytest.raises(ValueError, match="at least one"):
        effect_of([])


def test_many_songs_are_drawn_and_agree_with_the_normal_limit():
    x = np.random.default_rng(0).normal(0.25, 1.0, 100)
    z = x.mean() / (np.sqrt(np.mean(np.square(x))) / 10.0)
    assert permutation_p(x) == pytest.approx(2.0 * stats.norm.sf(abs(z)), abs=0.01)


def test_by_chance_one_in_twenty_is_below_a_twentieth():
    rng = np.random.default_rng(0)
    found = np.array([permutation_p(rng.standard_normal(10)) for _ in range(500)])
    assert np.mean(found <= 0.05) == pytest.approx(0.05, abs=0.025)


@pytest.mark.parametrize(("n_songs", "n_draws"), [(2, 400), (3, 400), (8, 400), (20, 60)])
def test_intervals_hold_the_truth_as_often_as_they_say(n_songs: int, n_draws: int):
    rng = np.random.default_rng(0)
    found = [effect_of(rng.normal(1.0, 1.0, n_songs).tolist()) for _ in range(n_draws)]
    held = np.mean([each.low <= 1.0 <= each.high for each in found])
    assert held > 0.95 - 3.0 * np.sqrt(0.95 * 0.05 / n_draws) - 0.01


def test_holm_by_hand():
    # sorted 0.01, 0.03, 0.04, times 3, 2, 1, never falling
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_what_is_detectable_is_detected_in_four_of_five_studies():
    rng = np.random.default_rng(0)
    smallest = detectable(1.0, 12)
    found = [stats.ttest_1samp(rng.normal(smallest, 1.0, 12), 0.0).pvalue < 0.05 for _ in range(1000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.05)


def test_many_tests_see_only_what_is_larger():
    assert detectable(1.0, 12, 20) > 1.4 * detectable(1.0, 12)


def test_equivalence_is_both_one_sided_tests():
    x = np.array([0.1, -0.2, 0.15, 0.05, -0.1, 0.0, 0.1, -0.05])
    for margin in (0.05, 0.1, 0.5):
        one, other = (
            stats.ttest_1samp(x, shift, alternative=way).pvalue
            for shift, way in ((-margin, "greater"), (margin, "less"))
        )
        assert is_equivalent(x.tolist(), margin) == (max(one, other) < 0.05)
    assert is_equivalent(x.tolist(), 0.5) and not is_equivalent(x.tolist(), 0.05)
    assert not is_equivalent([0.0, 0.0], 1.0) and is_equivalent([0.0, 0.0, 0.0], 1.0)


def test_seeds_of_a_song_are_one_number():
    assert by_song({("a", 0): 1.0, ("a", 1): 3.0, ("b", 0): 5.0}) == {"a": 2.0, "b": 5.0}


def test_a_mix_among_those_of_people_by_hand():
    others = [{"width_db": value, "loudness_lufs": -9.0} for value in (1.0, 2.0, 3.0, 4.0, 9.0)]
    found = standing({"width_db": 5.0, "unknown": 1.0, "loudness_lufs": -14.0}, others)
    assert set(found) == {"width_db"}
    each = found["width_db"]
    assert (each.median, each.spreads, each.percentile, each.is_inside) == (3.0, 2.0, 80.0, True)
    assert inside_share(found) == 1.0
    assert not standing({"width_db": 8.9}, others)["width_db"].is_inside
    assert standing({"width_db": 1.0}, others[:2]) == {}


def test_where_people_agree_there_is_no_unit_of_distance():
    assert standing({"a": 2.0}, [{"a": 1.0}] * 3)["a"].spreads is None
