"""Levels of every track before and after, as a dumbbell for every row of a table."""

from __future__ import annotations

import math
from html import escape

from hybrid.export.sheet import SILENT_LU, Sheet, TrackSheet
from hybrid.pages.plot import Axis, Tick, drawing, labels_across, steps, vertical_lines
from hybrid.pages.words import SILENT, fixed, loudness, position

_ROW_PX = 26.0
_AXIS_PX = 18.0
_FLOOR_LU = -60.0
_SURE = 0.5
"""Confidence in a guessed role below which the report puts a question mark."""


def levels_table(sheet: Sheet) -> str:
    """A row per track: name and role, raw level to mixed level, the fader's move, the place, the send if any."""
    tracks = sheet.in_console_order
    axis = _axis(tracks)
    ticks = [Tick(value, fixed(value, 0)) for value in steps(axis.low, axis.high)]
    head = drawing(labels_across(axis, ticks, _AXIS_PX - 5), _AXIS_PX)
    is_wet = any(track.send_db is not None for track in tracks)
    rows = "".join(_row(track, axis, ticks, is_wet) for track in tracks)
    send = '<th scope="col">Reverb<small>dB</small></th>' if is_wet else ""
    return f"""<table class="rows levels">
<thead><tr><th scope="col">Track</th><th class="chart" scope="col">{head}<span class="unseen">Change</span>
</th>
<th scope="col">Raw<small>LU</small></th><th scope="col">Mix<small>LU</small></th>
<th scope="col">Fader<small>dB</small></th><th scope="col">Pan</th>{send}</tr></thead>
<tbody>{rows}</tbody></table>"""


def _axis(tracks: list[TrackSheet]) -> Axis:
    values = [value for track in tracks for value in (track.before_lu, track.after_lu) if value > SILENT_LU]
    low = max(_FLOOR_LU, min(values, default=-24.0))
    return Axis(6.0 * math.floor((low - 1) / 6), 6.0 * math.ceil((max(values, default=0.0) + 1) / 6))


def _row(track: TrackSheet, axis: Axis, ticks: list[Tick], is_wet: bool) -> str:
    send = f"<td>{'–' if track.send_db is None else fixed(track.send_db, signed=True)}</td>" if is_wet else ""
    places = axis.percent(track.before_lu), axis.percent(track.after_lu)
    marks = "" if track.is_silent else dumbbell(*places, _ROW_PX / 2)
    chart = drawing(vertical_lines(axis, ticks, _ROW_PX) + marks, _ROW_PX)
    return f"""<tr class="{track.family}">{track_cell(track)}<td class="chart">{chart}</td>
<td>{_audible(track, track.before_lu)}</td><td><b>{_audible(track, track.after_lu)}</b></td>
<td>{fixed(track.level_db, signed=True)}</td><td>{position(track.pan)}</td>{send}</tr>
"""


def _audible(track: TrackSheet, value_lu: float) -> str:
    return SILENT if track.is_silent else loudness(value_lu)


def track_cell(track: TrackSheet) -> str:
    """The head of a track's row: its name, and what it was taken for."""
    name, role = escape(track.id), escape(track.role)
    doubt = ' <abbr title="guessed from the name, not certain">?</abbr>' if track.confidence < _SURE else ""
    tags = "".join(f"<i>{escape(tag)}</i>" for tag in track.tags)
    return f'<th scope="row" title="{name}"><span>{name}</span><small>{role}{doubt}{tags}</small></th>'


def dumbbell(before: str, after: str, y_px: float) -> str:
    """An open dot at `before`, a full dot at `after` and the way between, at percentages of the width."""
    y = f"{y_px:g}"
    return (
        f'<line class="move" x1="{before}" x2="{after}" y1="{y}" y2="{y}"/>'
        f'<circle class="before" cx="{before}" cy="{y}" r="4"/>'
        f'<circle class="after" cx="{after}" cy="{y}" r="5"/>'
    )
