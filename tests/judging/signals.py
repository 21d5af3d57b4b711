"""Test signals and songs for metrics of mixes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from hybrid.audio.manifest import load_song
from hybrid.audio.song import Song

RATE = 44100


def noise(seconds: float = 6.0, seed: int = 0, channels: int = 2) -> np.ndarray:
    """White noise at about -20 dBFS, different in each channel."""
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, int(seconds * RATE)))).astype(np.float32)


def sine(hz: float, amplitude: float = 1.0, seconds: float = 6.0) -> np.ndarray:
    """A sine, the same in both channels."""
    t = np.arange(int(seconds * RATE)) / RATE
    return np.broadcast_to(amplitude * np.sin(2.0 * np.pi * hz * t), (2, len(t))).astype(np.float32)


def band_of_three(seconds: float = 6.0) -> dict[str, np.ndarray]:
    """A bass, bursts of noise, and a wide guitar: three tracks with little spectral overlap."""
    t = np.arange(int(seconds * RATE)) / RATE
    rng = np.random.default_rng(1)
    bass = 0.3 * np.sign(np.sin(2.0 * np.pi * 55.0 * t))[None]
    hats = (0.2 * rng.standard_normal(len(t)) * (t % 0.25 < 0.05))[None]
    guitar = 0.1 * rng.standard_normal((2, len(t))) * (np.sin(2.0 * np.pi * 0.3 * t) > -0.3)
    return {"bass": bass, "hihat": hats, "guitar": guitar}


def write_song(folder: Path, tracks: dict[str, np.ndarray]) -> Song:
    """The song of these tracks, written as files."""
    folder.mkdir(parents=True)
    for name, samples in tracks.items():
        soundfile.write(folder / f"{name}.wav", samples.T, RATE, subtype="FLOAT")
    return load_song(folder)


def mixed(tracks: dict[str, np.ndarray], gain_db: dict[str, float], pan: dict[str, float] | None = None) -> np.ndarray:
    """A mix with gains, and pan positions from -1 to 1 by the sine-cosine law, unity at the centre."""
    total = 0.0
    for name, samples in tracks.items():
        angle = ((pan or {}).get(name, 0.0) + 1.0) * np.pi / 4.0
        sides = np.sqrt(2.0) * np.array([[np.cos(angle)], [np.sin(angle)]])
        total = total + 10.0 ** (gain_db.get(name, 0.0) / 20.0) * sides * np.broadcast_to(
            samples, (2, samples.shape[1])
        )
    return np.asarray(total, np.float32)
