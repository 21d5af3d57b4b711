"""The stereo field as seen from above: the listener below, loud tracks near, quiet ones far."""

from __future__ import annotations

import math
from html import escape
from typing import NamedTuple

from hybrid.export.sheet import Sheet, TrackSheet
from hybrid.pages.plot import steps
from hybrid.pages.words import fixed, position, shortened

_HARD_LEFT_DEGREES = 55.0
_SPOKES = (-100.0, -50.0, 0.0, 50.0, 100.0)
_NEAREST = 0.42
"""How far from the listener the loudest track sits, as a part of the radius."""
_QUIETEST_LU = -36.0
_WIDE_AS_RECORDED = 30.0
"""Half the arc of a stereo track whose width was left alone, on the scale of pan."""
_LETTER_PX = 6.9
_LINE_PX = 14.0
_LONGEST_NAME = 18
_MARGIN_PX = 26.0


class _Field(NamedTuple):
    """The picture's frame: how far the field reaches, and the loudness at its far and near edge."""

    width: float
    radius: float
    low_lu: float
    high_lu: float

    @property
    def height(self) -> float:
        nearest = self.radius * _NEAREST * math.cos(math.radians(_HARD_LEFT_DEGREES))
        return self.radius - nearest + 2 * _MARGIN_PX

    def nearness(self, lu: float) -> float:
        return (max(lu, self.low_lu) - self.low_lu) / (self.high_lu - self.low_lu)

    def distance(self, lu: float) -> float:
        return self.radius * (1 - (1 - _NEAREST) * self.nearness(lu))

    def point(self, pan: float, distance: float) -> tuple[float, float]:
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

    def is_within(self, field: _Field) -> bool:
        across = self.left >= 0 and self.right <= field.width
        return across and self.top >= 0 and self.bottom <= field.height


class _Text(NamedTuple):
    """A text and the room it takes."""

    text: str
    box: _Box
    css: str = ""

    def svg(self) -> str:
        x, y = (self.box.left + self.box.right) / 2, self.box.bottom - 3.5
        place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="middle"'
        return f'<text class="{self.css}" {place}>{escape(self.text)}</text>'


class _Dot(NamedTuple):
    """A track at its place."""

    track: TrackSheet
    x: float
    y: float
    r: float

    @property
    def box(self) -> _Box:
        return _Box(self.x - self.r, self.y - self.r, self.x + self.r, self.y + self.r)


def stereo_field(sheet: Sheet, width_px: float) -> str:
    """The picture at one width. A name that finds no free place is left out: the table of levels has it."""
    heard = sorted((track for track in sheet.tracks if not track.is_silent), key=lambda t: (-t.after_lu, t.id))
    field = _field(heard, width_px)
    dots = [_dot(track, field) for track in heard]
    scale = _scale(field)
    texts = scale + _names(dots, scale, field)
    content = _ground(field) + "".join(_track(dot, field) for dot in reversed(dots))
    content += "".join(text.svg() for text in texts)
    described = "; ".join(f"{t.id} {position(t.pan)}, {fixed(t.after_lu)} LU" for t in heard)
    return (
        f'<svg class="field" width="{field.width:g}" viewBox="0 0 {field.width:g} {field.height:.0f}" '
        f'role="img" aria-label="Pan and loudness of every track: {escape(described)}">{content}</svg>'
    )


def _field(tracks: list[TrackSheet], width_px: float) -> _Field:
    levels = [max(track.after_lu, _QUIETEST_LU) for track in tracks]
    radius = (width_px / 2 - _MARGIN_PX) / math.sin(math.radians(_HARD_LEFT_DEGREES))
    high = max(levels, default=0.0)
    return _Field(width_px, radius, min([*levels, high - 6.0]), high)


def _dot(track: TrackSheet, field: _Field) -> _Dot:
    x, y = field.point(track.pan, field.distance(track.after_lu))
    return _Dot(track, x, y, r=3.5 + 5.5 * field.nearness(track.after_lu))


def _rings_lu(field: _Field) -> list[float]:
    return steps(field.low_lu, field.high_lu, most=4)


def _ground(field: _Field) -> str:
    shapes = [f'<path class="grid" d="{field.arc(-100.0, 100.0, field.distance(lu))}"/>' for lu in _rings_lu(field)]
    for pan in _SPOKES:
        (x0, y0), (x1, y1) = (field.point(pan, d) for d in (field.radius * _NEAREST, field.radius))
        shapes.append(f'<line class="grid" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>')
    return "".join(shapes)


def _scale(field: _Field) -> list[_Text]:
    """The labels of the spokes, beyond their ends, and of the rings, outside their left ends."""
    spokes = [(position(pan), *field.point(pan, field.radius + 13)) for pan in _SPOKES]
    rings = []
    for lu in _rings_lu(field):
        x, y = field.point(-100.0, field.distance(lu))
        rings.append((f"{fixed(lu, 0)} LU", x - 24, y + 8))
    return [_Text(text, _around(text, x, y)) for text, x, y in spokes + rings]


def _around(text: str, x: float, y: float) -> _Box:
    half = _LETTER_PX * len(text) / 2
    return _Box(x - half, y - _LINE_PX / 2, x + half, y + _LINE_PX / 2)


def _track(dot: _Dot, field: _Field) -> str:
    track, arc = dot.track, ""
    told = f"{track.id}: {position(track.pan)}, {fixed(track.after_lu)} LU"
    if track.width_db is not None:
        half = min(_WIDE_AS_RECORDED * 10 ** (track.width_db / 20), 90.0)
        left, right = max(track.pan - half, -100.0), min(track.pan + half, 100.0)
        arc = f'<path class="width" d="{field.arc(left, right, field.distance(track.after_lu))}"/>'
        told += f", width {fixed(track.width_db, signed=True)} dB"
    circle = f'<circle class="after" cx="{dot.x:.1f}" cy="{dot.y:.1f}" r="{dot.r:.1f}"/>'
    return f'<g class="{track.family}"><title>{escape(told)}</title>{arc}{circle}</g>'


def _names(dots: list[_Dot], scale: list[_Text], field: _Field) -> list[_Text]:
    """The names that find a free place, the loudest tracks choosing first."""
    taken = [dot.box for dot in dots] + [text.box for text in scale]
    names = []
    for dot in dots:
        text = shortened(dot.track.id, _LONGEST_NAME)
        places = (box for box in _places(dot, _LETTER_PX * len(text)) if box.is_within(field))
        free = next((box for box in places if not any(box.meets(other) for other in taken)), None)
        if free:
            taken.append(free)
            names.append(_Text(text, free, "name"))
    return names


def _places(dot: _Dot, width: float) -> list[_Box]:
    """Where a name may stand, best first: right, left, below, above, and the corners."""
    gap, half = dot.r + 4, _LINE_PX / 2
    right, left, middle = dot.x + gap, dot.x - gap - width, dot.x - width / 2
    beside = [(right, dot.y - half), (left, dot.y - half)]
    upright = [(middle, dot.y + dot.r + 1), (middle, dot.y - dot.r - 1 - _LINE_PX)]
    corners = [(x, dot.y + dy) for dy in (2, -2 - _LINE_PX, 8, -8 - _LINE_PX) for x in (right - 3, left + 3)]
    return [_Box(x, y, x + width, y + _LINE_PX) for x, y in beside + upright + corners]
