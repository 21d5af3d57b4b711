"""Accuracy of prediction in the power domain: songs under random treatments, predicted and rendered.

    python benchmarks/power_domain.py SONGS [--seed 0]

Prints a row per song, in LU and dB: the error of every track's loudness (mean and largest), of the mix's, and of the
mix's long-term band levels (mean and largest), then all songs together. Expected on real songs: tracks below 0.3 on
average and 0.8 at most, mixes below 0.15, bands below 0.5 on average.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from hybrid.analysis.analyse import analyse
from hybrid.analysis.chunks import sum_of, workers
from hybrid.audio.manifest import load_song
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.measure import loudness, spectrum
from hybrid.measure.meter import Meter
from hybrid.measure.panel import Measured, predict
from hybrid.mixing.mixdown import rendered
from hybrid.mixing.observe import Observer
from hybrid.treatment.bounds import constrain
from hybrid.treatment.types import Dry, Treatment, map_parts, neutral

KNOT_S = 0.2


class Errors(NamedTuple):
    """Predicted minus rendered values."""

    track_lu: np.ndarray
    mix_lu: float
    band_db: np.ndarray


def random_treatment(dry: Dry, seed: int) -> Treatment:
    """A treatment with every part changed by about its scale, dynamics drifting, low cuts at 20 to 120 Hz."""
    generator = np.random.default_rng(seed)

    def displaced(part: str, x: jax.Array) -> jax.Array:
        noise = generator.standard_normal(x.shape)
        if part == "dynamics.zone":
            noise = np.cumsum(noise / 3.0, axis=-1)
            noise -= noise.mean(axis=-1, keepdims=True)
        return jnp.asarray(0.0 * noise if part == "master.level" else noise, x.dtype)

    nothing = neutral(dry.power.shape[0], dry.power.shape[2] * dry.frame_s, KNOT_S)
    treatment = constrain(map_parts(displaced, nothing))
    corners_hz = jnp.asarray(generator.uniform(20.0, 120.0, dry.power.shape[0]), jnp.float32)
    return replace(treatment, eq=treatment.eq._replace(low_cut_hz=corners_hz))


def errors_of(song: Song, seed: int) -> Errors:
    """Predict and render one song."""
    with open_song(song) as reader, workers(reader.n_threads) as pool:
        dry = analyse(song, reader).dry
        treatment = random_treatment(dry, seed)
        predicted = jax.jit(predict)(dry, treatment)
        observer = Observer(song, dry, pool)
        meters = [Meter(song.sample_rate, 2) for _ in range(len(song.tracks) + 1)]
        for chunk in rendered(song, reader, treatment, pool):
            mix = sum_of(chunk.stems)
            observer.add(mix, chunk.filtered)
            for meter, x in zip(meters, [*chunk.stems, mix], strict=True):
                meter.add(x)
        *stems, levels = (meter.levels() for meter in meters)
        observed = observer.measured(treatment, levels)
    track = np.asarray(loudness.integrated_lufs(predicted.track_k, dry.inside, dry.frame_s))[: len(stems)]
    return Errors(
        track - np.array([stem.integrated_lufs for stem in stems]),
        float(predicted.loudness_lufs) - levels.integrated_lufs,
        bands_db(predicted) - bands_db(observed),
    )


@jax.jit
def bands_db(measured: Measured) -> jax.Array:
    """Long-term band levels of the mix."""
    return spectrum.long_term_db(measured.mix_power, jnp.ones(measured.mix_k.shape))


def row(name: str, tracks: np.ndarray, mixes: np.ndarray, bands: np.ndarray) -> str:
    """A line of the table."""
    numbers = (
        np.abs(tracks).mean(),
        np.abs(tracks).max(),
        np.abs(mixes).max(),
        np.abs(bands).mean(),
        np.abs(bands).max(),
    )
    return f"{name:24s}" + "".join(f"{number:11.3f}" for number in numbers)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path, help="a folder of song folders")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    heads = ("track mean", "track max", "mix", "band mean", "band max", "seconds")
    print(f"{'song':24s}" + "".join(f"{head:>11s}" for head in heads))
    results = []
    for folder in sorted(path for path in options.songs.iterdir() if path.is_dir()):
        start = time.perf_counter()
        results.append(errors_of(load_song(folder), options.seed))
        errors = results[-1]
        taken = time.perf_counter() - start
        print(
            row(folder.name, errors.track_lu, np.array([errors.mix_lu]), errors.band_db) + f"{taken:11.1f}", flush=True
        )
    print(
        row(
            "all",
            np.concatenate([errors.track_lu for errors in results]),
            np.array([errors.mix_lu for errors in results]),
            np.concatenate([errors.band_db for errors in results]),
        )
    )


if __name__ == "__main__":
    main()
