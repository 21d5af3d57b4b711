"""How far one set of mixes is from another, by the vectors that an embedding makes of them.

Both distances are given with intervals from resampling whole songs: stretches of one song are no independent samples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hybrid.errors import InputError, Problem

Vectors = Float[np.ndarray, "_ number"]
"""A vector in each row."""
_SHRINK = 1e-6
FEWEST_SONGS = 4
ENOUGH = 3
"""Vectors for each of their numbers from which a covariance is believed. A rule of thumb."""
_SIZES = 12


class Interval(NamedTuple):
    """A number and where it lies with 95 % confidence."""

    value: float
    low: float
    high: float


def frechet(a: Vectors, b: Vectors) -> float:
    """Fréchet distance of the Gaussians that fit two sets (Dowson & Landau 1982): 0 for the same set.

    For sets of few samples it reads too high: see `frechet_unbiased`. Means d apart, spreads equal, read d squared.
    """
    difference = a.mean(axis=0) - b.mean(axis=0)
    first, second = _covariance(a), _covariance(b)
    root = _square_root(first)
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0.0)).sum()
    return float(max(0.0, difference @ difference + np.trace(first) + np.trace(second) - 2.0 * cross))


def _covariance(x: Vectors) -> Float[np.ndarray, "number number"]:
    return np.cov(x, rowvar=False).reshape(x.shape[1], x.shape[1]) + _SHRINK * np.eye(x.shape[1])


def _square_root(x: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    values, vectors = np.linalg.eigh(x)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def frechet_unbiased(a: Vectors, b: Vectors, seed: int = 0) -> float:
    """The distance for sets without end: a line through those of smaller sets against one over their size, at zero
    (Chong & Forsyth 2020; Gui, Gamper, Braun, Emmanouilidou 2024). May be slightly negative."""
    rng = np.random.default_rng(seed)
    largest = min(len(a), len(b))
    sizes = np.unique(np.linspace(largest / 3, largest, _SIZES).astype(int))
    found = [frechet(*(x[rng.choice(len(x), size, replace=False)] for x in (a, b))) for size in sizes]
    return float(np.polyfit(1.0 / sizes, found, 1)[1])


def kernel(a: Vectors, b: Vectors) -> float:
    """Squared maximum mean discrepancy under a Gaussian kernel as wide as the median distance in `b`, unbiased at any
    size (Gretton et al. 2012; as an audio distance, Chung, Eu, Lee, Choi, Nam, Kwak 2025), times 1000.

    0 in the mean for two samples of one distribution, so negative half of the time.
    """
    width = _median_distance(b)
    same_a, same_b = (_mean_off_diagonal(_gaussian(x, x, width)) for x in (a, b))
    return 1000.0 * float(same_a + same_b - 2.0 * np.mean(_gaussian(a, b, width)))


def _gaussian(a: Vectors, b: Vectors, width: float) -> Float[np.ndarray, "a b"]:
    return np.exp(-_squares(a, b) / (2.0 * width * width))


def _squares(a: Vectors, b: Vectors) -> Float[np.ndarray, "a b"]:
    found = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None] - 2.0 * a @ b.T
    return np.maximum(found, 0.0)


def _median_distance(x: Vectors) -> float:
    found = float(np.sqrt(np.median(_squares(x, x)[np.triu_indices(len(x), 1)])))
    return found if found > 0.0 else 1.0


def _mean_off_diagonal(x: Float[np.ndarray, "n n"]) -> float:
    n = len(x)
    return float((x.sum() - np.trace(x)) / (n * (n - 1)))


DISTANCES: dict[str, Callable[[Vectors, Vectors], float]] = {"frechet": frechet_unbiased, "kernel": kernel}


def distances(ours: Sequence[Vectors], theirs: Sequence[Vectors], n_draws: int = 200) -> dict[str, Interval]:
    """Each distance between two sets of songs, with intervals over songs drawn with replacement.

    The Fréchet distance is left out where a set has fewer vectors than three times their numbers: its covariance would
    be guessed. Raises InputError for fewer than four songs in either set.
    """
    for what, songs in (("the mixes", ours), ("what they are held against", theirs)):
        if len(songs) < FEWEST_SONGS:
            said = f"{what}: {len(songs)} are too few for a distance of sets, expected {FEWEST_SONGS} at least"
            raise InputError(Problem("", said))
    rng = np.random.default_rng(0)
    draws = [(_drawn(ours, rng), _drawn(theirs, rng)) for _ in range(n_draws)]
    whole = np.concatenate(list(ours)), np.concatenate(list(theirs))
    enough = min(len(x) for x in whole) >= ENOUGH * whole[0].shape[1]
    return {
        name: _interval(measure, whole, draws) for name, measure in DISTANCES.items() if enough or name != "frechet"
    }


def _drawn(songs: Sequence[Vectors], rng: np.random.Generator) -> Vectors:
    return np.concatenate([songs[k] for k in rng.integers(len(songs), size=len(songs))])


def _interval(
    measure: Callable[[Vectors, Vectors], float],
    whole: tuple[Vectors, Vectors],
    draws: Sequence[tuple[Vectors, Vectors]],
) -> Interval:
    """By the errors of the draws around the whole (the basic bootstrap): songs that are drawn twice bring sets too
    close to themselves, so that what the draws read is shifted, and their errors are not."""
    value = measure(*whole)
    errors = np.array([measure(a, b) for a, b in draws])
    low, high = np.quantile(errors - np.median(errors), [0.025, 0.975])
    return Interval(value, value - float(high), value - float(low))
