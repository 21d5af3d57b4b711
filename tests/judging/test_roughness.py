"""Roughness of gain curves with known changes."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid.judging.roughness import RoughnessMeter
from tests.judging.signals import RATE, noise


def _read(raw: np.ndarray, treated: np.ndarray) -> float:
    roughness = RoughnessMeter(RATE)
    roughness.add(0, raw, treated)
    return roughness.db_per_s()


def test_a_constant_gain_has_no_roughness():
    assert _read(noise(), (0.3 * noise()).astype(np.float32)) == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("depth_db", [3.0, 6.0])
def test_a_swing_each_second_reads_twice_its_depth(depth_db: float):
    t = np.arange(noise().shape[1]) / RATE
    gain = 10.0 ** (depth_db * (0.5 - 0.5 * np.cos(2.0 * np.pi * t)) / 20.0)
    assert _read(noise(), (gain * noise()).astype(np.float32)) == pytest.approx(2.0 * depth_db, rel=0.05)


def test_gain_changes_in_silence_do_not_count():
    x = noise()
    x[:, RATE : 2 * RATE] = 0.0
    treated = x.copy()
    treated[:, RATE : 2 * RATE] = 1e-4
    assert _read(x, treated) == pytest.approx(0.0, abs=0.05)
    assert _read(np.zeros_like(x), np.zeros_like(x)) == 0.0
    assert _read(x[:, :100], x[:, :100]) == 0.0
