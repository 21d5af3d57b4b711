"""Signals to transform."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

Noise = Callable[..., np.ndarray]


@pytest.fixture(scope="session")
def noise() -> Noise:
    """White noise at -20 dBFS, channels first."""

    def make(channels: int, n_samples: int, seed: int = 0) -> np.ndarray:
        generator = np.random.default_rng(seed)
        return (0.1 * generator.standard_normal((channels, n_samples))).astype(np.float32)

    return make
