"""Gain over time: the song's short-term loudness, and a lane per track with its ride and its dynamics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from hybrid.export.sheet import Sheet, TrackSheet
from hybrid.pages.plot import Axis, Down, block_path, line_path, time_axis
from hybrid.pages.words import NOTHING, SILENT, clock, fixed

_LOUDNESS_PX = 120.0
_LOUDNESS_RANGE_LU = 30.0
_RIDE_PX = 26.0
_ZONE_PX = 6.0
_COLUMNS = 300
"""Most steps in time that a lane shows; a longer song shows the mean ride and the deepest move of each."""
_SHADES = 5
_LEAST_RIDE_DB = 3.0
_LEAST_DYNAMICS_DB = 6.0
_AUDIBLE_DB = 0.1


class Lane(NamedTuple):
    """One track over time, as path data."""

    track: TrackSheet
    active: str
    ride: str
    shades: list[tuple[str, str]]
    """Changes in level by dynamics: the CSS class of each shade, with the path data of its strip."""
    ride_range: str
    """Lowest and highest ride, in dB."""
    deepest: str
    """The largest change in level by dynamics, in dB."""
    deepest_at: str
    """Its zone and time; empty where there is none."""


class Timeline(NamedTuple):
    """Everything over one axis of time in seconds; lanes share one scale for rides and one for dynamics."""

    axis: Axis
    levels: Down
    """Short-term loudness, LUFS."""
    before: str
    after: str
    """Short-term loudness of raw sum and mix, as path data."""
    loudest: int
    """The frame at which the mix is loudest."""
    ride: Down
    lane_px: float
    """Height of a lane, zones included."""
    dynamics_limit_db: float
    """The change in level that gets the darkest shade."""
    lanes: list[Lane]


def timeline_of(sheet: Sheet) -> Timeline:
    """Short-term loudness, then every track in console order."""
    axis = time_axis(sheet.duration_s)
    limit_db = _limit_db(_LEAST_RIDE_DB, [track.ride_db for track in sheet.tracks])
    ride = Axis(-limit_db, limit_db).down(_RIDE_PX)
    deepest_db = _limit_db(_LEAST_DYNAMICS_DB, [track.dynamics_db for track in sheet.tracks])
    columns = _columns(sheet, axis, _COLUMNS)
    has_dynamics = any(np.any(np.abs(track.dynamics_db) > _AUDIBLE_DB) for track in sheet.tracks)
    n_zones = len(sheet.zone_names) if has_dynamics else 0
    lanes = []
    for track in sheet.in_console_order:
        shades = [shade for zone in range(n_zones) for shade in _shades(track, zone, n_zones, columns, deepest_db)]
        lanes.append(_lane(track, sheet, columns, ride, shades))
    levels, finer = _loudness_axis(sheet).down(_LOUDNESS_PX), _columns(sheet, axis, 2 * _COLUMNS)
    raw, mix = (finer.path(levels.pixels(values)) for values in (sheet.raw_short_term_lufs, sheet.mix_short_term_lufs))
    loudest = int(np.argmax(sheet.mix_short_term_lufs))
    return Timeline(
        axis, levels, raw, mix, loudest, ride, _RIDE_PX + n_zones * _ZONE_PX, dynamics_limit_db=deepest_db, lanes=lanes
    )


class _Columns(NamedTuple):
    """Steps in time: the first frame of each, and where it begins and ends, in fractions of the width."""

    edges: Int[np.ndarray, " column"]
    starts: Float[np.ndarray, " column"]
    ends: Float[np.ndarray, " column"]

    def path(self, values: Float[np.ndarray, " frame"]) -> str:
        """Path data of the means of each step."""
        counts = np.diff(np.append(self.edges, len(values)))
        return line_path(self.starts, np.add.reduceat(values, self.edges) / counts)

    def spans(self, on: Bool[np.ndarray, " column"]) -> list[tuple[float, float]]:
        """Beginnings and ends of the runs of columns that are on."""
        change = np.flatnonzero(np.diff(np.concatenate([[False], on, [False]])))
        return [
            (float(self.starts[first]), float(self.ends[last - 1]))
            for first, last in zip(change[::2], change[1::2], strict=True)
        ]


def _loudness_axis(sheet: Sheet) -> Axis:
    values = np.concatenate([sheet.raw_short_term_lufs, sheet.mix_short_term_lufs])
    loudest = float(np.nan_to_num(values, neginf=-70.0).max(initial=-70.0))
    high = 3.0 * math.ceil((loudest + 2) / 3)
    axis = Axis(high - _LOUDNESS_RANGE_LU, high).with_steps(most=5, label=lambda value: fixed(value, 0))
    # the highest label would stand in the head of the table
    return axis._replace(ticks=axis.ticks[:-1])


def _lane(track: TrackSheet, sheet: Sheet, columns: _Columns, ride: Down, shades: list[tuple[str, str]]) -> Lane:
    active = np.add.reduceat(track.active.astype(int), columns.edges) > 0
    deepest, deepest_at = _deepest_move(track, sheet)
    return Lane(
        track,
        active=block_path(columns.spans(active), 0.0, _RIDE_PX - 2.0),
        ride=columns.path(ride.pixels(track.ride_db)),
        shades=shades,
        ride_range=_ride_range(track),
        deepest=deepest,
        deepest_at=deepest_at,
    )


def _shades(
    track: TrackSheet, zone: int, n_zones: int, columns: _Columns, deepest_db: float
) -> Iterator[tuple[str, str]]:
    """CSS classes and path data of the strip of one zone, the lowest zone at the bottom."""
    deepest = _deepest(track.dynamics_db[zone], columns.edges)
    shade = np.ceil(np.abs(deepest) / deepest_db * _SHADES - 0.2) * np.sign(deepest)
    top = _RIDE_PX + _ZONE_PX * (n_zones - zone - 1)
    for level in range(-_SHADES, _SHADES + 1):
        if level:
            css = f"{'cut' if level < 0 else 'boost'}{abs(level)}"
            yield css, block_path(columns.spans(shade == level), top, _ZONE_PX - 1)


def _limit_db(least_db: float, values_db: list[Float[np.ndarray, " ..."]]) -> float:
    largest = max((float(np.max(np.abs(values), initial=0.0)) for values in values_db), default=0.0)
    return max(least_db, 3.0 * math.ceil(largest / 3))


def _columns(sheet: Sheet, axis: Axis, most: int) -> _Columns:
    n_frames = len(sheet.time_s)
    edges = np.unique(np.linspace(0, n_frames, min(most, n_frames), endpoint=False).astype(int))
    starts = axis.fractions(sheet.time_s[edges])
    return _Columns(edges, starts, np.append(starts[1:], 1.0))


def _deepest(values: Float[np.ndarray, " frame"], edges: Int[np.ndarray, " column"]) -> Float[np.ndarray, " column"]:
    low, high = np.minimum.reduceat(values, edges), np.maximum.reduceat(values, edges)
    return np.where(-low > high, low, high)


def _ride_range(track: TrackSheet) -> str:
    if track.is_silent:
        return SILENT
    low, high = float(track.ride_db.min()), float(track.ride_db.max())
    if high - low < _AUDIBLE_DB:
        return NOTHING
    return f"{fixed(low, signed=True)} to {fixed(high, signed=True)}"


def _deepest_move(track: TrackSheet, sheet: Sheet) -> tuple[str, str]:
    """The largest change in level by dynamics, in dB, and its zone and time."""
    if not track.dynamics_db.size or np.max(np.abs(track.dynamics_db)) < _AUDIBLE_DB:
        return NOTHING, ""
    zone, frame = np.unravel_index(np.argmax(np.abs(track.dynamics_db)), track.dynamics_db.shape)
    value, time = float(track.dynamics_db[zone, frame]), clock(float(sheet.time_s[frame]))
    return fixed(value, signed=True), f"{sheet.zone_names[zone]}, {time}"
