"""Axes, ticks and paths of charts."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hybrid.pages.plot import Axis, axis_around, block_path, frequency_axis, line_path, pixels, steps, time_axis


def test_steps_are_round_and_within_the_ends():
    assert steps(-30.0, 6.0) == [-30, -24, -18, -12, -6, 0, 6]
    assert steps(-0.5, 0.5, most=4) == pytest.approx([-0.3, 0.0, 0.3])


@pytest.mark.parametrize("duration_s", [0.05, 1.0, 59.0, 214.0, 600.0, 7200.0, 50_000.0])
def test_ticks_of_time_begin_at_zero_and_stay_within_the_song(duration_s: float):
    times = [tick.value for tick in time_axis(duration_s).ticks]
    assert times[0] == 0
    assert times[-1] <= duration_s
    assert len(times) <= 9


def test_an_axis_keeps_values_beyond_its_ends_on_them():
    axis = Axis(20.0, 20000.0, is_log=True)
    assert [axis.fraction(hz) for hz in (1.0, 20.0, 632.4555, 20000.0, 1e6)] == pytest.approx([0, 0, 0.5, 1, 1])
    assert axis.percent(-math.inf) == "0.00%"


def test_a_stretch_of_an_axis_is_as_wide_as_its_ends_are_apart():
    axis = Axis(0.0, 10.0)
    assert (axis.percent(2.0), axis.percent_between(2.0, 4.5)) == ("20.00%", "25.00%")


def test_frequencies_are_labelled_in_hz_and_khz():
    assert [tick.label for tick in frequency_axis(90.0, 2500.0).ticks] == ["100", "200", "500", "1k", "2k"]
    assert [tick.label for tick in frequency_axis(30.0, 16000.0, only_decades=True).ticks] == ["100", "1k", "10k"]


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [1.0, 2.5], [-3.0, -1.0]])
def test_an_axis_around_values_holds_zero_and_has_a_tick_there(values: list[float]):
    axis = axis_around(values)
    assert axis.low < min([0.0, *values]) and axis.high > max([0.0, *values])
    assert "0" in [tick.label for tick in axis.ticks]


def test_ticks_have_a_true_minus_sign():
    assert axis_around([-3.0], most=4).ticks[0].label == "−3"


def test_a_line_leaves_out_the_points_of_a_level_stretch():
    assert line_path(np.linspace(0.0, 1.0, 5), np.array([1.0, 1.0, 1.0, 1.0, 3.0])) == "M0.0 1.0L750.0 1.0L1000.0 3.0"


def test_blocks_are_rectangles_and_none_is_nothing():
    assert block_path([(0.25, 0.5)], 2.0, 6.0) == "M250.0 2H500.0v6H250.0z"
    assert block_path([], 2.0, 6.0) == ""


def test_pixels_are_written_to_a_tenth():
    assert [pixels(each) for each in (26, 26.0, 3.46)] == ["26", "26", "3.5"]
