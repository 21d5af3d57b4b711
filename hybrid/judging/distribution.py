"""Distances between two sets of mixes, by vectors of an embedding.

Confidence intervals are from resampling whole songs: segments of one song are not independent samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hybrid.errors import InputError, Problem

Vectors = Float[np.ndarray, "_ number"]
"""One vector per row."""
_REGULARISATION = 1e-6
MIN_SONGS = 4
MIN_VECTORS_PER_DIMENSION = 3
"""Vectors per dimension for a reliable covariance. A rule of thumb."""
_DRAWS_PER_SIZE = 6


class Interval(NamedTuple):
    """An estimate with its 95 % confidence interval."""

    value: float
    low: float
    high: float


def frechet_distance(a: Vectors, b: Vectors) -> float:
    """Squared Fréchet distance of Gaussians fitted to two sets (Dowson & Landau 1982): 0 for the same set, and d² for
    equal covariances with means at distance d.

    Biased upwards for small sets: see `unbiased_frechet_distance`.
    """
    difference = a.mean(axis=0) - b.mean(axis=0)
    first, second = _covariance(a), _covariance(b)
    # tr (Σa Σb)^½ = tr (Σa^½ Σb Σa^½)^½, and the latter is symmetric: real eigenvalues, no general matrix root
    root = _square_root(first)
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0.0)).sum()
    return float(max(0.0, difference @ difference + np.trace(first) + np.trace(second) - 2.0 * cross))


def _covariance(x: Vectors) -> Float[np.ndarray, "number number"]:
    # a small diagonal, for sets with fewer vectors than dimensions
    return np.cov(x, rowvar=False).reshape(x.shape[1], x.shape[1]) + _REGULARISATION * np.eye(x.shape[1])


def _square_root(x: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    values, vectors = np.linalg.eigh(x)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


SongVectors = Sequence[Vectors]
"""The vectors of each song. Those of one song are similar, so that songs, not vectors, are resampled and paired."""


def unbiased_frechet_distance(mixes: SongVectors, references: SongVectors, seed: int = 0) -> float:
    """Fréchet distance extrapolated to infinite sets: the intercept of a line through distances of subsets against the
    reciprocal of their size (Chong & Forsyth 2020; Gui, Gamper, Braun, Emmanouilidou 2024).

    May be slightly negative.
    """
    # subsets are drawn without replacement: repeated songs would bias the distance
    rng = np.random.default_rng(seed)
    largest = min(len(mixes), len(references))
    sizes = [size for size in range(max(2, largest // 2), largest + 1) for _ in range(_DRAWS_PER_SIZE)]

    def subset(songs: SongVectors, size: int) -> Vectors:
        return np.concatenate([songs[k] for k in rng.choice(len(songs), size, replace=False)])

    distance = [frechet_distance(subset(mixes, size), subset(references, size)) for size in sizes]
    return float(np.polyfit(1.0 / np.array(sizes), distance, 1)[1])


def kernel_distance(mixes: SongVectors, references: SongVectors) -> float:
    """Squared maximum mean discrepancy, times 1000, under a Gaussian kernel whose width is the median distance between
    songs of `references` (Gretton et al. 2012; as an audio distance, Chung, Eu, Lee, Choi, Nam, Kwak 2025).

    Vectors of one song are never paired with each other, so that it is unbiased for any number of songs: 0 on average
    for two samples of one distribution, and negative half of the time.
    """
    # of the references alone: all sets that are compared with them share one kernel
    width = _median_distance(references)
    within = [_mean_kernel(songs, songs, width, skip_same=True) for songs in (mixes, references)]
    return 1000.0 * (sum(within) - 2.0 * _mean_kernel(mixes, references, width, skip_same=False))


def _mean_kernel(a: SongVectors, b: SongVectors, width: float, *, skip_same: bool) -> float:
    """Mean of the kernel over pairs of songs, each pair by its mean; `skip_same` leaves out a song with itself."""
    means = [
        np.mean(_gaussian(x, y, width)) for i, x in enumerate(a) for j, y in enumerate(b) if not (skip_same and i == j)
    ]
    return float(np.mean(means))


def _gaussian(a: Vectors, b: Vectors, width: float) -> Float[np.ndarray, "a b"]:
    return np.exp(-_squared_distances(a, b) / (2.0 * width * width))


def _squared_distances(a: Vectors, b: Vectors) -> Float[np.ndarray, "a b"]:
    squares = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None] - 2.0 * a @ b.T
    # rounding can leave a little less than zero between equal vectors
    return np.maximum(squares, 0.0)


def _median_distance(songs: SongVectors) -> float:
    between = [_squared_distances(x, y).ravel() for i, x in enumerate(songs) for y in songs[:i]]
    median = float(np.sqrt(np.median(np.concatenate(between))))
    return median if median > 0.0 else 1.0


DISTANCES: dict[str, Callable[[SongVectors, SongVectors], float]] = {
    "frechet": unbiased_frechet_distance,
    "kernel": kernel_distance,
}


def distances(mixes: SongVectors, references: SongVectors, n_draws: int = 100) -> dict[str, Interval]:
    """Each distance between two sets of songs, with confidence intervals by a bootstrap over songs.

    The Fréchet distance is left out where a set has fewer vectors than three times their dimensions, since its
    covariance is unreliable then. Raises InputError for fewer than four songs in either set.
    """
    for name, songs in (("the mixes", mixes), ("the references", references)):
        if len(songs) < MIN_SONGS:
            what = f"{name}: {len(songs)} are too few for a distance of sets, expected {MIN_SONGS} at least"
            raise InputError(Problem("", what))
    rng = np.random.default_rng(0)
    draws = [(_resample(mixes, rng), _resample(references, rng)) for _ in range(n_draws)]
    n_vectors = min(sum(len(song) for song in songs) for songs in (mixes, references))
    has_covariance = n_vectors >= MIN_VECTORS_PER_DIMENSION * mixes[0].shape[1]
    return {
        name: _interval(measure, (mixes, references), draws)
        for name, measure in DISTANCES.items()
        if has_covariance or name != "frechet"
    }


def _resample(songs: SongVectors, rng: np.random.Generator) -> SongVectors:
    return [songs[k] for k in rng.integers(len(songs), size=len(songs))]


def _interval(
    measure: Callable[[SongVectors, SongVectors], float],
    whole: tuple[SongVectors, SongVectors],
    draws: Sequence[tuple[SongVectors, SongVectors]],
) -> Interval:
    """The distance of the whole sets with a basic bootstrap interval around the draws' median.

    Songs that are drawn twice bias the distances of the draws, but not their errors around the median.
    """
    value = measure(*whole)
    errors = np.array([measure(a, b) for a, b in draws])
    # the basic bootstrap: errors of the draws, subtracted from the value with their ends exchanged
    low, high = np.quantile(errors - np.median(errors), [0.025, 0.975])
    return Interval(value, value - float(high), value - float(low))
