"""The values that rules of every type share, as they are written and as they are held."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from hybrid import quantity
from hybrid.errors import suggest
from hybrid.knowledge.select import Words
from hybrid.treatment.parts import GROUPS, acts_on_names
from hybrid.units import Clock, FieldCodec, Share, field_error, parse_quantity, parse_range

Evidence = Literal["standard", "measured", "listening_test", "reference", "own", "convention", "guess"]
EVERY_PART = tuple(GROUPS)


def _read_part(value: object) -> str:
    known = list(acts_on_names())
    if not isinstance(value, str) or value not in known:
        raise field_error(f"expected one of {', '.join(known)}, got {value!r}{suggest(str(value), known)}")
    return value


Part = Annotated[str, BeforeValidator(_read_part), WithJsonSchema({"type": "string", "enum": list(acts_on_names())})]
"""A group of the treatment, or one part of a group."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+([._+-][a-z0-9]+)*$")]
"""A name of small letters, digits, dots and dashes."""

_WEIGHTS = {"weak": 0.3, "normal": 1.0, "strong": 3.0}
_WORST = re.compile(r"worst\((.+)\)")
_BARS = re.compile(r"([1-9]\d*)\s*(?:-|\bto\b)\s*([1-9]\d*)")


class Aggregate(NamedTuple):
    """How a rule's targets become one number: their mean, sum, or the mean of the worst share."""

    how: Literal["mean", "sum", "worst"]
    share: float = 1.0


def _read_weight(value: object, info: ValidationInfo) -> float:
    if isinstance(value, str) and value in _WEIGHTS:
        return _WEIGHTS[value]
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise field_error(f"expected weak, normal, strong or a number from 0, got {value!r}")
    return float(value)


def _read_aggregate(value: object, info: ValidationInfo) -> Aggregate:
    if value == "mean":
        return Aggregate("mean")
    if value == "sum":
        return Aggregate("sum")
    if isinstance(value, str) and (match := _WORST.fullmatch(value)):
        share = parse_quantity(match[1], "%", info)
        if 0 < share <= 1:
            return Aggregate("worst", share)
    raise field_error(f"expected mean, sum or worst(25 %), got {value!r}")


def _write_aggregate(value: object) -> str:
    assert isinstance(value, Aggregate)
    return f"worst({quantity.write(value.share, '%')})" if value.how == "worst" else value.how


def _read_bars(value: object, info: ValidationInfo) -> tuple[int, int]:
    match = _BARS.fullmatch(value) if isinstance(value, str) else None
    if not match or int(match[1]) > int(match[2]):
        raise field_error(f"expected bars such as '9-16', counted from 1, got {value!r}")
    return int(match[1]), int(match[2])


def _write_bars(value: object) -> str:
    assert isinstance(value, tuple)
    return f"{value[0]}-{value[1]}"


def _read_points(value: object, info: ValidationInfo, fewest: int, example: str) -> tuple[tuple[float, float], ...]:
    if not isinstance(value, Mapping) or len(value) < fewest:
        raise field_error(f"expected a map such as {example}")
    return tuple(
        sorted((parse_quantity(hz, "Hz", info), parse_quantity(level, "dB", info)) for hz, level in value.items())
    )


def _read_levels(value: object, info: ValidationInfo) -> tuple[tuple[float, float], ...]:
    return _read_points(value, info, 1, "{750 Hz: 1 dB}")


def _read_curve(value: object, info: ValidationInfo) -> tuple[tuple[float, float], ...]:
    points = _read_points(value, info, 2, "{100 Hz: 0 dB, 4 kHz: -10 dB} of two or more points")
    if points[0][0] <= 0 or len({hz for hz, _ in points}) < len(points):
        raise field_error("the points of a curve need different frequencies above 0 Hz")
    return points


def _write_curve(value: object) -> dict[str, str]:
    assert isinstance(value, tuple)
    return {quantity.write(hz, "Hz"): quantity.write(level, "dB") for hz, level in value}


def _read_corners(value: object, info: ValidationInfo) -> dict[str, float]:
    table = value if isinstance(value, Mapping) else {"all": value}
    corners = {str(role): parse_quantity(hz, "Hz", info) for role, hz in table.items()}
    if not corners or min(corners.values()) <= 0:
        raise field_error("expected a frequency above 0 Hz, or a map such as {vocal.*: 80 Hz}")
    return corners


def _write_corners(value: object) -> dict[str, str]:
    assert isinstance(value, Mapping)
    return {role: quantity.write(hz, "Hz") for role, hz in value.items()}


def _read_by_role(value: object, info: ValidationInfo, unit: str) -> dict[str, float]:
    table = value if isinstance(value, Mapping) else {"all": value}
    return {str(role): parse_quantity(level, unit, info) for role, level in table.items()}


def _by_role(unit: str) -> FieldCodec:
    def write(value: object) -> dict[str, str]:
        assert isinstance(value, Mapping)
        return {role: quantity.write(level, unit) for role, level in value.items()}

    example = quantity.write(2.0, unit)
    shape = {
        "anyOf": [{"type": "string"}, _MAP],
        "description": f"a difference such as '{example}', or a map by role such as {{vocal.*: {example}}}",
    }
    return FieldCodec(lambda value, info: _read_by_role(value, info, unit), write, shape)


def _by_track(unit: str) -> FieldCodec:
    def read(value: object, info: ValidationInfo) -> dict[str, float]:
        if not isinstance(value, Mapping):
            raise field_error(f"expected a map by track such as {{kick: {quantity.write(2.0, unit)}}}")
        return {str(track): parse_quantity(number, unit, info) for track, number in value.items()}

    def write(value: object) -> dict[str, str]:
        assert isinstance(value, Mapping)
        return {track: quantity.write(number, unit) for track, number in value.items()}

    return FieldCodec(read, write, {**_MAP, "description": "a map by the ids of tracks"})


def _read_beats(value: object, info: ValidationInfo) -> tuple[float, float]:
    return parse_range(value, "beats")


def _ends(value: object) -> tuple[float, float]:
    assert isinstance(value, tuple)
    return value[0], value[1]


def _read_widths(value: object, info: ValidationInfo) -> dict[tuple[float, float], tuple[float, float]]:
    if not isinstance(value, Mapping) or not value:
        raise field_error("expected a map of bands and ranges such as {20-120 Hz: 0 to 0.01}")
    return {parse_range(band, "Hz"): parse_range(share, "plain") for band, share in value.items()}


def _write_widths(value: object) -> dict[str, str]:
    assert isinstance(value, Mapping)
    return {quantity.write_range(band, "Hz"): quantity.write_range(share, "plain") for band, share in value.items()}


_MAP = {"type": "object", "additionalProperties": {"type": "string"}}
_CURVE = {**_MAP, "description": "a map of points such as {100 Hz: 0 dB, 4 kHz: -10 dB}"}
_LEVELS = {**_MAP, "description": "a map of levels such as {750 Hz: 1 dB}"}
_CORNERS = {
    "anyOf": [{"type": "string"}, _MAP],
    "description": "a frequency such as '80 Hz', or a map of them by role such as {vocal.*: 80 Hz}",
}
_WIDTHS = {**_MAP, "description": "a map of bands and shares such as {20-120 Hz: 0 to 0.01}"}
_BEATS = {"type": "string", "description": "a range such as '0.25 to 0.5 beats'"}

Weight = Annotated[
    float,
    FieldCodec(
        _read_weight,
        lambda value: value,
        {"anyOf": [{"type": "number", "minimum": 0}, {"enum": list(_WEIGHTS)}]},
    ),
]
"""Penalty units per unit of excess; weak, normal and strong are 0.3, 1 and 3."""
Aggregation = Annotated[Aggregate, FieldCodec(_read_aggregate, _write_aggregate, {"type": "string"})]
Bars = Annotated[tuple[int, int], FieldCodec(_read_bars, _write_bars, {"type": "string"})]
Curve = Annotated[tuple[tuple[float, float], ...], FieldCodec(_read_curve, _write_curve, _CURVE)]
"""Points (Hz, dB) with rising frequency, to be interpolated along log frequency."""
DbByFrequency = Annotated[tuple[tuple[float, float], ...], FieldCodec(_read_levels, _write_curve, _LEVELS)]
"""Levels (Hz, dB) at single frequencies."""
Corners = Annotated[Mapping[str, float], FieldCodec(_read_corners, _write_corners, _CORNERS)]
"""Frequencies in Hz by role pattern; one frequency alone is that of `all`."""
Widths = Annotated[Mapping[tuple[float, float], tuple[float, float]], FieldCodec(_read_widths, _write_widths, _WIDTHS)]
"""Ranges of a share by band in Hz."""
BeatRange = Annotated[
    tuple[float, float],
    FieldCodec(_read_beats, lambda value: quantity.write_range(_ends(value), "beats"), _BEATS),
]
"""Written "0.25 to 0.5 beats"."""
LuByTrack = Annotated[Mapping[str, float], _by_track("LU")]
"""Levels in LU by the ids of tracks."""
PlaceByTrack = Annotated[Mapping[str, float], _by_track("pan")]
"""Pan positions by the ids of tracks."""
LuByRole = Annotated[Mapping[str, float], _by_role("LU")]
"""Differences in LU by role pattern; one alone is that of `all`."""


class When(BaseModel, frozen=True, extra="forbid"):
    """The part of the song in which a rule holds."""

    sections: Words = ()
    from_: Clock | None = Field(None, alias="from")
    to: Clock | None = None
    bars: Bars | None = None
    active: Literal["for", "against"] | None = None
    """Count only frames in which these tracks sound."""

    @model_validator(mode="after")
    def _ordered(self) -> When:
        if self.from_ is not None and self.to is not None and self.from_ >= self.to:
            raise field_error("`to` must be later than `from`")
        return self


class Schedule(BaseModel, frozen=True, extra="forbid"):
    """When in the course of refining a rule sets in, in shares of all steps, and what it grows from."""

    start: Share = 0.0
    ramp: Share = 0.0
    stop: Share = 1.0
    tolerance_from: str | None = None
    """A difference in the rule's unit, by which the allowed interval is wider at the start."""
    weight_from: Weight | None = None
