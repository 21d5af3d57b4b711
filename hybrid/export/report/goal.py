"""The goal of a mix: spectra against the reference's, as path data."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from hybrid.export.goal import GoalCurve, GoalSheet
from hybrid.pages.plot import Axis, Down, frequency_axis, line_path
from hybrid.pages.words import fixed

_HEIGHT_PX = 200.0
_LOWEST_DB = -40.0
TITLES = {"goal.tone": "Tone of what both channels share", "goal.tone.side": "Tone of what they do not"}
"""Of the curves of the shipped template; others are called by their rule."""


class GoalPlot(NamedTuple):
    """A spectrum of the mix before and after, and that of the reference."""

    title: str
    axis: Axis
    levels: Down
    own: str
    after: str
    reference: str
    description: str


def goal_plots(goal: GoalSheet) -> list[GoalPlot]:
    """A plot for every curve."""
    return [_plot(curve) for curve in goal.curves]


def _plot(curve: GoalCurve) -> GoalPlot:
    lines = (curve.own_db, curve.after_db, curve.reference_db)
    values = np.concatenate(lines)
    high = 3.0 * math.ceil((float(values.max(initial=3.0)) + 1) / 3)
    low = max(_LOWEST_DB, 3.0 * math.floor((float(values.min(initial=-3.0)) - 1) / 3))
    down = Axis(low, high).with_steps(label=lambda value: fixed(value, 0, signed=True)).down(_HEIGHT_PX)
    axis = frequency_axis(float(curve.band_hz[0]), float(curve.band_hz[-1]))
    x = axis.fractions(curve.band_hz)
    own, after, reference = (line_path(x, down.pixels(line)) for line in lines)
    far, near = (fixed(_rms(line - curve.reference_db)) for line in lines[:2])
    title = TITLES.get(curve.title, curve.title)
    words = f"{title}: {far} dB from the reference without it, {near} dB in this mix"
    return GoalPlot(title, axis, down, own, after, reference, words)


def _rms(difference: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(difference))))
