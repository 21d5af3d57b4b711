from __future__ import annotations

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from hybrid.quantity import Quantity, UnitError, read, read_clock, read_range, write, write_range
from hybrid.units import FIELD_WARNING, Clock, Db, Hz, HzBand, Lu, Lufs, PanPosition, Share, ValidationContext

LEVELS = ["LUFS", "dBFS", "dBTP", "LU", "dB", "dB/oct", "dB/s"]
UNITS = [*LEVELS, "Hz", "oct", "ERB", "Bark", "s", "beats", "bars", ":1", "%", "pan", "pan step", "plain"]


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("-16 LUFS", "LUFS", -16.0),
        ("-16 LKFS", "LUFS", -16.0),
        ("−16LUFS", "LUFS", -16.0),
        ("+3 dB", "dB", 3.0),
        (".5 LU", "LU", 0.5),
        ("1e3 Hz", "Hz", 1000.0),
        ("2.5 kHz", "Hz", 2500.0),
        ("-4.5 dB/oct", "dB/oct", -4.5),
        ("250 ms", "s", 0.25),
        ("2 bars", "bars", 2.0),
        ("20 dB/s", "dB/s", 20.0),
        ("4:1", ":1", 4.0),
        ("25 %", "%", 0.25),
        ("75 %", "plain", 0.75),
        ("0.8", "plain", 0.8),
        (0.8, "plain", 0.8),
        ("L30", "pan", -30.0),
        ("C", "pan", 0.0),
        ("R100", "pan", 100.0),
        ("10 pan", "pan step", 10.0),
    ],
)
def test_a_quantity_is_read_in_its_canonical_unit(text: str | float, unit: str, value: float):
    assert read(text, unit) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("3 Hz", "LU", "expected a loudness difference such as '1 LU', got a frequency, '3 Hz'"),
        (-16, "LUFS", "expected a loudness such as '-16 LUFS', got -16 without its unit"),
        ("-1 dBFS", "dBTP", "got a sample level"),
        ("-1 dBTP", "dBFS", "got a true-peak level"),
        ("1 dB", "LU", "got a level difference"),
        ("-16 LUF", "LUFS", "unknown unit 'LUF'; did you mean LUFS?"),
        ("loud", "LUFS", "got 'loud'"),
        ("-3 to -1 dB", "dB", "got '-3 to -1 dB'"),
        ("L130", "pan", "from L100 to R100"),
        ("1e999 Hz", "Hz", "out of range"),
        ("", "Hz", "got ''"),
    ],
)
def test_another_unit_than_the_expected_one_is_refused(text: str | float, unit: str, expected: str):
    with pytest.raises(UnitError) as error:
        read(text, unit)
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("text", "unit", "ends"),
    [
        ("-5 to -1 dB", "dB", (-5.0, -1.0)),
        ("−5 to −1 dB", "dB", (-5.0, -1.0)),
        ("60-250 Hz", "Hz", (60.0, 250.0)),
        ("1-5 kHz", "Hz", (1000.0, 5000.0)),
        ("60 Hz to 1 kHz", "Hz", (60.0, 1000.0)),
        ("L30 to R30", "pan", (-30.0, 30.0)),
        ("0.5 to 0.7", "plain", (0.5, 0.7)),
    ],
)
def test_a_range_has_one_unit_for_both_ends_or_one_each(text: str, unit: str, ends: tuple[float, float]):
    assert read_range(text, unit) == ends


@pytest.mark.parametrize("text", ["5 Hz", "250-60 Hz", "60-250", "60 Hz to 3 dB", "-5--1 Hz", ""])
def test_text_that_is_no_range_of_frequencies_is_refused(text: str):
    with pytest.raises(UnitError):
        read_range(text, "Hz")


@pytest.mark.parametrize(("text", "seconds"), [("1:05.5", 65.5), ("1:01:05", 3665.0), ("65.5 s", 65.5)])
def test_a_clock_time_is_read_in_seconds(text: str, seconds: float):
    assert read_clock(text) == seconds


@pytest.mark.parametrize("text", ["1:75", "90", "5 Hz", "one"])
def test_text_that_is_no_clock_time_is_refused(text: str):
    with pytest.raises(UnitError, match="a time such as"):
        read_clock(text)


def test_the_difference_of_two_loudnesses_is_in_lu():
    assert Quantity(-14.0, "LUFS").minus(Quantity(-16.0, "LUFS")) == Quantity(2.0, "LU")


def test_a_loudness_moved_by_lu_stays_a_loudness():
    assert Quantity(-16.0, "LUFS").plus(Quantity(2.0, "LU")) == Quantity(-14.0, "LUFS")
    assert Quantity(-1.0, "dBTP").minus(Quantity(1.0, "dB")) == Quantity(-2.0, "dBTP")


@pytest.mark.parametrize("other", [Quantity(-16.0, "LUFS"), Quantity(1.0, "Hz"), Quantity(-1.0, "dBTP")])
def test_two_loudnesses_cannot_be_added(other: Quantity):
    with pytest.raises(UnitError, match="has no meaning"):
        Quantity(-16.0, "LUFS").plus(other)


@given(st.sampled_from(UNITS), st.integers(-9999, 9999).map(lambda n: n / 100))
def test_a_written_quantity_reads_back(unit: str, value: float):
    assert read(write(value, unit), unit) == pytest.approx(value, abs=1e-9)


@given(st.sampled_from(UNITS), st.integers(-9999, 9000), st.integers(0, 999))
def test_a_written_range_reads_back(unit: str, low: int, width: int):
    high = low + width
    ends = (low / 100, high / 100)
    assert read_range(write_range(ends, unit), unit) == pytest.approx(ends, abs=1e-9)


class _Settings(BaseModel):
    level: Lufs = -16.0
    boost: Db = 3.0
    offset: Lu = 1.0
    cutoff: Annotated[Hz, Field(gt=0)] | None = None
    band: HzBand = (20.0, 120.0)
    share: Share = 0.25
    place: PanPosition = 0.0
    start: Clock = 0.0


def test_a_field_holds_a_float_and_is_written_with_its_unit():
    settings = _Settings.model_validate({"level": "-14 LUFS", "cutoff": "1 kHz", "place": "L30", "start": "1:05"})
    assert (settings.level, settings.cutoff, settings.place, settings.start) == (-14.0, 1000.0, -30.0, 65.0)
    written = settings.model_dump(mode="json")
    assert written["cutoff"] == "1 kHz"
    assert (written["share"], written["band"]) == ("25 %", "20 Hz to 120 Hz")
    assert _Settings.model_validate(written) == settings


def test_a_band_may_be_named():
    named = ValidationContext(bands={"presence": (1000.0, 5000.0)})
    assert _Settings.model_validate({"band": "presence"}, context=named).band == (1000.0, 5000.0)


def test_db_for_lu_is_a_warning_and_not_an_error():
    with pytest.raises(ValidationError) as error:
        _Settings.model_validate({"offset": "2 dB"}, context=ValidationContext(strict=True))
    assert [each["type"] for each in error.value.errors()] == [FIELD_WARNING]
    assert _Settings.model_validate({"offset": "2 dB"}, context=ValidationContext(strict=False)).offset == 2.0


def test_every_wrong_field_is_reported_at_once():
    given = {"level": -16, "boost": "3 LU", "cutoff": "-1 Hz", "band": "presence", "share": True}
    with pytest.raises(ValidationError) as error:
        _Settings.model_validate(given, context=ValidationContext(strict=False))
    assert [each["loc"][0] for each in error.value.errors()] == list(given)
