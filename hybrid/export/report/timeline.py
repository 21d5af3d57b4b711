"""Gain over time: the song's short-term loudness, and a lane per track with its ride and its dynamics."""

from __future__ import annotations

import math
from html import escape

import numpy as np
from jaxtyping import Bool, Float

from hybrid.export.report.levels import track_cell
from hybrid.export.sheet import Sheet, TrackSheet
from hybrid.pages.plot import (
    Axis,
    Tick,
    blocks,
    curve,
    drawing,
    horizontal_lines,
    labels_across,
    steps,
    stretched,
    time_ticks,
    vertical_lines,
)
from hybrid.pages.words import NOTHING, SILENT, clock, fixed

_LOUDNESS_PX = 120.0
_LOUDNESS_RANGE_LU = 30.0
_RIDE_PX = 26.0
_ZONE_PX = 6.0
_AXIS_PX = 18.0
_COLUMNS = 300
"""Most steps in time that a lane shows; a longer song shows the mean ride and the deepest move of each."""
_SHADES = 5
_LEAST_RIDE_DB = 3.0
_LEAST_DYNAMICS_DB = 6.0
_HEARD_DB = 0.1


def timeline(sheet: Sheet) -> str:
    """A table that shares one time axis: short-term loudness on top, then a lane per track."""
    axis = Axis(0.0, sheet.duration_s)
    ticks = time_ticks(sheet.duration_s)
    head = drawing(labels_across(axis, ticks, _AXIS_PX - 5), _AXIS_PX)
    lanes = _Lanes(sheet, axis, ticks)
    rows = "".join(lanes.row(track) for track in sheet.in_console_order)
    return f"""<table class="rows lanes">
<thead><tr><th scope="col">Track</th><th class="chart" scope="col">{head}<span class="unseen">Over time</span>
</th>
<th scope="col">Ride<small>dB</small></th><th scope="col">Dynamics<small>dB, at</small></th></tr></thead>
<tbody>{_loudness_row(sheet, axis, ticks)}{rows}</tbody></table>"""


def _loudness_row(sheet: Sheet, axis: Axis, ticks: list[Tick]) -> str:
    raw, mix = sheet.raw_short_term_lufs, sheet.mix_short_term_lufs
    loudest = float(np.nan_to_num(np.concatenate([raw, mix]), neginf=-70.0).max(initial=-70.0))
    high = 3.0 * math.ceil((loudest + 2) / 3)
    down = Axis(high - _LOUDNESS_RANGE_LU, high).down(_LOUDNESS_PX)
    edges = _edges(len(sheet.time_s), 2 * _COLUMNS)
    x = axis.fractions(sheet.time_s[edges])
    curves = [curve(css, x, _means(down.pixels(y), edges)) for css, y in (("before", raw), ("after", mix))]
    levels = [Tick(value, fixed(value, 0)) for value in steps(down.axis.low, high, most=5)]
    grid = vertical_lines(axis, ticks, _LOUDNESS_PX) + horizontal_lines(down, levels[:-1])
    chart = drawing(grid + stretched("".join(curves), _LOUDNESS_PX), _LOUDNESS_PX)
    peak = int(np.argmax(mix))
    return f"""<tr class="whole">
<th scope="row"><span>Whole song</span><small>short-term loudness, LUFS</small></th>
<td class="chart">{chart}</td><td colspan="2">{fixed(float(mix[peak]))} LUFS<br><small>loudest, at
{clock(float(sheet.time_s[peak]))}</small></td></tr>
"""


class _Lanes:
    """Draws tracks over one time axis with one scale for rides and one for dynamics."""

    def __init__(self, sheet: Sheet, axis: Axis, ticks: list[Tick]) -> None:
        self.sheet = sheet
        self.edges = _edges(len(sheet.time_s), _COLUMNS)
        self.starts = axis.fractions(sheet.time_s[self.edges])
        self.ends = np.append(self.starts[1:], 1.0)
        limit = ride_limit_db(sheet)
        self.ride = Axis(-limit, limit).down(_RIDE_PX)
        self.deepest_db = dynamics_limit_db(sheet)
        self.zones_px = _ZONE_PX * len(sheet.zone_names) if _has_dynamics(sheet) else 0.0
        self.grid = vertical_lines(axis, ticks, _RIDE_PX + self.zones_px)

    def row(self, track: TrackSheet) -> str:
        """One track's row: activity behind, the ride as a line, the zones as strips, both in numbers."""
        height = _RIDE_PX + self.zones_px
        active = np.add.reduceat(track.active.astype(int), self.edges) > 0
        shapes = blocks("active", self._runs(active), 0.0, _RIDE_PX - 2.0)
        if self.zones_px:
            shapes += "".join(self._zone(track, zone) for zone in range(len(self.sheet.zone_names)))
        zero = self.ride.pixel(0.0)
        shapes += f'<path class="curve zero" d="M0 {zero:.1f}H1000"/>'
        shapes += curve("after", self.starts, _means(self.ride.pixels(track.ride_db), self.edges))
        chart = drawing(self.grid + stretched(shapes, height), height)
        return f"""<tr class="{track.family}">{track_cell(track)}<td class="chart">{chart}</td>
<td>{_ride_in_words(track)}</td><td>{_dynamics_in_words(track, self.sheet)}</td></tr>
"""

    def _zone(self, track: TrackSheet, zone: int) -> str:
        deepest = _deepest(track.dynamics_db[zone], self.edges)
        shade = np.ceil(np.abs(deepest) / self.deepest_db * _SHADES - 0.2) * np.sign(deepest)
        top = _RIDE_PX + self.zones_px - _ZONE_PX * (zone + 1)
        strips = []
        for level in range(-_SHADES, _SHADES + 1):
            if level:
                css = f"{'cut' if level < 0 else 'boost'}{abs(level)}"
                strips.append(blocks(css, self._runs(shade == level), top, _ZONE_PX - 1))
        return "".join(strips)

    def _runs(self, on: Bool[np.ndarray, " column"]) -> list[tuple[float, float]]:
        change = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]])))
        return [
            (float(self.starts[first]), float(self.ends[last - 1]))
            for first, last in zip(change[::2], change[1::2], strict=True)
        ]


def ride_limit_db(sheet: Sheet) -> float:
    """The ride that reaches the edge of its lane."""
    return _limit(_LEAST_RIDE_DB, [track.ride_db for track in sheet.tracks])


def dynamics_limit_db(sheet: Sheet) -> float:
    """The change in level that gets the darkest shade."""
    return _limit(_LEAST_DYNAMICS_DB, [track.dynamics_db for track in sheet.tracks])


def _has_dynamics(sheet: Sheet) -> bool:
    return any(np.any(np.abs(track.dynamics_db) > _HEARD_DB) for track in sheet.tracks)


def _limit(least_db: float, values_db: list[Float[np.ndarray, " ..."]]) -> float:
    largest = max((float(np.max(np.abs(values), initial=0.0)) for values in values_db), default=0.0)
    return max(least_db, 3.0 * math.ceil(largest / 3))


def _edges(n_frames: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, n_frames, min(most, n_frames), endpoint=False).astype(int))


def _means(values: Float[np.ndarray, " frame"], edges: np.ndarray) -> Float[np.ndarray, " column"]:
    return np.add.reduceat(values, edges) / np.diff(np.append(edges, len(values)))


def _deepest(values: Float[np.ndarray, " frame"], edges: np.ndarray) -> Float[np.ndarray, " column"]:
    low, high = np.minimum.reduceat(values, edges), np.maximum.reduceat(values, edges)
    return np.where(-low > high, low, high)


def _ride_in_words(track: TrackSheet) -> str:
    if track.is_silent:
        return SILENT
    low, high = float(track.ride_db.min()), float(track.ride_db.max())
    if high - low < _HEARD_DB:
        return NOTHING
    return f"{fixed(low, signed=True)} to {fixed(high, signed=True)}"


def _dynamics_in_words(track: TrackSheet, sheet: Sheet) -> str:
    if not track.dynamics_db.size or np.max(np.abs(track.dynamics_db)) < _HEARD_DB:
        return NOTHING
    zone, frame = np.unravel_index(np.argmax(np.abs(track.dynamics_db)), track.dynamics_db.shape)
    value, time = float(track.dynamics_db[zone, frame]), clock(float(sheet.time_s[frame]))
    return f"{fixed(value, signed=True)}<br><small>{escape(sheet.zone_names[zone])}, {time}</small>"
