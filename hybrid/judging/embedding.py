"""Embeddings of mixes for distances between sets: one vector for each segment of a few seconds.

The default is simple and fixed; a learned one is plugged in by the name of its function.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

import numpy as np
from jaxtyping import Float

from hybrid.errors import InputError, Problem
from hybrid.judging.features import third_octave_levels_db
from hybrid.judging.mix import LOUDNESS_LUFS, Mix

Embedding = Callable[[Float[np.ndarray, "2 time"], int], Float[np.ndarray, "segment number"]]
"""Maps samples at -23 LUFS and their sample rate to a vector for each segment."""
DEFAULT_EMBEDDING = "thirds-1"
SEGMENT_S = 5.0
_POWER_FLOOR = 1e-12
_MAX_VALUE = 1e12


def third_octave_embedding(
    samples: Float[np.ndarray, "2 time"], sample_rate: int
) -> Float[np.ndarray, "segment number"]:
    """A vector for every five seconds: third-octave levels of mid against their mean, those of side against mid, crest
    factor and balance, in units of 10 dB, so that no number outweighs the others.

    Silent segments are left out; a mix that is silent in all whole segments is one segment.
    """
    size = int(SEGMENT_S * sample_rate)
    n = max(1, samples.shape[1] // size)
    segments = [samples[:, k * size : (k + 1) * size] for k in range(n)]
    active = [segment for segment in segments if np.any(segment)]
    return np.stack([_vector(segment, sample_rate) for segment in active or [samples]])


def _vector(x: Float[np.ndarray, "2 time"], sample_rate: int) -> Float[np.ndarray, " number"]:
    mid, side = 0.5 * (x[0] + x[1]), 0.5 * (x[0] - x[1])
    mid_db, side_db = third_octave_levels_db(mid, sample_rate), third_octave_levels_db(side, sample_rate)
    power = np.mean(np.square(x, dtype=np.float64), axis=1) + _POWER_FLOOR
    crest_db = 20.0 * np.log10(np.max(np.abs(x)) + _POWER_FLOOR) - 10.0 * np.log10(np.mean(power))
    balance_db = 10.0 * np.log10(power[1] / power[0])
    return np.concatenate([mid_db - mid_db.mean(), side_db - mid_db, [crest_db, balance_db]]) / 10.0


def load_embedding(name: str) -> Embedding:
    """The default embedding, or `module:function` of an installed module. Raises InputError if it does not exist."""
    if name == DEFAULT_EMBEDDING:
        return third_octave_embedding
    module, colon, function = name.partition(":")
    try:
        embedding = getattr(importlib.import_module(module), function) if colon else None
    except Exception as error:
        # the import of a user's module may fail with any exception
        raise InputError(Problem("--embedding", f"cannot be loaded: {error}")) from error
    if not callable(embedding):
        raise InputError(Problem("--embedding", f"expected {DEFAULT_EMBEDDING} or module:function, got {name!r}"))
    return cast(Embedding, embedding)


def embed_mix(mix: Mix, embed: Embedding) -> Float[np.ndarray, "segment number"]:
    """The vectors of a mix. Raises InputError if the embedding fails or returns no table of finite numbers."""
    try:
        vectors = np.asarray(embed(mix.samples, mix.sample_rate))
    except Exception as error:
        # a user's function may fail with any exception
        raise InputError(Problem("--embedding", f"fails for {mix.name}: {type(error).__name__}: {error}")) from error
    is_table = vectors.dtype.kind in "fiu" and vectors.ndim == 2 and len(vectors)
    # comparisons with NaN are false: this refuses NaN as well as infinity
    if not (is_table and np.all(np.abs(vectors) < _MAX_VALUE)):
        what = f"returned {vectors.dtype} {vectors.shape} for {mix.name} at {LOUDNESS_LUFS:g} LUFS"
        raise InputError(Problem("--embedding", f"{what}, expected finite numbers below 1e12 [segment, number]"))
    return vectors.astype(np.float64)
