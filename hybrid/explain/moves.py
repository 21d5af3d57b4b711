"""A gradient by all controls, described as an engineer's moves: raise this track, cut that one at 2.5 kHz."""

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
"""Smallest share of the squared gradient of a move that is listed."""
_REACH = 0.95
"""Share of a control's range beyond which the move counts as not enough alone."""
_FURTHEST = 30.0
"""Limit of a step, in whitened units: far beyond every range."""
_FLAT = 1e-24
"""Squared norm below which a gradient counts as zero."""
LEAST_MOVE = 0.1
"""Unconstrained units that a part must change by to be told: 0.3 dB of level. A guess."""
_Parts = dict[str, Float[np.ndarray, "..."]]
_ROOM = ("the room",)
"""Owner of the parts that belong to no track."""


class Move(NamedTuple):
    """A change of one part of one track, or of the room.

    `amount` is signed, in `unit`, at the point of the part's curve where it is largest.
    """

    part: str
    track: str
    amount: float
    unit: str
    where: str
    """The point on a curve: a frequency, a time; empty for a single number."""
    share: float
    """Of the squared gradient, or of the squared change between two treatments, 0 to 1."""
    is_enough: bool
    """Whether the control's range allows the amount."""

    def __str__(self) -> str:
        """The move as an instruction: "raise voice by 2.5 dB"."""
        part = PARTS[self.part]
        verb = (part.raising if self.amount > 0.0 else part.lowering).format(track=self.track)
        return f"{verb} by {_size(abs(self.amount))} {self.unit}{f' {self.where}' if self.where else ''}"


def moves_along(
    gradient: Treatment, need: float, unconstrained: Treatment, track_ids: Sequence[str], most: int = 6
) -> tuple[Move, ...]:
    """The `most` moves with the largest shares of `gradient`, each as large as would meet the need by itself.

    `gradient` is that of a number at `unconstrained`, and `need` is how far the number should rise, in its unit. Ranges
    of controls are respected. Flat gradients give no moves.
    """
    total = sum(float(np.sum(np.square(part))) for part in _parts(gradient).values())
    if total <= 0.0:
        return ()
    # stepped before the bounds are applied, so that no move leaves the range of its control
    before, after = _parts(constrain(unconstrained)), _parts(constrain(_stepped(unconstrained, gradient, need)))
    changes = {part: value - before[part] for part, value in after.items()}
    moves = [
        Move(
            part,
            _owners(part, track_ids)[track],
            float(np.ravel(changes[part][track])[point]),
            PARTS[part].unit,
            _where(part, point, gradient),
            share / total,
            _is_within(part, float(np.ravel(after[part][track])[point])),
        )
        for part, track, share, point in _blocks(gradient, changes, track_ids)
        if share >= LEAST_SHARE * total
    ]
    return tuple(sorted(moves, key=lambda move: -move.share)[:most])


def moves_between(one: Treatment, other: Treatment, track_ids: Sequence[str], most: int = 12) -> tuple[Move, ...]:
    """The `most` largest moves from one treatment to another, by the unconstrained units of their parts.

    A part that is in one of them only is neutral in the other. Inaudible changes are left out, and so are parts of
    another shape.
    """
    before, after = _parts(one), _parts(other)
    moves, total = list[Move](), 0.0
    for part in dict.fromkeys((*after, *before)):
        values = _limited(part, before.get(part), after.get(part))
        if values is None:
            continue
        size = np.abs(_in_units(part, *values))
        total += float(np.sum(np.square(_largest(size))))
        like = other if part in after else one
        for owner, name in enumerate(_owners(part, track_ids)):
            point = int(np.argmax(np.ravel(size[owner])))
            largest = float(np.ravel(size[owner])[point])
            if largest >= LEAST_MOVE:
                start, end = (float(np.ravel(value[owner])[point]) for value in values)
                unit, where = PARTS[part].unit, _where(part, point, like)
                moves.append(Move(part, name, end - start, unit, where, largest**2, True))
    shares = [move._replace(share=move.share / total) for move in moves]
    return tuple(sorted(shares, key=lambda move: -move.share)[:most])


def _limited(
    part: str, before: Float[np.ndarray, "..."] | None, after: Float[np.ndarray, "..."] | None
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]] | None:
    """Both values within the part's limits; None if they cannot be compared. A missing one is neutral."""
    bijector = PARTS[part].bijector
    assert not isinstance(bijector, Solved)
    given = after if after is not None else before
    assert given is not None
    neutral = np.full(given.shape, PARTS[part].neutral)
    one, other = (neutral if value is None else value for value in (before, after))
    # a cut that is off lies beyond all frequencies
    return (np.clip(one, *bijector.limits), np.clip(other, *bijector.limits)) if one.shape == other.shape else None


def _largest(size: Float[np.ndarray, "..."]) -> Float[np.ndarray, " owner"]:
    return np.max(size.reshape(len(size), -1), axis=1, initial=0.0)


def _in_units(part: str, before: Float[np.ndarray, "..."], after: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """The change in multiples of what one unconstrained unit is worth near the neutral value."""
    bijector = PARTS[part].bijector
    assert not isinstance(bijector, Solved)
    in_octaves = isinstance(bijector, BoundedOctaves) or (isinstance(bijector, OneSided) and bijector.octaves)
    change = np.log2(after / before) if in_octaves else after - before
    return change / bijector.scale


def most_shared_control(one: Treatment, other: Treatment, track_ids: Sequence[str]) -> str:
    """The part and track, or room, that adds most to the scalar product of two gradients, such as "level of drums".

    Empty for gradients without a part in common.
    """
    products = _products(one, other)
    # of opposed gradients, the part in which they are opposed most
    sign = np.sign(sum(float(np.sum(product)) for product in products.values()))
    blocks = [
        (sign * float(np.sum(product[k])), f"{PARTS[part].noun} of {owner}")
        for part, product in products.items()
        for k, owner in enumerate(_owners(part, track_ids))
    ]
    largest, control = max(blocks, default=(0.0, ""))
    return control if largest > 0.0 else ""


def cosine(one: Treatment, other: Treatment) -> float:
    """Cosine between two gradients: 1 for the same direction, -1 for the opposite; 0 if one of them is zero."""
    dot, first, second = (
        sum(float(np.sum(product)) for product in _products(*pair).values())
        for pair in ((one, other), (one, one), (other, other))
    )
    # a gradient that is only rounding has a direction, but a meaningless one
    return dot / (first * second) ** 0.5 if min(first, second) > _FLAT else 0.0


def _products(one: Treatment, other: Treatment) -> _Parts:
    parts = _parts(other)
    return {part: leaf * parts[part] for part, leaf in _parts(one).items()}


def _parts(treatment: Treatment) -> _Parts:
    """The parts by name, each with an axis of owners in front; without the output level, which is solved."""
    parts = {
        part: np.asarray(leaf)
        for part, leaf in treatment_parts(treatment).items()
        if not isinstance(PARTS[part].bijector, Solved)
    }
    return {part: leaf if PARTS[part].per_track else leaf[None] for part, leaf in parts.items()}


def _owners(part: str, track_ids: Sequence[str]) -> Sequence[str]:
    return track_ids if PARTS[part].per_track else _ROOM


def _stepped(unconstrained: Treatment, gradient: Treatment, need: float) -> Treatment:
    """The coordinates after every part of every track went as far along `gradient` as would meet `need` by itself."""

    def step(part: str, value: Array, slope: Array) -> Array:
        within = tuple(range(1 if PARTS[part].per_track else 0, slope.ndim))
        # to first order a step t * g raises the number by t * |g|^2, so that t is the need over |g|^2
        size = jnp.sum(jnp.square(slope), axis=within, keepdims=True)
        # a part that hardly helps would need an endless step: it ends at its bound, and counts as not enough
        return value + jnp.clip(need * slope / jnp.maximum(size, 1e-20), -_FURTHEST, _FURTHEST)

    return map_parts(step, unconstrained, gradient)


def _blocks(gradient: Treatment, changes: _Parts, track_ids: Sequence[str]) -> Iterator[tuple[str, int, float, int]]:
    """Part, track, squared norm of the gradient by it, and the index of the point of the curve that changes most."""
    for part, slopes in _parts(gradient).items():
        for track in range(len(_owners(part, track_ids))):
            size = float(np.sum(np.square(slopes[track])))
            yield part, track, size, int(np.argmax(np.abs(np.ravel(changes[part][track]))))


def _where(part: str, point: int, like: Treatment) -> str:
    """The frequency, zone or time of a point of a part's curve; empty for a single number."""
    axes = tuple(axis for axis in PARTS[part].axes if axis != "track")
    if not axes:
        return ""
    value = treatment_parts(like)[part]
    spacing_s = {"ride": RIDE_S, "knot": like.knot_s}
    words = []
    for axis, at in zip(axes, np.unravel_index(point, value.shape[-len(axes) :]), strict=True):
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
    """Whether a value lies within a control's range, with some distance to its ends."""
    bijector = PARTS[part].bijector
    match bijector:
        case Bounded(low, high):
            return _REACH * low <= value <= _REACH * high
        case BoundedOctaves(middle, low, high):
            return bool(_REACH * low <= np.log2(value / middle) <= _REACH * high)
        case OneSided(rest, span, octaves=octaves):
            return bool(abs(np.log2(value / rest) if octaves else value - rest) <= _REACH * abs(span))
    return True


def _hertz(frequency_hz: float) -> str:
    return f"{frequency_hz / 1000:.3g} kHz" if frequency_hz >= 1000 else f"{frequency_hz:.0f} Hz"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _size(amount: float) -> str:
    return f"{amount:.0f}" if amount >= 10.0 else f"{amount:.1f}" if amount >= 0.05 else f"{amount:.2g}"
