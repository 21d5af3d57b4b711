"""A direction in all controls at once, told as an engineer's moves: raise this track, cut that one at 2.5 kHz."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.signal import bands
from hybrid.treatment.bounds import LOW_CUT_FROM_HZ, LOW_CUT_OCTAVES, OCTAVES, RANGES, SEND_HIGHEST_DB, constrain
from hybrid.treatment.curves import tone_curves
from hybrid.treatment.types import PER_SONG, RIDE_S, SEND_OFF_DB, ZONES_HZ, Treatment, map_parts, treatment_parts

LEAST_SHARE = 0.02
"""Moves that make up less of the steepest way are not worth telling."""
_REACH = 0.95
"""Share of a control's range beyond which a move counts as not enough alone."""
_FURTHEST = 30.0
"""Whitened units, far beyond every range, at which a step is cut."""
_FLAT = 1e-24
"""Square of a slope below which it is none."""
_Parts = dict[str, Float[np.ndarray, "..."]]
_UNITS = {"pan.position": "pan", "eq.low_cut": "Hz", "reverb.decay": "s", "reverb.pre_delay": "s"}
_ROOM = ("the room",)
"""Whose the parts are that no track owns."""
_VERBS = {
    "gain.level": ("raise {track}", "lower {track}"),
    "gain.ride": ("ride {track} up", "ride {track} down"),
    "eq.tone": ("lift {track}", "cut {track}"),
    "eq.low_cut": ("move the low cut of {track} up", "move the low cut of {track} down"),
    "dynamics.zone": ("lift {track}", "press {track} down"),
    "pan.position": ("move {track} to the right", "move {track} to the left"),
    "pan.width": ("widen {track}", "narrow {track}"),
    "reverb.send": ("send more of {track}", "send less of {track}"),
    "reverb.decay": ("let {track} ring longer", "let {track} ring shorter"),
    "reverb.pre_delay": ("let {track} answer later", "let {track} answer sooner"),
    "reverb.tone": ("lift the return of {track}", "cut the return of {track}"),
}
_NOUNS = {
    "gain.level": "level",
    "gain.ride": "ride",
    "eq.tone": "tone",
    "eq.low_cut": "low cut",
    "dynamics.zone": "dynamics",
    "pan.position": "position",
    "pan.width": "width",
    "reverb.send": "send",
    "reverb.decay": "decay",
    "reverb.pre_delay": "pre-delay",
    "reverb.tone": "return",
}


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
        up, down = _VERBS.get(self.part, ("raise " + self.part + " of {track}", "lower " + self.part + " of {track}"))
        verb = (up if self.amount > 0.0 else down).format(track=self.track)
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
            _UNITS.get(part, "dB"),
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
        (sign * float(np.sum(product[k])), f"{_NOUNS.get(part, part)} of {owner}")
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
    parts = {part: np.asarray(leaf) for part, leaf in treatment_parts(treatment).items() if part != "master.level"}
    return {part: leaf[None] if part in PER_SONG else leaf for part, leaf in parts.items()}


def _owners(part: str, track_ids: Sequence[str]) -> Sequence[str]:
    return _ROOM if part in PER_SONG else track_ids


def _stepped(moves: Treatment, way: Treatment, need: float) -> Treatment:
    """Moves in which every part of every track goes as far along `way` as `need` asks of it alone."""

    def step(part: str, move: Array, slope: Array) -> Array:
        within = tuple(range(0 if part in PER_SONG else 1, slope.ndim))
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
    if part in ("eq.tone", "reverb.tone"):
        return f"around {_hertz(bands.band_centres_hz()[np.argmax(tone_curves()[place])])}"
    if part == "reverb.decay":
        return _zone(place)
    if part == "gain.ride":
        return f"at {_clock(place * RIDE_S)}"
    if part == "dynamics.zone":
        zone, knot = divmod(place, way.dynamics.zone_db.shape[-1])
        return f"{_zone(zone)} at {_clock(knot * way.knot_s)}"
    return ""


def _zone(zone: int) -> str:
    if zone == 0:
        return f"below {_hertz(ZONES_HZ[0])}"
    if zone == len(ZONES_HZ):
        return f"above {_hertz(ZONES_HZ[-1])}"
    return f"from {_hertz(ZONES_HZ[zone - 1])} to {_hertz(ZONES_HZ[zone])}"


def _is_within(part: str, value: float) -> bool:
    if part == "eq.low_cut":
        return value <= _REACH * LOW_CUT_FROM_HZ * 2.0**LOW_CUT_OCTAVES
    if part == "reverb.send":
        return value <= SEND_HIGHEST_DB - (1.0 - _REACH) * (SEND_HIGHEST_DB - SEND_OFF_DB)
    if part in OCTAVES:
        middle, (low, high, _) = OCTAVES[part]
        return _REACH * low <= np.log2(value / middle) <= _REACH * high
    low, high, _ = RANGES[part]
    return _REACH * low <= value <= _REACH * high


def _hertz(frequency_hz: float) -> str:
    return f"{frequency_hz / 1000:.3g} kHz" if frequency_hz >= 1000 else f"{frequency_hz:.0f} Hz"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _size(amount: float) -> str:
    return f"{amount:.0f}" if amount >= 10.0 else f"{amount:.1f}" if amount >= 0.05 else f"{amount:.2g}"
