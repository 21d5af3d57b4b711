"""Annotated types for models: a field `cutoff: Hz` reads "80 Hz", holds 80.0 and writes "80 Hz" again.

What is understood but doubtful, such as dB where LU is meant, is refused in the strict pass of a `Reading`
and accepted in the loose one: a loader tells the two apart by validating twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from hybrid import quantity
from hybrid.quantity import UnitError

REFUSED, CAUTION = "refused", "caution"
"""Error type of what is doubtful, not wrong."""
_NEAR = {"LU": "dB"}


@dataclass(frozen=True)
class Reading:
    """The validation context: whether doubts are errors, and the named bands."""

    strict: bool = True
    bands: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Written:
    """Field metadata: how a value is read from YAML, written back to it, and described to editors."""

    read: Callable[[object, ValidationInfo], object]
    write: Callable[[object], object]
    shape: JsonSchemaValue

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        writer = core_schema.plain_serializer_function_ser_schema(self.write, when_used="json")
        return core_schema.with_info_plain_validator_function(self.read, serialization=writer)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return self.shape


def refusal(what: str) -> PydanticCustomError:
    """The error for a validator to raise: pydantic adds the place and no words of its own."""
    return PydanticCustomError(REFUSED, "{what}", {"what": what})


def caution(info: ValidationInfo, what: str) -> None:
    """Objects in the strict pass, lets it be in the loose one."""
    if not isinstance(info.context, Reading) or info.context.strict:
        raise PydanticCustomError(CAUTION, "{what}", {"what": what})


def accept(value: object, unit: str, info: ValidationInfo) -> float:
    """A quantity from YAML in canonical `unit`."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise refusal(f"expected {quantity.expected(unit)}, got {value!r}")
    try:
        return quantity.read(value, unit)
    except UnitError as error:
        return _accept_near(value, unit, info, error)


def accept_range(value: object, unit: str) -> tuple[float, float]:
    """Both ends of a range from YAML in canonical `unit`."""
    try:
        return quantity.read_range(str(value), unit)
    except UnitError as error:
        raise refusal(str(error)) from None


def shape(unit: str) -> JsonSchemaValue:
    """JSON Schema of a quantity as it is written."""
    written = {"type": ["number", "string"]} if unit == "plain" else {"type": "string"}
    return written | {"description": quantity.expected(unit)}


def _accept_near(value: str | int | float, unit: str, info: ValidationInfo, error: UnitError) -> float:
    try:
        near = quantity.read(value, _NEAR.get(unit, unit))
    except UnitError:
        raise refusal(str(error)) from None
    caution(info, f"{value!r} is taken for {quantity.write(near, unit)}: {unit} is meant here")
    return near


def _accept_band(value: object, info: ValidationInfo) -> tuple[float, float]:
    named = info.context.bands if isinstance(info.context, Reading) else {}
    return named[value] if isinstance(value, str) and value in named else accept_range(value, "Hz")


def _accept_clock(value: object, info: ValidationInfo) -> float:
    try:
        return quantity.read_clock(str(value))
    except UnitError as error:
        raise refusal(str(error)) from None


def _in(unit: str) -> Written:
    def write(value: object) -> str | float:
        assert isinstance(value, int | float)
        return value if unit == "plain" else quantity.write(value, unit)

    return Written(lambda value, info: accept(value, unit, info), write, shape(unit))


def _write_band(value: object) -> str:
    assert isinstance(value, tuple)
    return quantity.write_range(value, "Hz")


_BAND = {"type": "string", "description": "a band such as '60-250 Hz', or the name of one"}
_CLOCK = {"type": "string", "description": "a time such as '1:05.5', in quotes, or '65.5 s'"}

Lufs = Annotated[float, _in("LUFS")]
Dbfs = Annotated[float, _in("dBFS")]
Dbtp = Annotated[float, _in("dBTP")]
Lu = Annotated[float, _in("LU")]
Db = Annotated[float, _in("dB")]
DbPerOctave = Annotated[float, _in("dB/oct")]
DbPerSecond = Annotated[float, _in("dB/s")]
Hz = Annotated[float, _in("Hz")]
Seconds = Annotated[float, _in("s")]
Ratio = Annotated[float, _in(":1")]
Share = Annotated[float, _in("%")]
"""Written "25 %", held as 0.25."""
Pan = Annotated[float, _in("pan")]
PanStep = Annotated[float, _in("pan step")]
Plain = Annotated[float, _in("plain")]
HzBand = Annotated[tuple[float, float], Written(_accept_band, _write_band, _BAND)]
"""Written "60-250 Hz", or the name of a band."""
Clock = Annotated[float, Written(_accept_clock, lambda value: f"{value:.10g} s", _CLOCK)]
"""Seconds into the song, written '1:05.5' in quotes or "65.5 s"."""
