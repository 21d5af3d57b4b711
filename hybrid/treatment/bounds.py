"""Bounds by construction: whitened, unbounded moves become a treatment that cannot leave its range.

One unit of a move changes a parameter by its scale near zero (whitened parameters; the scales are guesses), so that
learning rates, gradient norms and "do little" mean the same for every parameter.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.treatment.types import (
    PER_SONG,
    ROOM_DECAY_S,
    ROOM_PRE_DELAY_S,
    SEND_OFF_DB,
    Treatment,
    map_parts,
    send_power,
    treatment_parts,
)


class Range(NamedTuple):
    """Limits of one part of a treatment and what one whitened unit is worth, in the part's own unit."""

    low: float
    high: float
    scale: float


RANGES = {
    "gain.level": Range(-36.0, 36.0, 3.0),
    "gain.ride": Range(-6.0, 6.0, 1.5),
    "eq.tone": Range(-6.0, 6.0, 2.0),  # bounds of Ronan 2018 for a track's equaliser
    "dynamics.zone": Range(-6.0, 3.0, 1.5),
    "pan.position": Range(-88.0, 88.0, 20.0),  # never quite a hard pan: 0.06 to 0.94 of the sine-cosine law
    "pan.width": Range(-24.0, 3.0, 3.0),
    "reverb.tone": Range(-24.0, 6.0, 2.0),
}
OCTAVES = {
    "reverb.decay": (ROOM_DECAY_S, Range(-2.5, 1.7, 0.26)),  # 0.2 to 3.9 s; one unit is a factor of 1.2
    "reverb.pre_delay": (ROOM_PRE_DELAY_S, Range(-2.5, 2.5, 0.5)),  # 4 to 113 ms
}
"""Parts that move in octaves from a value, and by how many."""
ROOM_LONGEST_S = tuple(value * 2.0**limits.high for value, limits in OCTAVES.values())
"""The longest decay and pre-delay."""
LOW_CUT_FROM_HZ = 10.0
LOW_CUT_OCTAVES = 5.5
_REST = 4.0
"""A move of zero leaves a low cut 0.1 octave above its lowest corner, where it takes 0.01 dB off 30 Hz, and a send
1 dB above its lowest level, at -59 dB."""
SEND_HIGHEST_DB = 0.0


def _bound(move: Float[Array, "..."], limits: Range) -> Float[Array, "..."]:
    low, high, scale = limits
    up = high * jnp.tanh(jnp.maximum(move, 0.0) * (scale / high))
    down = low * jnp.tanh(jnp.minimum(move, 0.0) * (scale / low))
    return up + down


def _unbound(value: Float[Array, "..."], limits: Range) -> Float[Array, "..."]:
    low, high, scale = limits
    inside = 0.999
    up = jnp.arctanh(jnp.clip(value / high, 0.0, inside)) * (high / scale)
    down = jnp.arctanh(jnp.clip(value / low, 0.0, inside)) * (low / scale)
    return up + down


def _risen(move: Float[Array, "..."], unit: float) -> Float[Array, "..."]:
    """Share of a range that only opens upwards: at rest near 0, moved by `unit` per move where it is steepest."""
    return jax.nn.sigmoid(move * (4.0 * unit) - _REST)


def _fallen(share: Float[Array, "..."], unit: float) -> Float[Array, "..."]:
    inside = jnp.clip(share, jax.nn.sigmoid(-_REST), 0.999)
    return (jnp.log(inside / (1.0 - inside)) + _REST) / (4.0 * unit)


_LOW_CUT_UNIT = 1.0 / 3.0 / LOW_CUT_OCTAVES  # a third of an octave
_SEND_UNIT = 3.0 / (SEND_HIGHEST_DB - SEND_OFF_DB)  # 3 dB


def _low_cut_hz(move: Float[Array, "..."]) -> Float[Array, "..."]:
    return LOW_CUT_FROM_HZ * 2.0 ** (LOW_CUT_OCTAVES * _risen(move, _LOW_CUT_UNIT))


def _low_cut_move(corner_hz: Float[Array, "..."]) -> Float[Array, "..."]:
    octaves = jnp.log2(jnp.maximum(corner_hz, LOW_CUT_FROM_HZ) / LOW_CUT_FROM_HZ)
    return _fallen(octaves / LOW_CUT_OCTAVES, _LOW_CUT_UNIT)


@partial(jax.jit, inline=True)
def bounded(moves: Treatment) -> Treatment:
    """The treatment that whitened `moves` stand for; the output level is taken as it is."""

    def value(part: str, move: Float[Array, "..."]) -> Float[Array, "..."]:
        if part == "eq.low_cut":
            return _low_cut_hz(move)
        if part == "reverb.send":
            return SEND_OFF_DB + (SEND_HIGHEST_DB - SEND_OFF_DB) * _risen(move, _SEND_UNIT)
        if part in OCTAVES:
            return OCTAVES[part][0] * 2.0 ** _bound(move, OCTAVES[part][1])
        return _bound(move, RANGES[part]) if part in RANGES else move

    return map_parts(value, moves)


@partial(jax.jit, inline=True)
def moves_of(treatment: Treatment) -> Treatment:
    """Whitened moves that give `treatment` back; values at or beyond a bound come back just inside it."""

    def move(part: str, value: Float[Array, "..."]) -> Float[Array, "..."]:
        if part == "eq.low_cut":
            return _low_cut_move(value)
        if part == "reverb.send":
            return _fallen((value - SEND_OFF_DB) / (SEND_HIGHEST_DB - SEND_OFF_DB), _SEND_UNIT)
        if part in OCTAVES:
            return _unbound(jnp.log2(value / OCTAVES[part][0]), OCTAVES[part][1])
        return _unbound(value, RANGES[part]) if part in RANGES else value

    return map_parts(move, treatment)


def effort(treatment: Treatment) -> Float[Array, " track"]:
    """How much is done to each track: the sum of squares of its moves in whitened units; 0 for nothing.

    Points of the tone curve count by themselves and by their steps to their neighbours, so that a rough curve costs
    more than a smooth one; zones of dynamics count each, points in time by their mean; a low cut by its octaves
    above 20 Hz; a send by the power that comes back, one unit at -6 dB. The room
    is nothing that is done to a track.
    """

    parts = treatment_parts(treatment).items()
    own = [_track_effort(part, value) for part, value in parts if part not in PER_SONG]
    return sum(own[1:], own[0])


def _track_effort(part: str, value: Float[Array, "track ..."]) -> Float[Array, " track"]:
    if part == "eq.low_cut":
        return jnp.square(jnp.maximum(jnp.log2(jnp.maximum(value, 1.0) / 20.0), 0.0))
    if part == "reverb.send":
        return 4.0 * send_power(value)
    moved = jnp.square(value / RANGES[part].scale)
    if part == "eq.tone":
        return jnp.sum(moved, axis=-1) + jnp.sum(jnp.square(jnp.diff(value / RANGES[part].scale)), axis=-1)
    if part in ("gain.ride", "dynamics.zone"):
        moved = jnp.mean(moved, axis=-1)
    return jnp.sum(moved.reshape(moved.shape[0], -1), axis=-1)
