"""Sounds to measure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

Bursts = Callable[..., np.ndarray]


@pytest.fixture(scope="session")
def bursts() -> Bursts:
    """Stereo music-like noise: decaying hits with bass over a soft bed, a quiet middle, and a second of rest."""

    def make(sample_rate: int, duration_s: float = 6.0, seed: int = 0) -> np.ndarray:
        generator = np.random.default_rng(seed)
        n = round(duration_s * sample_rate)
        time_s = np.arange(n) / sample_rate
        hits = np.exp(-(time_s % 0.37) / 0.08) * np.where(np.abs(time_s - 3.0) < 1.0, 0.1, 1.0)
        bass = 0.5 * np.sin(2.0 * np.pi * 55.0 * time_s) * (time_s % 0.74 < 0.4)
        x = 0.2 * generator.standard_normal((2, n)) * hits + 0.003 * generator.standard_normal((2, n)) + 0.3 * bass
        x[:, time_s > duration_s - 1.0] = 0.0
        return x.astype(np.float32)

    return make
