"""Numbers as people read them."""

from __future__ import annotations

import math

import pytest

from hybrid.pages.words import clock, difference, fixed, interval, position, quantity, span


def test_a_small_negative_number_that_rounds_to_zero_has_no_sign():
    assert fixed(-0.04) == "0.0"
    assert fixed(0.04, signed=True) == "0.0"


def test_a_negative_number_has_a_true_minus_sign():
    assert fixed(-3.25, 2) == "−3.25"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (-0.96, "dBTP", "−0.96 dBTP"),
        (12.345, "LU", "12.3 LU"),
        (250.4, "%", "250 %"),
        (0.0, "dB", "0 dB"),
        (90.0, "Hz", "90 Hz"),
        (2500.0, "Hz", "2.5 kHz"),
        (0.5, "", "0.50"),
        (-math.inf, "LUFS", "–"),
    ],
)
def test_a_quantity_has_three_digits_and_its_unit(value: float, unit: str, text: str):
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("low", "high", "unit", "text"),
    [
        (-2.0, 3.0, "LU", "−2 to 3 LU"),
        (None, -1.0, "dBTP", "≤ −1 dBTP"),
        (0.0, None, "dB", "≥ 0 dB"),
        (-16.0, -16.0, "LUFS", "−16 LUFS"),
        (0.25, 0.5, "", "0.25 to 0.5"),
        (None, None, "dB", "–"),
    ],
)
def test_what_was_asked_is_an_interval_in_words(low: float | None, high: float | None, unit: str, text: str):
    assert interval(low, high, unit) == text


def test_peaks_differ_in_db_and_loudness_in_lu():
    assert difference(0.5, "dBTP") == "0.50 dB"
    assert difference(0.5, "LUFS") == "0.50 LU"
    assert difference(0.5, "LU") == "0.50 LU"


def test_seconds_round_up_into_the_next_minute():
    assert clock(59.7) == "1:00"
    assert span((32.0, 41.4)) == "0:32–0:41"
    assert span((5.0, 5.2)) == "0:05"
    assert span(None) == ""


def test_a_place_is_named_as_on_a_console():
    assert [position(pan) for pan in (-100.0, -0.4, 0.0, 42.3)] == ["L100", "C", "C", "R42"]
