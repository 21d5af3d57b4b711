"""A song as its author balanced it: every track before and after the author's level, place and sends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float32

Quantity = Literal["level", "pan", "send"]
SAMPLE_RATE = 44100
"""Of all songs that are rendered, Hz."""
LONGEST_S = 600.0
"""Songs end here at the latest: some modules never end, and some files repeat a song for half an hour."""


_SAME_DB = -60.0
"""Difference of both channels below which a track is mono."""


class AuthoredTrack(NamedTuple):
    """A track, rendered by itself."""

    name: str
    role: str | None
    """None where nothing but the name tells it."""
    raw: Float32[np.ndarray, "channel time"]
    """Without the author's level, place and sends."""
    treated: Float32[np.ndarray, "2 time"]
    """As it sounds in the author's mix."""
    pan: float | None
    """Position in pan units, -100 for left; None if it cannot be told."""
    send_db: float | None = None
    """Level of the send to the reverb, relative to its highest, dB; None without one."""
    decided: frozenset[Quantity] = frozenset()
    """Quantities that the author set; the others are what the format begins with."""
    fader_db: float | None = None
    """Gain of the faders that it runs through, dB; None where the format has none."""
    effects: tuple[str, ...] = ()
    """Names of the effects that it runs through, without those of the whole."""


class AuthoredSong(NamedTuple):
    """A song that is rendered track by track, so that no more than one track is in memory."""

    title: str
    renderer: str
    """Program and version, and the sounds that it plays."""
    recorded: bool
    """Whether the raw levels tell something: false where tracks have no level of their own before the author's."""
    tracks: Callable[[], Iterator[AuthoredTrack]]
    """Renders the tracks, one after the other; the mix is as long as the longest."""
    mix: Callable[[], Float32[np.ndarray, "2 time"]] | None
    """Renders the author's mix by itself; None where it is the sum of the treated tracks by definition."""
    is_sum: bool = True
    """Whether the treated tracks add up to the mix; false where effects of the whole stand behind them."""


def measured_pan(samples: Float32[np.ndarray, "2 time"]) -> float | None:
    """Position in pan units by the sine-cosine law, of a track whose channels differ in level; None for silence."""
    left, right = np.sqrt(np.mean(np.square(samples, dtype=np.float64), axis=1))
    if left + right <= 0.0:
        return None
    # at the centre both channels are equal, which is an angle of 45 degrees
    return float(400.0 / np.pi * np.arctan2(right, left) - 100.0)


def mono_if_same(samples: Float32[np.ndarray, "2 time"]) -> Float32[np.ndarray, "channel time"]:
    """One channel, if both are the same to within rounding."""
    left, right = samples.astype(np.float64)
    power = np.mean(np.square(left)) + np.mean(np.square(right))
    is_same = np.mean(np.square(left - right)) <= power * 10.0 ** (_SAME_DB / 10.0)
    return samples.mean(axis=0, keepdims=True) if is_same else samples
