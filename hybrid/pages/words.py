"""Numbers as people read them: units, true minus signs, minutes and seconds."""

from __future__ import annotations

import math

SILENT = "silent"
NOTHING = "–"

_MOST_DECIMALS = 2
_DIFFERENCES = {"LUFS": "LU", "dBTP": "dB", "dBFS": "dB"}


def fixed(value: float, decimals: int = 1, signed: bool = False) -> str:
    """`value` with a fixed number of decimals and a true minus sign; a dash if it is not finite."""
    if not math.isfinite(value):
        return NOTHING
    rounded = round(value, decimals) + 0.0
    sign = "−" if rounded < 0 else "+" if signed and rounded > 0 else ""
    return f"{sign}{abs(rounded):.{decimals}f}"


def number(value: float) -> str:
    """`value` to three significant digits and at most two decimals: -0.96, 12.4, 250."""
    if value == 0 or not math.isfinite(value):
        return NOTHING if value else "0"
    size = math.floor(math.log10(abs(value)))
    return fixed(value, min(_MOST_DECIMALS, max(0, _MOST_DECIMALS - size)))


def quantity(value: float, unit: str) -> str:
    """`value` with its unit: "-0.96 dBTP", "1.25 kHz", "35 %"."""
    if not math.isfinite(value):
        return NOTHING
    if unit == "Hz":
        return frequency(value)
    return _with_unit(number(value), unit)


def difference(value: float, unit: str) -> str:
    """A distance between two values in `unit`: loudness differs in LU, peaks in dB."""
    return quantity(value, _DIFFERENCES.get(unit, unit))


def interval(low: float | None, high: float | None, unit: str) -> str:
    """An allowed interval in words: "-2 to 3 LU", "≤ -1 dBTP", "≥ 3 dB"; an exact value stands alone."""
    if low is None and high is None:
        return NOTHING
    if low is None or high is None:
        sign, limit = ("≤", high) if low is None else ("≥", low)
        return _with_unit(f"{sign} {_short(limit or 0.0)}", unit)
    ends = _short(low) if low == high else f"{_short(low)} to {_short(high)}"
    return _with_unit(ends, unit)


def _with_unit(text: str, unit: str) -> str:
    """Plain numbers stand alone."""
    return text if unit in ("", "plain") else f"{text} {unit}"


def _short(value: float) -> str:
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def frequency(hz: float) -> str:
    """A frequency: "90 Hz", "2.5 kHz"."""
    return f"{hz / 1000:.3g} kHz" if hz >= 1000 else f"{hz:.0f} Hz"


def clock(seconds: float) -> str:
    """A time as minutes and seconds: "1:05"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def span(when: tuple[float, float] | None) -> str:
    """A stretch of time: "0:32–0:41", one time if both read alike, nothing for the whole song."""
    if when is None:
        return ""
    start, end = clock(when[0]), clock(when[1])
    return start if start == end else f"{start}–{end}"


def position(pan: float) -> str:
    """A place between the loudspeakers: "L40", "C", "R100"."""
    side = round(pan)
    return "C" if side == 0 else f"{'L' if side < 0 else 'R'}{abs(side)}"


def loudness(value_lu: float, signed: bool = False) -> str:
    """A track's loudness to a tenth, or "silent" where there is none."""
    return fixed(value_lu, signed=signed) if math.isfinite(value_lu) else SILENT


def count(n: int, one: str, many: str = "") -> str:
    """A count with its noun: "1 track", "12 tracks"."""
    return f"{n} {one if n == 1 else many or one + 's'}"


def shortened(text: str, most: int) -> str:
    """`text` cut to `most` characters with an ellipsis."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
