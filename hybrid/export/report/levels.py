"""Levels of every track before and after, on one axis."""

from __future__ import annotations

import math

from hybrid.export.sheet import SILENT_LU, Sheet
from hybrid.pages.plot import Axis
from hybrid.pages.words import fixed

_FLOOR_LU = -60.0


def levels_axis(sheet: Sheet) -> Axis:
    """An axis in LU that holds raw and mixed level of every audible track, down to -60 LU."""
    values = [value for track in sheet.tracks for value in (track.before_lu, track.after_lu) if value > SILENT_LU]
    low = max(_FLOOR_LU, min(values, default=-24.0))
    axis = Axis(6.0 * math.floor((low - 1) / 6), 6.0 * math.ceil((max(values, default=0.0) + 1) / 6))
    return axis.with_steps(label=lambda value: fixed(value, 0))
