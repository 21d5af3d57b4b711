from __future__ import annotations

import random
import statistics

import pytest
from scipy import stats

from hybrid.calibrate.estimate import MIN_SONGS_FOR_QUARTILES, estimates, half_width, quantile, single_song_keys
from hybrid.calibrate.observations import Observation


def of_songs(*values: float) -> list[Observation]:
    return [Observation("level", "bass", f"song {i}", "A", value, 1) for i, value in enumerate(values)]


@pytest.mark.parametrize("values", [[3.0], [1.0, 2.0], [5.0, 1.0, 4.0], [4.0, 1.0, 3.0, 2.0], [1.0, 1.0, 9.0]])
def test_with_equal_weights_the_median_is_the_usual_one(values: list[float]):
    assert quantile(values, 0.5) == statistics.median(values)
    assert quantile(values, 0.5, [0.3] * len(values)) == pytest.approx(statistics.median(values))


def test_quartiles_are_those_of_hazen():
    values = [float(x) for x in (9, 2, 4, 7, 1, 3, 8, 20)]
    for share in (0.25, 0.75):
        assert quantile(values, share) == pytest.approx(stats.mstats.mquantiles(values, share, 0.5, 0.5)[0])


def test_a_value_of_no_weight_does_not_count():
    assert quantile([1.0, 2.0, 50.0], 0.5, [1.0, 1.0, 0.0]) == 1.5
    assert quantile([1.0, 2.0, 50.0], 0.5, [0.0, 0.0, 0.0]) == 2.0


def test_weight_pulls_the_median_towards_what_is_liked():
    assert quantile([0.0, 10.0], 0.5, [0.2, 0.8]) > quantile([0.0, 10.0], 0.5, [0.5, 0.5])


def test_from_eight_songs_on_the_tolerance_is_half_of_the_quartiles_distance():
    assert half_width([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]) == pytest.approx(2.0)
    assert pytest.approx(0.9, abs=1e-3) == 1.0 - 0.75**MIN_SONGS_FOR_QUARTILES


@pytest.mark.parametrize("n", range(2, MIN_SONGS_FOR_QUARTILES))
def test_the_tolerance_of_few_songs_is_that_of_howe(n: int):
    values = [float(x) for x in range(n)]
    chi_squared = stats.chi2.ppf(0.1, n - 1)
    factor = stats.norm.ppf(0.75) * ((1 + 1 / n) * (n - 1) / chi_squared) ** 0.5
    # the table of chi-squared has four digits, of which few are left for one degree of freedom
    assert half_width(values) == pytest.approx(factor * statistics.stdev(values), rel=2e-3)
    assert half_width(values) > 0.5 * (quantile(values, 0.75) - quantile(values, 0.25))


def test_every_song_counts_the_same_however_many_mixes_it_has():
    few = of_songs(-20.0, -10.0, -12.0)
    many = [*few, *(Observation("level", "bass", "song 0", f"mix {i}", -20.0, 1) for i in range(9))]
    once, often = estimates(few)["level", "bass"], estimates(many)["level", "bass"]
    assert (once.median, once.low, once.high) == (often.median, often.low, often.high) == (-12.0, -18.0, -10.5)
    assert (often.n_songs, often.n_mixes, often.n_tracks) == (3, 12, 12)


def test_the_order_of_what_was_observed_does_not_matter():
    rows = of_songs(*(float(x) for x in range(11)))
    shuffled = random.Random(1).sample(rows, len(rows))
    assert estimates(rows) == estimates(shuffled)


def test_one_song_gives_no_estimate_and_is_named():
    rows = [*of_songs(-10.0, -12.0), Observation("level", "brass", "song 0", "A", -9.0, 1)]
    assert list(estimates(rows)) == [("level", "bass")]
    assert single_song_keys(rows) == [("level", "brass")]


def test_few_songs_are_called_few():
    assert estimates(of_songs(*[0.0] * 7))["level", "bass"].has_few_songs
    assert not estimates(of_songs(*[0.0] * 8))["level", "bass"].has_few_songs
