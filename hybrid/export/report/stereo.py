"""The stereo field as seen from above: the listener below, loud tracks near, quiet ones far."""

from __future__ import annotations

import math
from typing import NamedTuple

from hybrid.export.sheet import Sheet, TrackSheet
from hybrid.pages.plot import steps
from hybrid.pages.words import fixed, position, shortened

_HARD_LEFT_DEGREES = 55.0
_SPOKES = (-100.0, -50.0, 0.0, 50.0, 100.0)
_NEAREST = 0.42
"""Distance of the loudest track from the listener, as a part of the radius."""
_QUIETEST_LU = -36.0
_WIDE_AS_RECORDED = 30.0
"""Half the arc of a stereo track whose width was left alone, on the scale of pan."""
_LETTER_PX = 6.9
_LINE_PX = 14.0
_LONGEST_NAME = 18
_MARGIN_PX = 26.0
_Point = tuple[float, float]


class _Frame(NamedTuple):
    """The picture's frame: the reach of the field in pixels, and the loudness at its far and near edge."""

    width: float
    radius: float
    low_lu: float
    high_lu: float

    @property
    def height(self) -> float:
        nearest = self.radius * _NEAREST * math.cos(math.radians(_HARD_LEFT_DEGREES))
        return self.radius - nearest + 2 * _MARGIN_PX

    @property
    def rings_lu(self) -> list[float]:
        return steps(self.low_lu, self.high_lu, most=4)

    def nearness(self, lu: float) -> float:
        return (max(lu, self.low_lu) - self.low_lu) / (self.high_lu - self.low_lu)

    def distance(self, lu: float) -> float:
        return self.radius * (1 - (1 - _NEAREST) * self.nearness(lu))

    def point(self, pan: float, distance: float) -> _Point:
        angle = math.radians(_HARD_LEFT_DEGREES * pan / 100)
        listener_px = self.radius + _MARGIN_PX
        return self.width / 2 + distance * math.sin(angle), listener_px - distance * math.cos(angle)

    def arc(self, left: float, right: float, distance: float) -> str:
        (x0, y0), (x1, y1) = self.point(left, distance), self.point(right, distance)
        return f"M{x0:.1f} {y0:.1f}A{distance:.1f} {distance:.1f} 0 0 1 {x1:.1f} {y1:.1f}"


class _Box(NamedTuple):
    """A rectangle that a dot or a text fills."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Box) -> bool:
        apart = self.right <= other.left or other.right <= self.left
        return not (apart or self.bottom <= other.top or other.bottom <= self.top)

    def is_within(self, frame: _Frame) -> bool:
        across = self.left >= 0 and self.right <= frame.width
        return across and self.top >= 0 and self.bottom <= frame.height


class PlacedText(NamedTuple):
    """A text and the room it takes."""

    text: str
    box: _Box
    css: str = ""

    @property
    def x(self) -> float:
        """Its middle, in pixels."""
        return (self.box.left + self.box.right) / 2

    @property
    def y(self) -> float:
        """Its base line, in pixels."""
        return self.box.bottom - 3.5


class Dot(NamedTuple):
    """A track at its place, in pixels; a stereo track has an arc as path data."""

    track: TrackSheet
    x: float
    y: float
    r: float
    arc: str
    description: str

    @property
    def box(self) -> _Box:
        return _Box(self.x - self.r, self.y - self.r, self.x + self.r, self.y + self.r)


class StereoField(NamedTuple):
    """The picture at one width, in pixels."""

    width: float
    height: float
    rings: tuple[str, ...]
    """Path data."""
    spokes: tuple[tuple[_Point, _Point], ...]
    dots: tuple[Dot, ...]
    """The quietest first, so that louder ones cover them."""
    labels: tuple[PlacedText, ...]
    description: str


def stereo_field(sheet: Sheet, width_px: float) -> StereoField:
    """Dots of all audible tracks. A name that finds no free place is left out: the table of levels has it."""
    audible = sorted((track for track in sheet.tracks if not track.is_silent), key=lambda t: (-t.after_lu, t.id))
    frame = _frame(audible, width_px)
    dots = [_dot(track, frame) for track in audible]
    scale = _scale(frame)
    return StereoField(
        frame.width,
        frame.height,
        rings=tuple(frame.arc(-100.0, 100.0, frame.distance(lu)) for lu in frame.rings_lu),
        spokes=tuple((frame.point(pan, frame.radius * _NEAREST), frame.point(pan, frame.radius)) for pan in _SPOKES),
        dots=tuple(reversed(dots)),
        labels=(*scale, *_names(dots, scale, frame)),
        description="; ".join(f"{t.id} {position(t.pan)}, {fixed(t.after_lu)} LU" for t in audible),
    )


def _frame(tracks: list[TrackSheet], width_px: float) -> _Frame:
    levels = [max(track.after_lu, _QUIETEST_LU) for track in tracks]
    radius = (width_px / 2 - _MARGIN_PX) / math.sin(math.radians(_HARD_LEFT_DEGREES))
    high = max(levels, default=0.0)
    return _Frame(width_px, radius, min([*levels, high - 6.0]), high)


def _dot(track: TrackSheet, frame: _Frame) -> Dot:
    distance = frame.distance(track.after_lu)
    x, y = frame.point(track.pan, distance)
    arc, description = "", f"{track.id}: {position(track.pan)}, {fixed(track.after_lu)} LU"
    widths = [db for db in (track.width_db, track.spread_db) if db is not None]
    if widths:
        half = min(_WIDE_AS_RECORDED * 10 ** (max(widths) / 20), 90.0)
        arc = frame.arc(max(track.pan - half, -100.0), min(track.pan + half, 100.0), distance)
    if track.width_db is not None:
        description += f", width {fixed(track.width_db, signed=True)} dB"
    if track.spread_db is not None:
        description += f", spread {fixed(track.spread_db, signed=True)} dB"
    return Dot(track, x, y, 3.5 + 5.5 * frame.nearness(track.after_lu), arc, description)


def _scale(frame: _Frame) -> list[PlacedText]:
    """The labels of the spokes, beyond their ends, and of the rings, outside their left ends."""
    spokes = [(position(pan), *frame.point(pan, frame.radius + 13)) for pan in _SPOKES]
    rings = []
    for lu in frame.rings_lu:
        x, y = frame.point(-100.0, frame.distance(lu))
        rings.append((f"{fixed(lu, 0)} LU", x - 24, y + 8))
    return [PlacedText(text, _around(text, x, y)) for text, x, y in spokes + rings]


def _around(text: str, x: float, y: float) -> _Box:
    half = _LETTER_PX * len(text) / 2
    return _Box(x - half, y - _LINE_PX / 2, x + half, y + _LINE_PX / 2)


def _names(dots: list[Dot], scale: list[PlacedText], frame: _Frame) -> list[PlacedText]:
    """The names that find a free place, the loudest tracks choosing first."""
    taken = [dot.box for dot in dots] + [label.box for label in scale]
    names = []
    for dot in dots:
        text = shortened(dot.track.id, _LONGEST_NAME)
        places = (box for box in _places(dot, _LETTER_PX * len(text)) if box.is_within(frame))
        free = next((box for box in places if not any(box.meets(other) for other in taken)), None)
        if free:
            taken.append(free)
            names.append(PlacedText(text, free, "name"))
    return names


def _places(dot: Dot, width: float) -> list[_Box]:
    """Places for a name, best first: right, left, below, above, and the corners."""
    gap, half = dot.r + 4, _LINE_PX / 2
    right, left, middle = dot.x + gap, dot.x - gap - width, dot.x - width / 2
    beside = [(right, dot.y - half), (left, dot.y - half)]
    upright = [(middle, dot.y + dot.r + 1), (middle, dot.y - dot.r - 1 - _LINE_PX)]
    corners = [(x, dot.y + dy) for dy in (2, -2 - _LINE_PX, 8, -8 - _LINE_PX) for x in (right - 3, left + 3)]
    return [_Box(x, y, x + width, y + _LINE_PX) for x, y in beside + upright + corners]
