"""Statistics of differences against SciPy, by hand, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from hybrid.judging.spread import inside_share, rank_features
from hybrid.judging.statistics import detectable, holm, is_equivalent, mean_by_song, paired_effect, permutation_p


def test_the_permutation_test_agrees_with_scipy():
    x = np.array([0.3, -0.1, 0.8, 0.4, 0.2, -0.05, 0.6])
    theirs = stats.permutation_test((x,), np.mean, permutation_type="samples", n_resamples=np.inf).pvalue
    assert permutation_p(x) == pytest.approx(theirs, abs=1e-12)


def test_the_smallest_p_value_of_four_songs_is_one_eighth():
    result = paired_effect([1.0, 2.0, 1.5, 0.5])
    assert result.p == result.smallest_p == 0.125


def test_no_difference_at_all_is_no_effect():
    result = paired_effect([0.0] * 6)
    assert (result.mean, result.low, result.high, result.p, result.p_wilcoxon, result.cohens_d) == (0, 0, 0, 1, 1, 0)


def test_one_song_has_no_interval_and_no_detectable_difference():
    result = paired_effect([2.0])
    assert result.p == 1.0 and np.isnan([result.low, result.high, result.detectable]).all()
    with pytest.raises(ValueError, match="at least one"):
        paired_effect([])


def test_random_sign_patterns_agree_with_the_normal_limit():
    x = np.random.default_rng(0).normal(0.25, 1.0, 100)
    z = x.mean() / (np.sqrt(np.mean(np.square(x))) / 10.0)
    assert permutation_p(x) == pytest.approx(2.0 * stats.norm.sf(abs(z)), abs=0.01)


def test_under_the_null_hypothesis_5_percent_are_below_p_0_05():
    rng = np.random.default_rng(0)
    result = np.array([permutation_p(rng.standard_normal(10)) for _ in range(500)])
    assert np.mean(result <= 0.05) == pytest.approx(0.05, abs=0.025)


@pytest.mark.parametrize(("n_songs", "n_draws"), [(2, 400), (3, 400), (8, 400), (20, 60)])
def test_intervals_have_their_nominal_coverage(n_songs: int, n_draws: int):
    rng = np.random.default_rng(0)
    result = [paired_effect(rng.normal(1.0, 1.0, n_songs).tolist()) for _ in range(n_draws)]
    coverage = np.mean([each.low <= 1.0 <= each.high for each in result])
    assert coverage > 0.95 - 3.0 * np.sqrt(0.95 * 0.05 / n_draws) - 0.01


def test_holm_by_hand():
    # sorted 0.01, 0.03, 0.04, times 3, 2, 1, never falling
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_the_detectable_difference_has_a_power_of_80_percent():
    rng = np.random.default_rng(0)
    smallest = detectable(1.0, 12)
    result = [stats.ttest_1samp(rng.normal(smallest, 1.0, 12), 0.0).pvalue < 0.05 for _ in range(1000)]
    assert np.mean(result) == pytest.approx(0.8, abs=0.05)


def test_the_detectable_difference_grows_with_the_number_of_tests():
    assert detectable(1.0, 12, 20) > 1.4 * detectable(1.0, 12)


def test_equivalence_is_both_one_sided_tests():
    x = np.array([0.1, -0.2, 0.15, 0.05, -0.1, 0.0, 0.1, -0.05])
    for margin in (0.05, 0.1, 0.5):
        one, other = (
            stats.ttest_1samp(x, shift, alternative=alternative).pvalue
            for shift, alternative in ((-margin, "greater"), (margin, "less"))
        )
        assert is_equivalent(x.tolist(), margin) == (max(one, other) < 0.05)
    assert is_equivalent(x.tolist(), 0.5) and not is_equivalent(x.tolist(), 0.05)
    assert not is_equivalent([0.0, 0.0], 1.0) and is_equivalent([0.0, 0.0, 0.0], 1.0)


def test_seeds_of_a_song_are_averaged():
    assert mean_by_song({("a", 0): 1.0, ("a", 1): 3.0, ("b", 0): 5.0}) == {"a": 2.0, "b": 5.0}


def test_the_rank_of_a_mix_among_human_mixes_by_hand():
    others = [{"width_db": value, "loudness_lufs": -9.0} for value in (1.0, 2.0, 3.0, 4.0, 9.0)]
    result = rank_features({"width_db": 5.0, "unknown": 1.0, "loudness_lufs": -14.0}, others)
    assert set(result) == {"width_db"}
    each = result["width_db"]
    assert (each.median, each.spreads, each.percentile, each.is_inside) == (3.0, 2.0, 80.0, True)
    assert inside_share(result) == 1.0
    assert not rank_features({"width_db": 8.9}, others)["width_db"].is_inside
    assert rank_features({"width_db": 1.0}, others[:2]) == {}


def test_equal_mixes_have_no_spread_to_measure_by():
    assert rank_features({"a": 2.0}, [{"a": 1.0}] * 3)["a"].spreads is None
