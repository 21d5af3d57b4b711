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
_DRAWS_PER_SIZE = 6


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


Songs = Sequence[Vectors]
"""The vectors of each song: those of one are alike, so that songs, not vectors, are what is drawn and paired."""


def frechet_unbiased(ours: Songs, theirs: Songs, seed: int = 0) -> float:
    """The distance for sets without end: a line through those of fewer songs against one over their number, at zero
    (Chong & Forsyth 2020; Gui, Gamper, Braun, Emmanouilidou 2024). May be slightly negative."""
    rng = np.random.default_rng(seed)
    largest = min(len(ours), len(theirs))
    sizes = [size for size in range(max(2, largest // 2), largest + 1) for _ in range(_DRAWS_PER_SIZE)]

    def drawn(songs: Songs, size: int) -> Vectors:
        return np.concatenate([songs[k] for k in rng.choice(len(songs), size, replace=False)])

    found = [frechet(drawn(ours, size), drawn(theirs, size)) for size in sizes]
    return float(np.polyfit(1.0 / np.array(sizes), found, 1)[1])


def kernel(ours: Songs, theirs: Songs) -> float:
    """Squared maximum mean discrepancy under a Gaussian kernel as wide as the median distance between songs of
    `theirs`, times 1000 (Gretton et al. 2012; as an audio distance, Chung, Eu, Lee, Choi, Nam, Kwak 2025).

    Vectors of one song are never paired with each other, so that it is unbiased at any number of songs: 0 in the mean
    for two samples of one distribution, and negative half of the time.
    """
    width = _median_distance(theirs)
    same = [_mean_between(songs, songs, width, apart=True) for songs in (ours, theirs)]
    return 1000.0 * (sum(same) - 2.0 * _mean_between(ours, theirs, width, apart=False))


def _mean_between(a: Songs, b: Songs, width: float, *, apart: bool) -> float:
    """Mean of the kernel over pairs of songs, each pair by its mean; `apart` leaves out a song with itself."""
    found = [
        np.mean(_gaussian(x, y, width)) for i, x in enumerate(a) for j, y in enumerate(b) if not (apart and i == j)
    ]
    return float(np.mean(found))


def _gaussian(a: Vectors, b: Vectors, width: float) -> Float[np.ndarray, "a b"]:
    return np.exp(-_squares(a, b) / (2.0 * width * width))


def _squares(a: Vectors, b: Vectors) -> Float[np.ndarray, "a b"]:
    found = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None] - 2.0 * a @ b.T
    return np.maximum(found, 0.0)


def _median_distance(songs: Songs) -> float:
    between = [_squares(x, y).ravel() for i, x in enumerate(songs) for y in songs[:i]]
    found = float(np.sqrt(np.median(np.concatenate(between))))
    return found if found > 0.0 else 1.0


DISTANCES: dict[str, Callable[[Songs, Songs], float]] = {"frechet": frechet_unbiased, "kernel": kernel}


def distances(ours: Songs, theirs: Songs, n_draws: int = 100) -> dict[str, Interval]:
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
    n_vectors = min(sum(len(song) for song in songs) for songs in (ours, theirs))
    enough = n_vectors >= ENOUGH * ours[0].shape[1]
    return {
        name: _interval(measure, (ours, theirs), draws)
        for name, measure in DISTANCES.items()
        if enough or name != "frechet"
    }


def _drawn(songs: Songs, rng: np.random.Generator) -> Songs:
    return [songs[k] for k in rng.integers(len(songs), size=len(songs))]


def _interval(
    measure: Callable[[Songs, Songs], float], whole: tuple[Songs, Songs], draws: Sequence[tuple[Songs, Songs]]
) -> Interval:
    """By the errors of the draws around their median (the basic bootstrap): songs that are drawn twice bring sets too
    close to themselves, so that what the draws read is shifted, and their errors are not."""
    value = measure(*whole)
    errors = np.array([measure(a, b) for a, b in draws])
    low, high = np.quantile(errors - np.median(errors), [0.025, 0.975])
    return Interval(value, value - float(high), value - float(low))
