"""Distances between sets against analytic values for Gaussians."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from hybrid.errors import InputError
from hybrid.judging.distribution import distances, frechet_distance, kernel_distance, unbiased_frechet_distance
from hybrid.judging.embedding import DEFAULT_EMBEDDING, embed_mix, load_embedding
from hybrid.judging.mix import normalise_mix
from tests.judging.signals import RATE, noise, sine

pytestmark = pytest.mark.long


def _drawn(n: int, mean: float = 0.0, spread: float = 1.0, seed: int = 0) -> np.ndarray:
    return mean + spread * np.random.default_rng(seed).standard_normal((n, 3))


def test_the_frechet_distance_is_the_squared_difference_of_means_and_of_spreads():
    assert frechet_distance(_drawn(20000), _drawn(20000, 2.0, seed=1)) == pytest.approx(3 * 4.0, rel=0.02)
    assert frechet_distance(_drawn(20000), _drawn(20000, 0.0, 3.0, seed=1)) == pytest.approx(3 * 4.0, rel=0.03)
    assert frechet_distance(_drawn(50), _drawn(50)) == pytest.approx(0.0, abs=1e-6)


def test_the_frechet_distance_agrees_with_a_general_matrix_square_root():
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((40, 3)) @ rng.standard_normal((3, 3)), rng.standard_normal((50, 3))
    first, second = (np.cov(x, rowvar=False) for x in (a, b))
    root = linalg.sqrtm(first @ second).real
    expected = np.sum(np.square(a.mean(0) - b.mean(0))) + np.trace(first + second - 2.0 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-4)


def _songs(n: int, mean: float = 0.0, seed: int = 0) -> list[np.ndarray]:
    """Songs of twelve similar vectors: they differ more between songs than within."""
    rng = np.random.default_rng(seed)
    return [mean + rng.standard_normal(3) + 0.3 * rng.standard_normal((12, 3)) for _ in range(n)]


def test_extrapolation_removes_most_of_the_bias_of_few_songs():
    pairs = [(_songs(10, seed=2 * k), _songs(10, seed=2 * k + 1)) for k in range(30)]
    plain = np.mean([frechet_distance(np.concatenate(a), np.concatenate(b)) for a, b in pairs])
    corrected = np.mean([unbiased_frechet_distance(a, b) for a, b in pairs])
    assert abs(corrected) < 0.5 * plain


def test_the_kernel_distance_of_one_distribution_is_zero_on_average():
    result = [kernel_distance(_songs(10, seed=2 * k), _songs(10, seed=2 * k + 1)) for k in range(200)]
    assert np.mean(result) == pytest.approx(0.0, abs=3.0 * np.std(result) / np.sqrt(200))
    near, far = (kernel_distance(_songs(60), _songs(60, mean, seed=1)) for mean in (0.7, 2.0))
    assert 0.0 < near < far


def test_intervals_contain_the_value_and_small_sets_are_refused():
    ours, theirs = _songs(12), _songs(12, 1.5, seed=50)
    result = distances(ours, theirs)
    assert set(result) == {"frechet", "kernel"}
    for each in result.values():
        assert each.low < each.value < each.high
    assert result["kernel"].low > 0.0
    few = [x[:1] for x in ours[:4]]
    assert set(distances(few, theirs)) == {"kernel"}
    with pytest.raises(InputError, match="the mixes: 3 are too few"):
        distances(ours[:3], theirs)


def test_the_default_embedding_depends_on_the_spectrum_and_not_on_the_level():
    embed = load_embedding(DEFAULT_EMBEDDING)
    a, b, c = (
        embed_mix(normalise_mix("a", x, RATE), embed) for x in (noise(10.0), 0.3 * noise(10.0), sine(200.0, 0.5, 10.0))
    )
    assert a.shape[0] == 2
    np.testing.assert_allclose(a, b, atol=1e-3)
    assert np.linalg.norm(a - c) > 10.0


def test_silent_segments_have_no_vector():
    late = np.concatenate([np.zeros((2, 5 * RATE), np.float32), noise(1.0)], axis=1)
    assert embed_mix(normalise_mix("a", late, RATE), load_embedding(DEFAULT_EMBEDDING)).shape[0] == 1


def nan_embedding(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """An embedding that returns no numbers."""
    return np.full((1, 3), np.nan)


def test_an_embedding_is_loaded_by_name_and_an_invalid_one_is_refused():
    with pytest.raises(InputError, match="expected finite numbers"):
        embed_mix(normalise_mix("a", noise(), RATE), nan_embedding)
    for wrong in (lambda x, rate: "text", lambda x, rate: np.full((1, 2), 1e300), lambda x: x, lambda x, rate: 1 / 0):
        with pytest.raises(InputError, match="--embedding"):
            embed_mix(normalise_mix("a", noise(), RATE), wrong)
    assert load_embedding("numpy:square") is np.square
    for name in ("no.such.module:x", "numpy:nothing_there", "word", ".odd:x"):
        with pytest.raises(InputError, match="--embedding"):
            load_embedding(name)
