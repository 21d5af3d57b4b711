"""Annotated types for pydantic models: a field `cutoff: Hz` reads "80 Hz", holds 80.0 and writes "80 Hz" again.

A value that is understood but doubtful, such as dB where LU is meant, is an error in the strict pass of validation and
accepted in the lenient one (see `ValidationContext`): a loader tells warnings from errors by validating twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from hybrid import quantity
from hybrid.errors import shown
from hybrid.quantity import UnitError

FIELD_ERROR, FIELD_WARNING = "field_error", "field_warning"
"""Types of pydantic errors: a wrong value, and a doubtful one."""
_LENIENT_UNITS = {"LU": "dB"}
"""The unit that the lenient pass reads in place of another."""


@dataclass(frozen=True)
class ValidationContext:
    """Options of a pass of validation: whether warnings are errors, and the named frequency bands, Hz."""

    strict: bool = True
    bands: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class FieldCodec:
    """Metadata of a field: how its value is read from YAML and written back, and its JSON Schema."""

    read: Callable[[object, ValidationInfo], object]
    write: Callable[[object], object]
    schema: JsonSchemaValue

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        writer = core_schema.plain_serializer_function_ser_schema(self.write, when_used="json")
        return core_schema.with_info_plain_validator_function(self.read, serialization=writer)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return self.schema


def field_error(what: str) -> PydanticCustomError:
    """The error for a validator to raise; its message is `what` alone, pydantic adds the place."""
    return PydanticCustomError(FIELD_ERROR, "{what}", {"what": what})


def field_warning(info: ValidationInfo, what: str) -> None:
    """Raises the warning as an error in the strict pass, does nothing in the lenient one."""
    # without a context, as in a plain model_validate, validation is strict
    if not isinstance(info.context, ValidationContext) or info.context.strict:
        raise PydanticCustomError(FIELD_WARNING, "{what}", {"what": what})


def parse_quantity(value: object, unit: str, info: ValidationInfo) -> float:
    """The value of a quantity from YAML in canonical `unit`. Raises a field error for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise field_error(f"expected {quantity.describe_unit(unit)}, got {shown(value)}")
    try:
        return quantity.read(value, unit)
    except UnitError as error:
        return _parse_leniently(value, unit, info, error)


def parse_range(value: object, unit: str) -> tuple[float, float]:
    """Both ends of a range from YAML in canonical `unit`. Raises a field error for anything else."""
    try:
        return quantity.read_range(str(value), unit)
    except UnitError as error:
        raise field_error(str(error)) from None


def quantity_schema(unit: str) -> JsonSchemaValue:
    """JSON Schema of a quantity in `unit` as text with its unit; a plain number may be a number too."""
    kind = {"type": ["number", "string"]} if unit == "plain" else {"type": "string"}
    return kind | {"description": quantity.describe_unit(unit)}


def _parse_leniently(value: str | int | float, unit: str, info: ValidationInfo, error: UnitError) -> float:
    try:
        near = quantity.read(value, _LENIENT_UNITS.get(unit, unit))
    except UnitError:
        raise field_error(str(error)) from None
    field_warning(info, f"{value!r} is taken for {quantity.write(near, unit)}: {unit} is meant here")
    return near


def _read_band(value: object, info: ValidationInfo) -> tuple[float, float]:
    named = info.context.bands if isinstance(info.context, ValidationContext) else {}
    return named[value] if isinstance(value, str) and value in named else parse_range(value, "Hz")


def _write_band(value: object) -> str:
    assert isinstance(value, tuple)
    return quantity.write_range(value, "Hz")


def _read_clock(value: object, info: ValidationInfo) -> float:
    try:
        return quantity.read_clock(str(value))
    except UnitError as error:
        raise field_error(str(error)) from None


def _codec(unit: str) -> FieldCodec:
    def write(value: object) -> str | float:
        assert isinstance(value, int | float)
        return value if unit == "plain" else quantity.write(value, unit)

    return FieldCodec(lambda value, info: parse_quantity(value, unit, info), write, quantity_schema(unit))


_BAND = {"type": "string", "description": "a band such as '60-250 Hz', or the name of one"}
_CLOCK = {"type": "string", "description": "a time such as '1:05.5', in quotes, or '65.5 s'"}

Lufs = Annotated[float, _codec("LUFS")]
Dbfs = Annotated[float, _codec("dBFS")]
Dbtp = Annotated[float, _codec("dBTP")]
Lu = Annotated[float, _codec("LU")]
Db = Annotated[float, _codec("dB")]
DbPerOctave = Annotated[float, _codec("dB/oct")]
DbPerSecond = Annotated[float, _codec("dB/s")]
Hz = Annotated[float, _codec("Hz")]
Seconds = Annotated[float, _codec("s")]
Ratio = Annotated[float, _codec(":1")]
Share = Annotated[float, _codec("%")]
"""Written "25 %", held as 0.25."""
PanPosition = Annotated[float, _codec("pan")]
PanStep = Annotated[float, _codec("pan step")]
Plain = Annotated[float, _codec("plain")]
HzBand = Annotated[tuple[float, float], FieldCodec(_read_band, _write_band, _BAND)]
"""Written "60-250 Hz", or the name of a band."""
Clock = Annotated[float, FieldCodec(_read_clock, lambda value: f"{value:.10g} s", _CLOCK)]
"""Seconds into the song, written '1:05.5' in quotes or "65.5 s"."""
