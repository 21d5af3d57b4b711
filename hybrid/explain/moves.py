"""A direction in all controls at once, told as an engineer's moves: raise this track, cut that one at 2.5 kHz."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.signal import bands
from hybrid.treatment.bounds import constrain
from hybrid.treatment.curves import tone_curves
from hybrid.treatment.parts import PARTS, RIDE_S, ZONES_HZ, Bounded, BoundedOctaves, OneSided, Solved
from hybrid.treatment.types import Treatment, map_parts, treatment_parts

LEAST_SHARE = 0.02
"""Moves that make up less of the steepest way are not worth telling."""
_REACH = 0.95
"""Share of a control's range beyond which a move counts as not enough alone."""
_FURTHEST = 30.0
"""Whitened units, far beyond every range, at which a step is cut."""
_FLAT = 1e-24
"""Square of a slope below which it is none."""
_Parts = dict[str, Float[np.ndarray, "..."]]
_ROOM = ("the room",)
"""Whose the parts are that no track owns."""


class Move(NamedTuple):
    """A move of one part of one track, or of the room.

    `amount` is signed, in `unit`, at the place of its curve where it is largest.
    """

    part: str
    track: str
    amount: float
    unit: str
    where: str
    """The place on a curve: a frequency, a time; nothing for a single number."""
    share: float
    """Of the steepest way, 0 to 1."""
    is_enough: bool
    """Whether the control's range allows as much."""

    def __str__(self) -> str:
        """As one says it at the desk."""
        part = PARTS[self.part]
        verb = (part.raising if self.amount > 0.0 else part.lowering).format(track=self.track)
        return f"{verb} by {_size(abs(self.amount))} {self.unit}{f' {self.where}' if self.where else ''}"


def moves_along(
    way: Treatment, need: float, moves: Treatment, track_ids: Sequence[str], most: int = 6
) -> tuple[Move, ...]:
    """The largest moves along `way`, the slope of a number in whitened moves, each as far as the need asks of it alone.

    `need` is how far the number should rise, by the slope at `moves`; the range of each control is respected.
    """
    total = sum(float(np.sum(np.square(slope))) for slope in _parts(way).values())
    if total <= 0.0:
        return ()
    here, values = _parts(constrain(moves)), _parts(constrain(_stepped(moves, way, need)))
    changes = {part: value - here[part] for part, value in values.items()}
    found = [
        Move(
            part,
            _owners(part, track_ids)[track],
            float(np.ravel(changes[part][track])[place]),
            PARTS[part].unit,
            _where(part, place, way),
            share / total,
            _is_within(part, float(np.ravel(values[part][track])[place])),
        )
        for part, track, share, place in _blocks(way, changes, track_ids)
        if share >= LEAST_SHARE * total
    ]
    return tuple(sorted(found, key=lambda move: -move.share)[:most])


def common_ground(one: Treatment, other: Treatment, track_ids: Sequence[str]) -> str:
    """The part and track, or room, in which two slopes meet most: "level of drums"; nothing if nowhere."""
    products = _products(one, other)
    sign = np.sign(sum(float(np.sum(product)) for product in products.values()))
    blocks = [
        (sign * float(np.sum(product[k])), f"{PARTS[part].noun} of {owner}")
        for part, product in products.items()
        for k, owner in enumerate(_owners(part, track_ids))
    ]
    most, what = max(blocks, default=(0.0, ""))
    return what if most > 0.0 else ""


def cosine(one: Treatment, other: Treatment) -> float:
    """How far two slopes agree: 1 alike, 0 nothing in common, -1 opposed; 0 if one of them is flat."""
    dot, first, second = (
        sum(float(np.sum(product)) for product in _products(*pair).values())
        for pair in ((one, other), (one, one), (other, other))
    )
    return dot / (first * second) ** 0.5 if min(first, second) > _FLAT else 0.0


def _products(one: Treatment, other: Treatment) -> _Parts:
    parts = _parts(other)
    return {part: slope * parts[part] for part, slope in _parts(one).items()}


def _parts(treatment: Treatment) -> _Parts:
    """The parts, each with an axis of owners in front; the output level, which is solved, is left out."""
    parts = {
        part: np.asarray(leaf)
        for part, leaf in treatment_parts(treatment).items()
        if not isinstance(PARTS[part].bijector, Solved)
    }
    return {part: leaf if PARTS[part].per_track else leaf[None] for part, leaf in parts.items()}


def _owners(part: str, track_ids: Sequence[str]) -> Sequence[str]:
    return track_ids if PARTS[part].per_track else _ROOM


def _stepped(moves: Treatment, way: Treatment, need: float) -> Treatment:
    """Moves in which every part of every track goes as far along `way` as `need` asks of it alone."""

    def step(part: str, move: Array, slope: Array) -> Array:
        within = tuple(range(1 if PARTS[part].per_track else 0, slope.ndim))
        size = jnp.sum(jnp.square(slope), axis=within, keepdims=True)
        return move + jnp.clip(need * slope / jnp.maximum(size, 1e-20), -_FURTHEST, _FURTHEST)

    return map_parts(step, moves, way)


def _blocks(way: Treatment, changes: _Parts, track_ids: Sequence[str]) -> Iterator[tuple[str, int, float, int]]:
    """Part, track, size of the slope squared, and the place on the curve that changes most."""
    for part, slope in _parts(way).items():
        for track in range(len(_owners(part, track_ids))):
            size = float(np.sum(np.square(slope[track])))
            yield part, track, size, int(np.argmax(np.abs(np.ravel(changes[part][track]))))


def _where(part: str, place: int, way: Treatment) -> str:
    axes = tuple(axis for axis in PARTS[part].axes if axis != "track")
    if not axes:
        return ""
    value = treatment_parts(way)[part]
    spacing_s = {"ride": RIDE_S, "knot": way.knot_s}
    words = []
    for axis, at in zip(axes, np.unravel_index(place, value.shape[-len(axes) :]), strict=True):
        if axis == "tone":
            words.append(f"around {_hertz(bands.band_centres_hz()[np.argmax(tone_curves()[at])])}")
        elif axis == "zone":
            words.append(_zone(int(at)))
        else:
            words.append(f"at {_clock(int(at) * spacing_s[axis])}")
    return " ".join(words)


def _zone(zone: int) -> str:
    if zone == 0:
        return f"below {_hertz(ZONES_HZ[0])}"
    if zone == len(ZONES_HZ):
        return f"above {_hertz(ZONES_HZ[-1])}"
    return f"from {_hertz(ZONES_HZ[zone - 1])} to {_hertz(ZONES_HZ[zone])}"


def _is_within(part: str, value: float) -> bool:
    """Whether a control allows the value, with some room to its ends."""
    bijector = PARTS[part].bijector
    match bijector:
        case Bounded(low, high):
            return _REACH * low <= value <= _REACH * high
        case BoundedOctaves(middle, low, high):
            return bool(_REACH * low <= np.log2(value / middle) <= _REACH * high)
        case OneSided(rest):
            low, high = bijector.limits
            return abs(value - rest) <= _REACH * (high - low)
    return True


def _hertz(frequency_hz: float) -> str:
    return f"{frequency_hz / 1000:.3g} kHz" if frequency_hz >= 1000 else f"{frequency_hz:.0f} Hz"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _size(amount: float) -> str:
    return f"{amount:.0f}" if amount >= 10.0 else f"{amount:.1f}" if amount >= 0.05 else f"{amount:.2g}"
