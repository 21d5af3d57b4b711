"""What a mix looks like to a measure of whole sets of mixes: one vector for each few seconds.

The program's own is plain and pinned; a learned one is plugged in by the name of its function.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import cast

import numpy as np
from jaxtyping import Float

from hybrid.errors import InputError, Problem
from hybrid.judge.features import thirds_db
from hybrid.judge.mix import LOUDNESS_LUFS, Mix

Embed = Callable[[Float[np.ndarray, "2 time"], int], Float[np.ndarray, "stretch number"]]
"""Samples at -23 LUFS and their rate, to a vector for each stretch."""
OWN = "thirds-1"
STRETCH_S = 5.0
_FAINT = 1e-12
_LARGEST = 1e12


def thirds(samples: Float[np.ndarray, "2 time"], sample_rate: int) -> Float[np.ndarray, "stretch number"]:
    """For every five seconds: third-octave levels of mid against their mean, those of side against mid, crest and
    balance, in tens of dB, so that no number outweighs the others. Silent stretches are left out; of a mix that sounds
    only after the last whole stretch, all is taken."""
    size = int(STRETCH_S * sample_rate)
    n = max(1, samples.shape[1] // size)
    parts = [samples[:, k * size : (k + 1) * size] for k in range(n)]
    sounding = [part for part in parts if np.any(part)]
    return np.stack([_vector(part, sample_rate) for part in sounding or [samples]])


def _vector(x: Float[np.ndarray, "2 time"], sample_rate: int) -> Float[np.ndarray, " number"]:
    mid, side = 0.5 * (x[0] + x[1]), 0.5 * (x[0] - x[1])
    mid_db, side_db = thirds_db(mid, sample_rate), thirds_db(side, sample_rate)
    power = np.mean(np.square(x, dtype=np.float64), axis=1) + _FAINT
    crest_db = 20.0 * np.log10(np.max(np.abs(x)) + _FAINT) - 10.0 * np.log10(np.mean(power))
    balance_db = 10.0 * np.log10(power[1] / power[0])
    return np.concatenate([mid_db - mid_db.mean(), side_db - mid_db, [crest_db, balance_db]]) / 10.0


def find_embedding(name: str) -> Embed:
    """The program's own, or `module:function` of an installed module. Raises InputError if it is not there."""
    if name == OWN:
        return thirds
    module, colon, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function) if colon else None
    except Exception as error:
        # a module of somebody else may fail in any way
        raise InputError(Problem("--embedding", f"cannot be loaded: {error}")) from error
    if not callable(found):
        raise InputError(Problem("--embedding", f"expected {OWN} or module:function, got {name!r}"))
    return cast(Embed, found)


def embedded(mix: Mix, embed: Embed) -> Float[np.ndarray, "stretch number"]:
    """The vectors of a mix. Raises InputError for what is no table of finite numbers."""
    try:
        given = np.asarray(embed(mix.samples, mix.sample_rate))
    except Exception as error:
        # whatever a function of somebody else does wrong is told, and where
        raise InputError(Problem("--embedding", f"fails for {mix.name}: {type(error).__name__}: {error}")) from error
    sane = given.dtype.kind in "fiu" and given.ndim == 2 and len(given) and np.all(np.abs(given) < _LARGEST)
    if not sane:
        what = f"gave {given.dtype} {given.shape} for {mix.name} at {LOUDNESS_LUFS:g} LUFS"
        raise InputError(Problem("--embedding", f"{what}, expected finite numbers below 1e12 [stretch, number]"))
    return given.astype(np.float64)
