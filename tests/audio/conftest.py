"""Small audio files to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

WriteTrack = Callable[..., Path]


@pytest.fixture
def write_track(tmp_path: Path) -> WriteTrack:
    """Writes half a second of noise at -20 dBFS, or the given samples, into the test's folder."""

    def write(
        name: str,
        samples: np.ndarray | None = None,
        *,
        sample_rate: int = 44100,
        channels: int = 1,
        subtype: str | None = None,
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if samples is None:
            generator = np.random.default_rng(len(name))
            samples = 0.1 * generator.standard_normal((sample_rate // 2, channels))
        soundfile.write(path, samples, sample_rate, subtype)
        return path

    return write
