"""Curves over frequency: the tone of every track, and the mix's spectrum against its target."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hybrid.export.sheet import Sheet, TrackSheet
from hybrid.pages.plot import Axis, Down, Tick, area_path, frequency_axis, line_path
from hybrid.pages.words import fixed, frequency

_TONE_PX = 84.0
_SPECTRUM_PX = 260.0
_LEAST_TONE_DB = 6.0
_SPECTRUM_RANGE_DB = 48.0
"""Range of the spectrum below its highest point: what is lower is inaudible beside it."""
_AUDIBLE_DB = 0.5
"""A tone curve that stays within this is called flat."""


class ToneCurve(NamedTuple):
    """Tone curve of one track, as it is drawn."""

    track: TrackSheet
    line: str
    fill: str
    """Path data of the surface between the line and 0 dB."""
    description: str


class ToneCurves(NamedTuple):
    """A small chart per track, all with the same axes of Hz and dB."""

    axis: Axis
    levels: Down
    curves: list[ToneCurve]


class Spectrum(NamedTuple):
    """Long-term spectra in dB over Hz, as path data; the target is empty where no rule asks for one."""

    axis: Axis
    levels: Down
    before: str
    after: str
    target: str
    description: str


def tone_curves_of(sheet: Sheet) -> ToneCurves:
    """The tone curve of every track, in console order."""
    largest = max((float(np.max(np.abs(track.tone_db))) for track in sheet.tracks), default=0.0)
    limit = max(_LEAST_TONE_DB, 3.0 * math.ceil(largest / 3))
    ticks = tuple(Tick(value, fixed(value, 0, signed=True)) for value in (limit / 2, 0.0, -limit / 2))
    down = Axis(-limit, limit, ticks=ticks).down(_TONE_PX)
    axis = frequency_axis(float(sheet.band_hz[0]), float(sheet.band_hz[-1]), only_decades=True)
    return ToneCurves(axis, down, [_tone(track, sheet, axis, down) for track in sheet.in_console_order])


def _tone(track: TrackSheet, sheet: Sheet, axis: Axis, down: Down) -> ToneCurve:
    x, y = axis.fractions(sheet.band_hz), down.pixels(track.tone_db)
    zero = np.full_like(y, down.pixel(0.0))
    fill = area_path(x, np.minimum(y, zero), np.maximum(y, zero))
    return ToneCurve(track, line_path(x, y), fill, _tone_description(track, sheet))


def _tone_description(track: TrackSheet, sheet: Sheet) -> str:
    low, high = int(np.argmin(track.tone_db)), int(np.argmax(track.tone_db))
    extremes = [
        f"{fixed(float(track.tone_db[band]), signed=True)} dB at {frequency(float(sheet.band_hz[band]))}"
        for band in (high, low)
        if abs(track.tone_db[band]) > _AUDIBLE_DB
    ]
    extremes.extend(f"{cut.name} at {frequency(cut.corner_hz)}" for cut in track.cuts)
    return f"Tone of {track.id}: {', '.join(extremes) or 'flat'}"


def spectrum_of(sheet: Sheet) -> Spectrum:
    """The mix and the raw sum over frequency, with the band that the rules ask for."""
    axis = frequency_axis(float(sheet.band_hz[0]), float(sheet.band_hz[-1]))
    down = _spectrum_axis(sheet).down(_SPECTRUM_PX)
    x = axis.fractions(sheet.band_hz)
    low, high = sheet.target_low_db, sheet.target_high_db
    target = "" if low is None or high is None else area_path(x, down.pixels(high), down.pixels(low))
    raw, mix = (line_path(x, down.pixels(values)) for values in (sheet.raw_spectrum_db, sheet.mix_spectrum_db))
    return Spectrum(axis, down, raw, mix, target, _spectrum_description(sheet))


def _spectrum_axis(sheet: Sheet) -> Axis:
    curves = [sheet.raw_spectrum_db, sheet.mix_spectrum_db, sheet.target_low_db, sheet.target_high_db]
    values = np.concatenate([curve for curve in curves if curve is not None])
    values = values[np.isfinite(values)]
    high = 3.0 * math.ceil((float(values.max(initial=3.0)) + 1) / 3)
    low = 3.0 * math.floor((float(values.min(initial=-3.0)) - 1) / 3)
    axis = Axis(max(low, high - _SPECTRUM_RANGE_DB), high)
    return axis.with_steps(label=lambda value: fixed(value, 0, signed=True))


def _spectrum_description(sheet: Sheet) -> str:
    low, high = sheet.target_low_db, sheet.target_high_db
    if low is None or high is None:
        return "Spectrum of the mix and of the raw sum; no rule asks for a band"
    raw, mix = (
        float(np.mean((values >= low) & (values <= high))) for values in (sheet.raw_spectrum_db, sheet.mix_spectrum_db)
    )
    return f"Spectrum: {mix:.0%} of the mix lies in its target band, of the raw sum {raw:.0%}"
