"""The K-weighting is the one that ITU-R BS.1770 prints, and keeps its response at other rates."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import sosfreqz

from hybrid.signal import kweighting

PRINTED = [
    [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585],
    [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
]
"""BS.1770-4, tables 1 and 2, at 48 kHz."""


def response_db(frequency_hz: float, sample_rate: int) -> float:
    return float(10.0 * np.log10(kweighting.power_response(np.array([frequency_hz], float), sample_rate)[0]))


def test_48_khz_coefficients_are_those_printed_in_the_standard():
    # the standard's digits were made from analogue parameters that are known to about ten digits
    np.testing.assert_allclose(kweighting.sections(48000), PRINTED, atol=1e-9)


@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100, 48000, 96000, 192000])
def test_power_response_is_that_of_the_filters(sample_rate):
    hz = np.geomspace(10.0, 0.499 * sample_rate, 60)
    _, h = sosfreqz(kweighting.sections(sample_rate), hz, fs=sample_rate)
    np.testing.assert_allclose(kweighting.power_response(hz, sample_rate), np.abs(h) ** 2, rtol=1e-6)


@pytest.mark.parametrize(("frequency_hz", "level_db"), [(20, -13.3), (50, -3.9), (100, -1.1), (997, 0.69)])
def test_bass_is_discounted_as_published(frequency_hz, level_db):
    # tolerance: half of the last digit given
    assert response_db(frequency_hz, 48000) == pytest.approx(level_db, abs=0.06)


def test_the_shelf_lifts_treble_by_4_db_and_direct_current_is_gone():
    assert response_db(10000.0, 48000) == pytest.approx(4.0, abs=0.05)
    assert kweighting.power_response(np.zeros(1), 48000)[0] == 0.0


@pytest.mark.parametrize("sample_rate", [44100, 88200, 96000, 192000])
def test_other_rates_read_1_khz_within_0_03_db_of_48_khz(sample_rate):
    # the shelf's corner is warped a little differently at each rate: 0.018 dB at 96 kHz
    assert response_db(997.0, sample_rate) == pytest.approx(response_db(997.0, 48000), abs=0.03)
