"""The format of `settings.json`, `settings/1`, made from the table of parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from hybrid.signal import bands
from hybrid.treatment.parts import GROUPS, N_TONE, N_ZONES, PARTS, RIDE_S, ZONES_HZ, Part
from hybrid.units import field_error

SCHEMA = "settings/1"
_ROUNDING = 1e-6
"""Share by which a value at the end of its range may lie beyond it: it was computed in 32 bits."""
_SHORTEST_S = 0.01
"""Shortest spacing of points that is read: a tenth of a frame, and no more memory than a song has."""
_STRICT = ConfigDict(extra="forbid", frozen=True)


def zone_names() -> tuple[str, ...]:
    """The zones of dynamics by their borders."""
    low, *inner, high = ZONES_HZ
    middle = [f"{a:.0f}-{b:.0f} Hz" for a, b in zip((low, *inner), (*inner, high), strict=True)]
    return (f"below {low:.0f} Hz", *middle, f"above {high:.0f} Hz")


def tone_points_hz() -> tuple[float, ...]:
    """Frequencies of the points of the tone curve."""
    ends = bands.erb_number(bands.LOWEST_HZ), bands.erb_number(bands.HIGHEST_HZ)
    return tuple(round(float(f), 1) for f in bands.frequency_hz(np.linspace(*ends, N_TONE)))


def _within(part: Part) -> Callable[[float | None], float | None]:
    low, high = part.limits

    def check(value: float | None) -> float | None:
        if value is not None and not low - _ROUNDING * abs(low) <= value <= high + _ROUNDING * abs(high):
            raise field_error(f"{value:g} {part.unit} is beyond the range of the {part.noun}, {low:g} to {high:g}")
        return value

    return check


def _values(part: Part) -> object:
    """The type of one track's value, or of the song's."""
    # a filter that is off is null: neither 0 Hz nor infinity is a corner, and JSON has no infinity
    number = float | None if part.unit == "Hz" else float
    value = Annotated[number, Field(strict=True, allow_inf_nan=False), AfterValidator(_within(part))]
    length = {"tone": N_TONE, "zone": N_ZONES}
    for axis in reversed([axis for axis in part.axes if axis != "track"]):
        exact = length.get(axis)
        length_of = Field(min_length=exact or 1, max_length=exact)
        value = Annotated[list[value], length_of, AfterValidator(_of_one_length)]
    return value


def _of_one_length(value: list) -> list:
    """Refuses rows that are not as long as each other."""
    lengths = [len(row) for row in value if isinstance(row, list)]
    if len(set(lengths)) > 1:
        raise field_error(f"expected rows of one length, got {', '.join(map(str, lengths[:8]))}")
    return value


def _model(name: str, fields: Mapping[str, tuple[object, object]]) -> type[BaseModel]:
    return create_model(name, __config__=_STRICT, **fields)  # pyright: ignore[reportCallIssue, reportArgumentType]


def _section_models(per_track: bool) -> dict[str, tuple[object, object]]:
    """A model for each group, or for each section of what the song shares; whole groups may be optional."""
    fields: dict[str, tuple[object, object]] = {}
    for group_name, group in GROUPS.items():
        own = [part for part in PARTS.values() if part.group == group_name and part.per_track == per_track]
        if own:
            alone = not group.is_optional
            inner = {part.field: (_values(part), None if part.optional and alone else ...) for part in own}
            name = group_name if per_track else group.song_section
            model = _model(f"Settings_{name}", inner)
            fields[name] = (model | None, None) if group.is_optional else (model, ...)
    return fields


def _same(expected: object) -> AfterValidator:
    """Refuses axes of another version, whose curves would mean something else."""

    def check(value: object) -> object:
        if value != expected:
            raise field_error(f"expected {expected}, got {value}: the file was made by another version")
        return value

    return AfterValidator(check)


class _Axes(BaseModel, extra="forbid", frozen=True):
    tone_hz: Annotated[list[float], _same(list(tone_points_hz()))]
    zones: Annotated[list[str], _same(list(zone_names()))]
    ride_spacing_s: Annotated[float, _same(RIDE_S)]
    dynamics_spacing_s: Annotated[float, Field(ge=_SHORTEST_S)]


_TrackFile = _model(
    "Settings_track",
    {
        "id": (str, ...),
        "role": (str, "unknown"),
        "polarity": (Literal["upright", "inverted"], "upright"),
        "offset_s": (Annotated[float, Field(ge=-86400.0, le=86400.0)], 0.0),
        **_section_models(per_track=True),
    },
)


def _distinct(tracks: list) -> list:
    ids = [track.id for track in tracks]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise field_error(f"{twice[0]!r} is there twice")
    return tracks


SettingsFile = _model(
    "Settings_file",
    {
        "schema_": (Annotated[Literal["settings/1"], Field(alias="schema")], ...),
        "song": (str, ""),
        "duration_s": (float, 0.0),
        "axes": (_Axes, ...),
        **_section_models(per_track=False),
        "tracks": (Annotated[list[_TrackFile], Field(min_length=1), AfterValidator(_distinct)], ...),
        "made_with": (dict, {}),
    },
)
