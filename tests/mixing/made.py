"""Made-up songs as files, at a low rate so that little is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import soundfile

from hybrid.analysis.chunks import workers
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song, Track
from hybrid.measure.meter import Levels, Meter
from hybrid.mixing.mixdown import rendered
from hybrid.treatment import bounds
from hybrid.treatment.types import Dry, Treatment, map_parts, neutral

RATE = 22050
DURATION_S = 4.0
ROLES = {"voice": "vocal.lead", "bass": "bass", "drums": "drums"}


def song_of(folder: Path, tracks: Mapping[str, np.ndarray], sample_rate: int = RATE) -> Song:
    """The tracks, channels first, as 32-bit float files and a song of them."""
    folder.mkdir(exist_ok=True)
    for name, samples in tracks.items():
        soundfile.write(folder / f"{name}.wav", samples.T, sample_rate, "FLOAT")
    listed = tuple(
        Track(
            name,
            (folder / f"{name}.wav",),
            len(samples),
            ROLES.get(name, "unknown"),
            ("lead",) * (name == "voice"),
            1.0,
        )
        for name, samples in tracks.items()
    )
    length = max(samples.shape[1] for samples in tracks.values())
    return Song("made", folder, listed, sample_rate, length)


def sounds(sample_rate: int = RATE, duration_s: float = DURATION_S) -> dict[str, np.ndarray]:
    """A band: drums in stereo, a bass and its amplifier heard 1 ms later, a wide pad, and a voice with a rest."""
    generator = np.random.default_rng(0)
    n = round(duration_s * sample_rate)
    time_s = np.arange(n) / sample_rate

    def noise(channels: int = 1) -> np.ndarray:
        return generator.standard_normal((channels, n))

    def smooth(x: np.ndarray, width: int) -> np.ndarray:
        return np.apply_along_axis(lambda row: np.convolve(row, np.hanning(width), "same"), 1, x) / width**0.5

    hits = np.exp(-(time_s % 0.25) / 0.06)
    kick = np.sin(2.0 * np.pi * 60.0 * time_s) * np.exp(-(time_s % 1.0) / 0.1)
    pluck = np.exp(-(time_s % 0.5) / 0.3)
    bass = sum(np.sin(2.0 * np.pi * 55.0 * k * time_s) / k for k in range(1, 9)) * pluck
    vowel = sum(np.sin(2.0 * np.pi * 220.0 * k * time_s + k) / (1 + abs(k - 3)) for k in range(1, 15))
    voice = vowel * np.clip(np.sin(2.0 * np.pi * 0.4 * time_s), 0.0, 1.0)
    tracks = {
        "drums": 0.15 * (noise(2) * hits + 0.3 * noise() * hits) + 0.4 * kick,
        "bass": 0.2 * bass[None],
        "amp": 0.25 * smooth(np.roll(bass, round(0.001 * sample_rate))[None], 9) + 0.002 * noise(),
        "pad": 0.05 * smooth(noise(2) + 0.5 * noise(), 24),
        "voice": 0.15 * voice[None],
    }
    return {name: x.astype(np.float32) for name, x in tracks.items()}


def nothing(dry: Dry) -> Treatment:
    """The neutral treatment of a song."""
    return neutral(dry.power.shape[0], dry.power.shape[2] * dry.frame_s, 0.2)


def lively(dry: Dry, seed: int = 0) -> Treatment:
    """A treatment as mixing makes them: every part does something, and gains over time change slowly."""
    generator = np.random.default_rng(seed)

    def moved(part: str, x: jax.Array) -> jax.Array:
        wild = generator.standard_normal(x.shape)
        if part == "dynamics.zone":
            wild = np.clip(np.cumsum(0.3 * wild, axis=-1), -2.0, 2.0)
        return jnp.asarray(0.0 * wild if part == "master.level" else wild, x.dtype)

    treatment = bounds.constrain(map_parts(moved, nothing(dry)))
    corners_hz = generator.uniform(20.0, 120.0, treatment.eq.low_cut_hz.shape)
    return replace(treatment, eq=treatment.eq._replace(low_cut_hz=jnp.asarray(corners_hz, jnp.float32)))


def stems_of(song: Song, reader: SongReader, treatment: Treatment) -> np.ndarray:
    """All of the rendered song: track channel time."""
    with workers(reader.n_threads) as pool:
        chunks = [np.stack(chunk.stems) for chunk in rendered(song, reader, treatment, pool)]
    return np.concatenate(chunks, axis=-1)


def read_meter(x: np.ndarray, sample_rate: int = RATE) -> Levels:
    """The exact meters' reading of a whole signal."""
    meter = Meter(sample_rate, x.shape[0])
    meter.add(x)
    return meter.levels()
