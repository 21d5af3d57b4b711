"""Quantities with units as text: `-16 LUFS`, `-5 to -1 dB`, `60-250 Hz`, `4:1`, `25 %`, `L30`.

A closed table, not a general unit library: the units of mixing are logarithmic, and few of them may be added to each
other. A value is a float in its canonical unit: Hz, s, a share of one for %, pan from -100 (left) to 100 (right),
otherwise the unit it is written in.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from hybrid.errors import suggest

_LONGEST = 100
"""Characters of a quantity or a range; the time to read them would grow with the square of their number."""
# what a unit's values lie within, of either sign: far beyond what is sensible, far below what numbers can bear
_LIMITS = {"LUFS": 200.0, "dBFS": 200.0, "dBTP": 100.0, "LU": 300.0, "dB": 300.0, "Hz": 1e6, "oct": 100.0, "%": 1e4}
_LIMITS |= {"ERB": 1e3, "Bark": 1e3, "dB/oct": 1e3, "dB/s": 1e6, "s": 1e6, "beats": 1e6, "bars": 1e6, ":1": 1e6}
_LIMITS |= {"pan": 100.0, "pan step": 200.0, "plain": 1e12}
# canonical unit: the quantity it measures, and the units it may be written in with their factors
_TABLE: dict[str, tuple[str, dict[str, float]]] = {
    "LUFS": ("a loudness", {"LUFS": 1.0, "LKFS": 1.0}),
    "dBFS": ("a sample level", {"dBFS": 1.0}),
    "dBTP": ("a true-peak level", {"dBTP": 1.0}),
    "LU": ("a loudness difference", {"LU": 1.0}),
    "dB": ("a level difference", {"dB": 1.0}),
    "Hz": ("a frequency", {"Hz": 1.0, "kHz": 1000.0}),
    "oct": ("an interval in octaves", {"oct": 1.0}),
    "ERB": ("an interval in ERB", {"ERB": 1.0}),
    "Bark": ("an interval in Bark", {"Bark": 1.0}),
    "dB/oct": ("a slope", {"dB/oct": 1.0}),
    "dB/s": ("a rate", {"dB/s": 1.0}),
    "s": ("a time", {"s": 1.0, "ms": 0.001}),
    "beats": ("a time in beats", {"beats": 1.0, "beat": 1.0}),
    "bars": ("a time in bars", {"bars": 1.0, "bar": 1.0}),
    ":1": ("a ratio", {":1": 1.0}),
    "%": ("a share", {"%": 0.01}),
    "pan": ("a pan position", {"pan": 1.0}),
    "pan step": ("a difference of pan", {"pan": 1.0}),
    "plain": ("a plain number", {"": 1.0, "%": 0.01}),
}
_EXAMPLES = {
    "LUFS": "-16 LUFS",
    "dBTP": "-1 dBTP",
    "Hz": "80 Hz",
    ":1": "4:1",
    "%": "25 %",
    "pan": "L30, C or R30",
    "pan step": "10 pan",
    "plain": "0.8",
}
_DIFFERENCES = {"LUFS": "LU", "dBFS": "dB", "dBTP": "dB", "pan": "pan step"}
_QUANTITY_OF = {written: name for name, factors in _TABLE.values() for written in factors if written}

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_QUANTITY = re.compile(rf"({_NUMBER})\s*([^\s\d.+-]\S*)?")
_RANGE = re.compile(r"(\d[\d.]*)\s*-\s*(\d.*)|(.+?)\s+to\s+(.+)")
_PAN = re.compile(r"([LR])\s?(\d+\.?\d*)")
_CLOCK = re.compile(r"(?:(\d+):)?(\d+):([0-5]?\d(?:\.\d+)?)")


class UnitError(ValueError):
    """Text that is not a quantity of the expected unit; the message says what was expected."""


class Quantity(NamedTuple):
    """A number in a canonical unit. LUFS - LUFS is LU, LUFS + LU is LUFS, LUFS + LUFS is an error."""

    value: float
    unit: str

    def __str__(self) -> str:
        return write(self.value, self.unit)

    def plus(self, other: Quantity) -> Quantity:
        """The sum with a difference, in this quantity's unit. Raises UnitError for any other unit."""
        if other.unit != difference_unit(self.unit):
            raise UnitError(f"{self} plus {other} has no meaning")
        return Quantity(self.value + other.value, self.unit)

    def minus(self, other: Quantity) -> Quantity:
        """The difference to a quantity of the same unit, or this quantity less a difference."""
        if other.unit == self.unit:
            return Quantity(self.value - other.value, difference_unit(self.unit))
        return self.plus(Quantity(-other.value, other.unit))


def units() -> tuple[str, ...]:
    """Every unit that a quantity may be in."""
    return tuple(_TABLE)


def difference_unit(unit: str) -> str:
    """The unit of the difference of two values in `unit`: LU for LUFS, dB for dBTP, else the unit itself."""
    return _DIFFERENCES.get(unit, unit)


def read(text: str | int | float, unit: str) -> float:
    """The value of `text` in canonical `unit`. Raises UnitError for another unit (dB is not LU) and for none."""
    if not isinstance(text, str):
        return _convert(float(text), "", unit, f"{text:g}")
    _check_length(text, unit)
    # word processors write the minus sign as U+2212
    ascii_text = text.strip().replace("−", "-")
    if unit == "pan" and (ascii_text == "C" or _PAN.fullmatch(ascii_text)):
        return _pan_position(ascii_text)
    match = _QUANTITY.fullmatch(ascii_text)
    if not match:
        raise UnitError(f"expected {describe_unit(unit)}, got {text!r}")
    return _convert(float(match[1]), match[2] or "", unit, repr(text))


def read_range(text: str, unit: str) -> tuple[float, float]:
    """Both ends of `a to b unit` or, for positive numbers, `a-b unit`, in canonical `unit`."""
    _check_length(text, unit)
    match = _RANGE.fullmatch(text.strip().replace("−", "-"))
    if not match:
        raise UnitError(f"expected a range such as '{range_example(unit)}', got {text!r}")
    first, last = match[1] or match[3], match[2] or match[4]
    # a first end without a unit has that of the last
    if re.fullmatch(_NUMBER, first) and (quantity := _QUANTITY.fullmatch(last)):
        first = f"{first} {quantity[2] or ''}"
    low, high = read(first, unit), read(last, unit)
    if low > high:
        raise UnitError(f"expected a range from low to high, got {text!r}")
    return low, high


def read_clock(text: str) -> float:
    """Seconds of a quoted `1:05.5` (minutes and seconds), `1:02:03`, or of a time with a unit."""
    _check_length(text, "s")
    if match := _CLOCK.fullmatch(text.strip()):
        seconds = int(match[1] or 0) * 3600.0 + int(match[2]) * 60.0 + float(match[3])
        return _convert(seconds, "s", "s", repr(text))
    try:
        return read(text, "s")
    except UnitError:
        raise UnitError(f"expected a time such as '1:05.5' or '65.5 s', got {text!r}") from None


def write(value: float, unit: str) -> str:
    """Text of a `value` in canonical `unit` that `read` understands: "-16 LUFS", "L30", "25 %", "4:1"."""
    if unit == "Hz" and value >= 1000.0:
        return f"{value / 1000.0:.10g} kHz"
    if unit == "pan":
        return f"{'L' if value < 0 else 'R'}{abs(value):.10g}" if value else "C"
    number = f"{100 * value:.10g}" if unit == "%" else f"{value:.10g}"
    return {":1": f"{number}:1", "plain": number, "pan step": f"{number} pan"}.get(unit, f"{number} {unit}")


def write_range(ends: tuple[float, float], unit: str) -> str:
    """Text of a range in canonical `unit` that `read_range` understands: "100 Hz to 4 kHz"."""
    return f"{write(ends[0], unit)} to {write(ends[1], unit)}"


def _convert(value: float, given_unit: str, unit: str, shown: str) -> float:
    """The value in canonical `unit`; `shown` is the text that an error quotes."""
    name, factors = _TABLE[unit]
    if not math.isfinite(value):
        raise UnitError(f"expected {describe_unit(unit)}, got {shown}, which is out of range")
    if given_unit in factors:
        converted = value * factors[given_unit]
        limit = _LIMITS[unit]
        if abs(converted) > limit:
            ends = f"{write(-limit, unit)} to {write(limit, unit)}"
            raise UnitError(f"expected {name} within {ends}, got {shown}, which is out of range")
        return converted
    if not given_unit:
        raise UnitError(f"expected {describe_unit(unit)}, got {shown} without its unit")
    if given_unit in _QUANTITY_OF:
        raise UnitError(f"expected {describe_unit(unit)}, got {_QUANTITY_OF[given_unit]}, {shown}")
    raise UnitError(f"expected {name}, got {shown}: unknown unit {given_unit!r}{suggest(given_unit, factors)}")


def _check_length(text: str, unit: str) -> None:
    if len(text) > _LONGEST:
        raise UnitError(f"expected {describe_unit(unit)}, got text of {len(text)} characters")


def _pan_position(text: str) -> float:
    match = _PAN.fullmatch(text)
    value = float(match[2]) if match else 0.0
    if value > 100.0:
        raise UnitError(f"expected a pan position from L100 to R100, got {text!r}")
    return -value if text.startswith("L") else value


def describe_unit(unit: str) -> str:
    """Name and example of a quantity in `unit`: "a loudness such as '-16 LUFS'"."""
    return f"{_TABLE[unit][0]} such as '{_EXAMPLES.get(unit, f'1 {unit}')}'"


def range_example(unit: str) -> str:
    """Example of a range in `unit`: "1 LU to 2 LU", "L30 to R30"."""
    return "L30 to R30" if unit == "pan" else write_range((1.0, 2.0), unit)
