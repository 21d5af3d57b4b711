"""Distances between sets against what Gaussians of known shape must read."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from hybrid.errors import InputError
from hybrid.judge.distribution import distances, frechet, frechet_unbiased, kernel
from hybrid.judge.embedding import OWN, embedded, find_embedding
from hybrid.judge.mix import mix_of
from tests.judge.made import RATE, noise, sine

pytestmark = pytest.mark.long


def _drawn(n: int, mean: float = 0.0, spread: float = 1.0, seed: int = 0) -> np.ndarray:
    return mean + spread * np.random.default_rng(seed).standard_normal((n, 3))


def test_means_that_are_apart_read_the_square_of_it_and_spreads_the_square_of_their_difference():
    assert frechet(_drawn(20000), _drawn(20000, 2.0, seed=1)) == pytest.approx(3 * 4.0, rel=0.02)
    assert frechet(_drawn(20000), _drawn(20000, 0.0, 3.0, seed=1)) == pytest.approx(3 * 4.0, rel=0.03)
    assert frechet(_drawn(50), _drawn(50)) == pytest.approx(0.0, abs=1e-6)


def test_it_is_that_of_the_square_root_of_a_matrix():
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((40, 3)) @ rng.standard_normal((3, 3)), rng.standard_normal((50, 3))
    first, second = (np.cov(x, rowvar=False) for x in (a, b))
    root = linalg.sqrtm(first @ second).real
    wanted = np.sum(np.square(a.mean(0) - b.mean(0))) + np.trace(first + second - 2.0 * root)
    assert frechet(a, b) == pytest.approx(wanted, rel=1e-4)


def _songs(n: int, mean: float = 0.0, seed: int = 0) -> list[np.ndarray]:
    """Songs of twelve vectors that are alike: they differ from each other more than within."""
    rng = np.random.default_rng(seed)
    return [mean + rng.standard_normal(3) + 0.3 * rng.standard_normal((12, 3)) for _ in range(n)]


def test_few_songs_read_too_far_and_the_line_through_them_less_so():
    pairs = [(_songs(10, seed=2 * k), _songs(10, seed=2 * k + 1)) for k in range(30)]
    plain = np.mean([frechet(np.concatenate(a), np.concatenate(b)) for a, b in pairs])
    corrected = np.mean([frechet_unbiased(a, b) for a, b in pairs])
    assert abs(corrected) < 0.5 * plain


def test_the_kernel_distance_of_one_distribution_is_zero_in_the_mean_however_alike_a_songs_stretches_are():
    found = [kernel(_songs(10, seed=2 * k), _songs(10, seed=2 * k + 1)) for k in range(200)]
    assert np.mean(found) == pytest.approx(0.0, abs=3.0 * np.std(found) / np.sqrt(200))
    near, far = (kernel(_songs(60), _songs(60, mean, seed=1)) for mean in (0.7, 2.0))
    assert 0.0 < near < far


def test_intervals_hold_the_value_and_come_only_with_enough():
    ours, theirs = _songs(12), _songs(12, 1.5, seed=50)
    found = distances(ours, theirs)
    assert set(found) == {"frechet", "kernel"}
    for each in found.values():
        assert each.low < each.value < each.high
    assert found["kernel"].low > 0.0
    few = [x[:1] for x in ours[:4]]
    assert set(distances(few, theirs)) == {"kernel"}
    with pytest.raises(InputError, match="the mixes: 3 are too few"):
        distances(ours[:3], theirs)


def test_the_programs_own_embedding_tells_dull_from_bright_and_not_loud_from_quiet():
    embed = find_embedding(OWN)
    a, b, c = (embedded(mix_of("a", x, RATE), embed) for x in (noise(10.0), 0.3 * noise(10.0), sine(200.0, 0.5, 10.0)))
    assert a.shape[0] == 2
    np.testing.assert_allclose(a, b, atol=1e-3)
    assert np.linalg.norm(a - c) > 10.0


def test_a_mix_that_begins_with_silence_is_heard_where_it_sounds():
    late = np.concatenate([np.zeros((2, 5 * RATE), np.float32), noise(1.0)], axis=1)
    assert embedded(mix_of("a", late, RATE), find_embedding(OWN)).shape[0] == 1


def shape_of_nothing(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """An embedding that is none."""
    return np.full((1, 3), np.nan)


def test_a_plugged_in_embedding_is_found_and_what_is_none_is_told():
    with pytest.raises(InputError, match="expected finite numbers"):
        embedded(mix_of("a", noise(), RATE), shape_of_nothing)
    for wrong in (lambda x, rate: "text", lambda x, rate: np.full((1, 2), 1e300), lambda x: x, lambda x, rate: 1 / 0):
        with pytest.raises(InputError, match="--embedding"):
            embedded(mix_of("a", noise(), RATE), wrong)
    assert find_embedding("numpy:square") is np.square
    for name in ("no.such.module:x", "numpy:nothing_there", "word", ".odd:x"):
        with pytest.raises(InputError, match="--embedding"):
            find_embedding(name)
