"""Axes, ticks and paths of the charts that `plot.html.jinja` draws, as SVG that stretches across but not down.

Positions across are fractions of the width, positions down are pixels. Curves live in an inner drawing
1000 units wide that is stretched to the width at hand, with strokes that keep their thickness.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

_ACROSS = 1000
_TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600)
_FREQUENCIES_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10000)
_DECADES_HZ = (100, 1000, 10000)


class Tick(NamedTuple):
    """A labelled value on an axis."""

    value: float
    label: str


class Axis(NamedTuple):
    """A scale from `low` to `high` that maps values to 0..1; values beyond the ends land on the ends."""

    low: float
    high: float
    is_log: bool = False
    ticks: tuple[Tick, ...] = ()

    def with_steps(self, most: int = 6, label: Callable[[float], str] | None = None) -> Axis:
        """The same axis with ticks at round values, at most `most` intervals apart."""
        return self._replace(
            ticks=tuple(Tick(value, (label or _plain)(value)) for value in steps(self.low, self.high, most))
        )

    def fractions(self, values: Shaped[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Positions of `values` between the ends, 0 to 1; not-a-number lands on the low end."""
        ends = np.array([self.low, self.high], float)
        values = np.clip(np.nan_to_num(np.asarray(values, float), nan=self.low), self.low, self.high)
        if self.is_log:
            ends, values = np.log(ends), np.log(values)
        return (values - ends[0]) / (ends[1] - ends[0])

    def fraction(self, value: float) -> float:
        """Position of one value between the ends, 0 to 1."""
        return float(self.fractions(np.array([value]))[0])

    def percent(self, value: float) -> str:
        """Position of one value, for an SVG or CSS attribute."""
        return f"{100 * self.fraction(value):.2f}%"

    def percent_between(self, low: float, high: float) -> str:
        """Width of the stretch between two values, for an SVG or CSS attribute."""
        return f"{100 * (self.fraction(high) - self.fraction(low)):.2f}%"

    def down(self, height_px: float) -> Down:
        """The same scale standing upright, `high` at the top."""
        return Down(self, height_px)


class Down(NamedTuple):
    """An upright axis: values to pixels below the top."""

    axis: Axis
    height_px: float

    def pixels(self, values: Shaped[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Distances of `values` from the top, in pixels."""
        return self.height_px * (1 - self.axis.fractions(values))

    def pixel(self, value: float) -> float:
        """Distance of one value from the top, in pixels."""
        return self.height_px * (1 - self.axis.fraction(value))


def steps(low: float, high: float, most: int = 6) -> list[float]:
    """Round values from `low` to `high`, `most` intervals at most, in steps of 1, 2, 3 or 6 (dB) and tens."""
    least = max(high - low, 1e-9) / most
    power = 10.0 ** math.floor(math.log10(least))
    step = next(step for step in (power * m for m in (1, 2, 3, 6, 10)) if step >= least * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [step * n for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _plain(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def time_axis(duration_s: float, most: int = 8) -> Axis:
    """An axis from 0 to `duration_s` with ticks at whole seconds or minutes, labelled m:ss."""
    step = next((s for s in _TIME_STEPS_S if duration_s <= s * most), duration_s / most)
    times = [float(step * n) for n in range(int(duration_s / step) + 1)]
    ticks = tuple(Tick(time, f"{int(time) // 60}:{int(time) % 60:02d}") for time in times)
    return Axis(0.0, duration_s, ticks=ticks)


def frequency_axis(low_hz: float, high_hz: float, only_decades: bool = False) -> Axis:
    """A logarithmic axis with ticks in steps of 1, 2 and 5, or in decades."""
    values = _DECADES_HZ if only_decades else _FREQUENCIES_HZ
    names = {hz: f"{hz // 1000}k" if hz >= 1000 else f"{hz}" for hz in values}
    ticks = tuple(Tick(float(hz), name) for hz, name in names.items() if low_hz <= hz <= high_hz)
    return Axis(low_hz, high_hz, is_log=True, ticks=ticks)


def axis_around(values: Sequence[float], most: int = 6) -> Axis:
    """An axis with ticks that holds zero and all `values`, with a little room at either end."""
    low, high = min([0.0, *values]), max([0.0, *values])
    room = 0.05 * max(high - low, 0.1)
    return Axis(low - room, high + room).with_steps(most)


def line_path(x: Float[np.ndarray, " point"], y_px: Float[np.ndarray, " point"]) -> str:
    """Path data of a line through the points, `x` in fractions; points on a level stretch are left out."""
    bend = np.ones(len(y_px), bool)
    bend[1:-1] = (np.abs(np.diff(y_px[:-1])) > 0.02) | (np.abs(np.diff(y_px[1:])) > 0.02)
    points = zip(_ACROSS * x[bend], y_px[bend], strict=True)
    return "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in points)


def area_path(
    x: Float[np.ndarray, " point"], top_px: Float[np.ndarray, " point"], bottom_px: Float[np.ndarray, " point"]
) -> str:
    """Path data of the surface between two lines."""
    return f"{line_path(x, top_px)}{line_path(x[::-1], bottom_px[::-1]).replace('M', 'L', 1)}z"


def block_path(spans: Iterable[tuple[float, float]], top_px: float, height_px: float) -> str:
    """Path data of rectangles of one height, each from one fraction of the width to another; empty for none."""
    return "".join(
        f"M{_ACROSS * start:.1f} {top_px:g}H{_ACROSS * end:.1f}v{height_px:g}H{_ACROSS * start:.1f}z"
        for start, end in spans
    )


def pixels(value: float | int) -> str:
    """A length in pixels for an SVG attribute, to a tenth at most: "26", "3.5"."""
    return f"{value:.1f}".removesuffix(".0")
