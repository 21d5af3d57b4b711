"""Curves over frequency: the tone of every track, and the mix's spectrum against its target."""

from __future__ import annotations

import math
from html import escape

import numpy as np

from hybrid.export.sheet import Sheet, TrackSheet
from hybrid.pages.plot import (
    Axis,
    Down,
    Tick,
    area,
    curve,
    drawing,
    frequency_ticks,
    horizontal_lines,
    labels_across,
    steps,
    stretched,
    vertical_lines,
)
from hybrid.pages.words import SILENT, fixed, frequency

_TONE_PX = 84.0
_SPECTRUM_PX = 260.0
_LABELS_PX = 16.0
_LEAST_TONE_DB = 6.0
_SPECTRUM_RANGE_DB = 48.0
"""What the spectrum shows below its highest point: less is inaudible beside it."""
_HEARD_DB = 0.5
"""A tone curve that stays within this is called flat."""


def tone_curves(sheet: Sheet) -> str:
    """A small chart per track, all with the same axes."""
    axis = _frequency_axis(sheet)
    largest = max((float(np.max(np.abs(track.tone_db))) for track in sheet.tracks), default=0.0)
    limit = max(_LEAST_TONE_DB, 3.0 * math.ceil(largest / 3))
    down = Axis(-limit, limit).down(_TONE_PX)
    charts = "".join(_tone(track, sheet, axis, down) for track in sheet.in_console_order)
    return f'<div class="multiples">{charts}</div>'


def _frequency_axis(sheet: Sheet) -> Axis:
    return Axis(float(sheet.band_hz[0]), float(sheet.band_hz[-1]), is_log=True)


def _tone(track: TrackSheet, sheet: Sheet, axis: Axis, down: Down) -> str:
    x, y = axis.fractions(sheet.band_hz), down.pixels(track.tone_db)
    zero = np.full_like(y, down.pixel(0.0))
    decades = frequency_ticks(axis, only_decades=True)
    limit = down.axis.high
    grid = vertical_lines(axis, decades, _TONE_PX) + horizontal_lines(
        down, [Tick(value, fixed(value, 0, signed=True)) for value in (limit / 2, 0.0, -limit / 2)]
    )
    shape = stretched(area("fill", x, np.minimum(y, zero), np.maximum(y, zero)) + curve("after", x, y), _TONE_PX)
    chart = drawing(
        grid + _low_cut(track, axis) + shape + labels_across(axis, decades, _TONE_PX + _LABELS_PX - 4),
        _TONE_PX + _LABELS_PX,
        _tone_in_words(track, sheet),
    )
    cut = "" if track.low_cut_hz is None else f"low cut {frequency(track.low_cut_hz)}"
    name, aside = escape(track.id), SILENT if track.is_silent else cut
    caption = f'<figcaption><b title="{name}">{name}</b><small>{aside}</small></figcaption>'
    quiet = " quiet" if track.is_silent else ""
    return f'<figure class="{track.family}{quiet}">{caption}{chart}</figure>'


def _low_cut(track: TrackSheet, axis: Axis) -> str:
    if track.low_cut_hz is None:
        return ""
    x = axis.percent(track.low_cut_hz)
    return (
        f'<rect class="cut" x="0" y="0" width="{x}" height="{_TONE_PX:g}"/>'
        f'<line class="cut-edge" x1="{x}" x2="{x}" y1="0" y2="{_TONE_PX:g}"/>'
    )


def _tone_in_words(track: TrackSheet, sheet: Sheet) -> str:
    low, high = int(np.argmin(track.tone_db)), int(np.argmax(track.tone_db))
    told = [
        f"{fixed(float(track.tone_db[band]), signed=True)} dB at {frequency(float(sheet.band_hz[band]))}"
        for band in (high, low)
        if abs(track.tone_db[band]) > _HEARD_DB
    ]
    if track.low_cut_hz is not None:
        told.append(f"low cut at {frequency(track.low_cut_hz)}")
    return f"Tone of {track.id}: {', '.join(told) or 'flat'}"


def spectrum(sheet: Sheet) -> str:
    """The mix and the raw sum over frequency, with the band that the rules ask for."""
    axis, down = _frequency_axis(sheet), _spectrum_axis(sheet).down(_SPECTRUM_PX)
    x = axis.fractions(sheet.band_hz)
    low, high = sheet.target_low_db, sheet.target_high_db
    band = "" if low is None or high is None else area("target", x, down.pixels(high), down.pixels(low))
    curves = curve("before", x, down.pixels(sheet.raw_spectrum_db))
    curves += curve("after", x, down.pixels(sheet.mix_spectrum_db))
    ticks = frequency_ticks(axis)
    levels = [Tick(value, fixed(value, 0, signed=True)) for value in steps(down.axis.low, down.axis.high)]
    content = stretched(band, _SPECTRUM_PX) + vertical_lines(axis, ticks, _SPECTRUM_PX)
    content += horizontal_lines(down, levels) + stretched(curves, _SPECTRUM_PX)
    content += labels_across(axis, ticks, _SPECTRUM_PX + _LABELS_PX - 3)
    return drawing(content, _SPECTRUM_PX + _LABELS_PX, _spectrum_in_words(sheet))


def _spectrum_axis(sheet: Sheet) -> Axis:
    curves = [sheet.raw_spectrum_db, sheet.mix_spectrum_db, sheet.target_low_db, sheet.target_high_db]
    values = np.concatenate([curve for curve in curves if curve is not None])
    values = values[np.isfinite(values)]
    high = 3.0 * math.ceil((float(values.max(initial=3.0)) + 1) / 3)
    low = 3.0 * math.floor((float(values.min(initial=-3.0)) - 1) / 3)
    return Axis(max(low, high - _SPECTRUM_RANGE_DB), high)


def _spectrum_in_words(sheet: Sheet) -> str:
    low, high = sheet.target_low_db, sheet.target_high_db
    if low is None or high is None:
        return "Spectrum of the mix and of the raw sum; no rule asks for a band"
    inside = [
        float(np.mean((values >= low) & (values <= high))) for values in (sheet.raw_spectrum_db, sheet.mix_spectrum_db)
    ]
    return f"Spectrum: {inside[1]:.0%} of the mix lies in its target band, of the raw sum {inside[0]:.0%}"
