"""Polarities of a group of signals that make their sum strongest. NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

_MAX_EXHAUSTIVE = 12
"""Signals up to which every choice of polarities is tried, 4096 at most."""


def groups(pairs: Int[np.ndarray, "pair 2"], order: Sequence[int]) -> list[list[int]]:
    """Groups of tracks that pairs connect, each in the given order; tracks without a pair are in none."""
    group = {track: track for track in pairs.ravel().tolist()}
    for first, second in pairs.tolist():
        old, new = group[first], group[second]
        group = {track: new if own == old else own for track, own in group.items()}
    named = dict.fromkeys(group[track] for track in order if track in group)
    return [[track for track in order if group.get(track) == name] for name in named]


def best_polarities(
    pairs: Int[np.ndarray, "pair 2"],
    cross: Float[np.ndarray, " pair"],
    group: Sequence[int],
    is_open: Sequence[bool],
) -> Int[np.ndarray, " member"]:
    """Polarity of each member of a group, 1 or -1, that makes the sum of the pairs' cross powers greatest.

    The first keeps its polarity, and so do those that are not open: if there are any, the first must be one of them.
    Of equal choices the one with fewer inverted wins.
    """
    place = {track: k for k, track in enumerate(group)}
    table = np.zeros((len(group), len(group)))
    for (first, second), shared in zip(pairs.tolist(), cross.tolist(), strict=True):
        table[place[first], place[second]] = table[place[second], place[first]] = shared
    free = np.flatnonzero(is_open)
    # inverting every member leaves the sum as it is: the first stays upright without loss
    if len(free) > _MAX_EXHAUSTIVE:
        sign = _coordinate_ascent(table, free)
        return sign * sign[0] if is_open[0] else sign
    free = free[free > 0]
    choices = np.ones((2 ** len(free), len(group)), int)
    choices[:, free] = 1 - 2 * (np.arange(len(choices))[:, None] >> np.arange(len(free)) & 1)
    power = np.einsum("ci,ij,cj->c", choices, table, choices)
    n_inverted = np.sum(choices < 0, axis=1)
    # rounded, so that sums that differ by rounding alone are a tie, which fewer inversions decide
    return choices[np.lexsort((n_inverted, -np.round(power / np.abs(table).sum(), 9)))[0]]


def _coordinate_ascent(table: Float[np.ndarray, "n n"], free: Int[np.ndarray, " k"]) -> Int[np.ndarray, " n"]:
    """Polarities from all upright, inverting the signal that gains most until none gains."""
    sign = np.ones(len(table), int)
    while True:
        # the diagonal is zero: inverting a signal changes the sum over all ordered pairs by four times this
        gain = -sign[free] * (table[free] @ sign)
        best = int(np.argmax(gain))
        # above rounding, which could otherwise invert a signal back and forth for ever
        if gain[best] <= 1e-9 * np.abs(table).sum():
            return sign
        sign[free[best]] *= -1
