"""What every chart is made of: an axis, ticks, and SVG that stretches across but not down.

Positions across are fractions of the width, positions down are pixels. Curves live in an inner drawing
1000 units wide that is stretched to the width at hand, with strokes that keep their thickness.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

_ACROSS = 1000
_TIME_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600)
_FREQUENCIES_HZ = (50, 100, 200, 500, 1000, 2000, 5000, 10000)
_DECADES_HZ = (100, 1000, 10000)


class Axis(NamedTuple):
    """A scale from `low` to `high` that maps values to 0..1; values beyond the ends land on the ends."""

    low: float
    high: float
    is_log: bool = False

    def fractions(self, values: Shaped[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Where `values` lie between the ends; not-a-number lands on the low end."""
        ends = np.array([self.low, self.high], float)
        values = np.clip(np.nan_to_num(np.asarray(values, float), nan=self.low), self.low, self.high)
        if self.is_log:
            ends, values = np.log(ends), np.log(values)
        return (values - ends[0]) / (ends[1] - ends[0])

    def fraction(self, value: float) -> float:
        """Where one value lies between the ends."""
        return float(self.fractions(np.array([value]))[0])

    def percent(self, value: float) -> str:
        """Where one value lies, for an SVG or CSS attribute."""
        return f"{100 * self.fraction(value):.2f}%"

    def down(self, height_px: float) -> Down:
        """The same scale standing upright, `high` at the top."""
        return Down(self, height_px)


class Down(NamedTuple):
    """An upright axis: values to pixels below the top."""

    axis: Axis
    height_px: float

    def pixels(self, values: Shaped[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """How far below the top `values` lie."""
        return self.height_px * (1 - self.axis.fractions(values))

    def pixel(self, value: float) -> float:
        """How far below the top one value lies."""
        return self.height_px * (1 - self.axis.fraction(value))


class Tick(NamedTuple):
    """A labelled place on an axis."""

    value: float
    label: str


def steps(low: float, high: float, most: int = 6) -> list[float]:
    """Round values from `low` to `high`, `most` intervals at most, in steps of 1, 2, 3 or 6 (dB) and tens."""
    least = max(high - low, 1e-9) / most
    power = 10.0 ** math.floor(math.log10(least))
    step = next(step for step in (power * m for m in (1, 2, 3, 6, 10)) if step >= least * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [step * n for n in range(first, math.floor(high / step + 1e-9) + 1)]


def time_ticks(duration_s: float, most: int = 8) -> list[Tick]:
    """Whole seconds or minutes from 0 to `duration_s`, labelled m:ss."""
    step = next((s for s in _TIME_STEPS_S if duration_s <= s * most), duration_s / most)
    times = [float(step * n) for n in range(int(duration_s / step) + 1)]
    return [Tick(time, f"{int(time) // 60}:{int(time) % 60:02d}") for time in times]


def frequency_ticks(axis: Axis, only_decades: bool = False) -> list[Tick]:
    """Frequencies on `axis` in steps of 1, 2 and 5, or in decades."""
    values = _DECADES_HZ if only_decades else _FREQUENCIES_HZ
    names = {hz: f"{hz // 1000}k" if hz >= 1000 else f"{hz}" for hz in values}
    return [Tick(float(hz), name) for hz, name in names.items() if axis.low <= hz <= axis.high]


def path(x: Float[np.ndarray, " point"], y_px: Float[np.ndarray, " point"]) -> str:
    """The commands of a line through the points, `x` in fractions; points on a level stretch are left out."""
    bend = np.ones(len(y_px), bool)
    bend[1:-1] = (np.abs(np.diff(y_px[:-1])) > 0.02) | (np.abs(np.diff(y_px[1:])) > 0.02)
    points = zip(_ACROSS * x[bend], y_px[bend], strict=True)
    return "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in points)


def curve(css: str, x: Float[np.ndarray, " point"], y_px: Float[np.ndarray, " point"]) -> str:
    """A line, for use inside `stretched`."""
    return f'<path class="curve {css}" d="{path(x, y_px)}"/>'


def area(
    css: str,
    x: Float[np.ndarray, " point"],
    top_px: Float[np.ndarray, " point"],
    bottom_px: Float[np.ndarray, " point"],
) -> str:
    """The surface between two lines, for use inside `stretched`."""
    outline = path(x, top_px) + path(x[::-1], bottom_px[::-1]).replace("M", "L", 1)
    return f'<path class="{css}" d="{outline}z"/>'


def blocks(css: str, starts: Iterable[tuple[float, float]], top_px: float, height_px: float) -> str:
    """Rectangles of one kind and height, each from one fraction to another, for use inside `stretched`."""
    shapes = "".join(
        f"M{_ACROSS * start:.1f} {top_px:g}H{_ACROSS * end:.1f}v{height_px:g}H{_ACROSS * start:.1f}z"
        for start, end in starts
    )
    return f'<path class="{css}" d="{shapes}"/>' if shapes else ""


def stretched(content: str, height_px: float) -> str:
    """`content`, 1000 units wide, pulled to the full width of the drawing around it."""
    box = f'viewBox="0 0 {_ACROSS} {height_px:g}" preserveAspectRatio="none"'
    return f'<svg {box} width="100%" height="{height_px:g}">{content}</svg>'


def vertical_lines(axis: Axis, ticks: Sequence[Tick], height_px: float) -> str:
    """Grid lines at `ticks`."""
    at = [axis.percent(tick.value) for tick in ticks]
    return "".join(f'<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{height_px:g}"/>' for x in at)


def labels_across(axis: Axis, ticks: Sequence[Tick], y_px: float) -> str:
    """The labels of `ticks`, centred under them; those near the ends are kept inside."""
    texts = []
    for tick in ticks:
        at = axis.fraction(tick.value)
        anchor = "start" if at < 0.02 else "end" if at > 0.98 else "middle"
        texts.append(f'<text x="{100 * at:.2f}%" y="{y_px:g}" text-anchor="{anchor}">{tick.label}</text>')
    return "".join(texts)


def horizontal_lines(down: Down, ticks: Sequence[Tick]) -> str:
    """Grid lines at `ticks` with their labels to the left of the drawing, in the margin of `.labelled`."""
    lines = []
    for tick in ticks:
        y = down.pixel(tick.value)
        lines.append(f'<line class="grid" x1="0" x2="100%" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text x="-7" y="{y + 4:.1f}" text-anchor="end">{tick.label}</text>')
    return "".join(lines)


def drawing(content: str, height_px: float, described: str = "") -> str:
    """An SVG as wide as its place. Described, it is a picture with labels in its left margin; undescribed, it
    is decoration for the numbers that stand beside it."""
    kind = f'plot labelled" role="img" aria-label="{escape(described)}"' if described else 'plot" aria-hidden="true"'
    return f'<svg class="{kind} height="{height_px:g}">{content}</svg>'
