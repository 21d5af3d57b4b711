"""Time and memory of one value and gradient of all shipped rules, reverb included.

    python benchmarks/objective.py

On measurements like those of 8 tracks of 3 minutes, as refinement works on them (at most 512 frames), then with more
tracks and frames than refinement uses.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from hybrid.analysis.recording import bucket
from hybrid.audio.song import Song, Track
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.compile import compile_rules, optional_parts
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.resolve import load_rules
from hybrid.measure.panel import raw_of
from hybrid.signal import bandpower, bands
from hybrid.treatment.types import Dry, Treatment, neutral

RATE = 44100
ROLES = ("vocal.lead", "vocal.backing", "bass", "drums.kick", "drums.snare", "guitar.electric", "keys", "synth.pad")
REPEATS = 20


class Case(NamedTuple):
    """The size of the measurements."""

    n_tracks: int
    n_frames: int
    frame_s: float


def song_of(case: Case) -> Song:
    """A song of the case's tracks and length, without files."""
    roles = [ROLES[i % len(ROLES)] for i in range(case.n_tracks)]
    tracks = [Track(f"t{i}", (), 2, role, ("lead",) if i == 0 else (), 1.0) for i, role in enumerate(roles)]
    n_samples = round(case.n_frames * case.frame_s * RATE)
    return Song("made", Path(), tuple(tracks), RATE, n_samples, 120.0)


def dry_of(case: Case) -> Dry:
    """Random measurements: every track is active most of the time, some are correlated."""
    rng = np.random.default_rng(0)
    n = bucket(case.n_tracks, 4)
    level_db = -40.0 + rng.normal(0.0, 6.0, (n, 3, case.n_frames, bands.N_BANDS))
    power = (10.0 ** (level_db / 10.0)).astype(np.float32)
    power[:, 2] = 0.5 * np.sqrt(power[:, 0] * power[:, 1])
    power[case.n_tracks :] = 0.0
    n_pairs = bucket(case.n_tracks // 4, 4)
    pairs = np.stack([np.arange(n_pairs) % case.n_tracks, (np.arange(n_pairs) + 1) % case.n_tracks], axis=1)
    cross = 0.1 * np.ones((n_pairs, 2, 2, case.n_frames, bands.N_BANDS), np.float32) * power[pairs[:, 0], :1, None]
    k_weight = bandpower.k_weight(RATE).astype(np.float32)
    active = (rng.uniform(size=(n, case.n_frames)) > 0.2).astype(np.float32)
    active[case.n_tracks :] = 0.0
    low_hz = np.arange(bandpower.LOW_BINS, dtype=np.float32) * 10.0
    arrays = (power, power * k_weight, pairs.astype(np.int32), cross, active, np.ones(case.n_frames, np.float32))
    time_s = ((np.arange(case.n_frames) + 0.5) * case.frame_s).astype(np.float32)
    low = np.full((n, len(low_hz)), 1e-6, np.float32)
    rest = (time_s, k_weight, low, low_hz, np.ones_like(low_hz), power.sum(axis=(0, 1, 3)), np.float32(14.0))
    return Dry(*jax.device_put((*arrays, *rest)), frame_s=case.frame_s)


def value(objective: Objective, dry: Dry, treatment: Treatment) -> jax.Array:
    """Weighted sum of the penalties of all rules."""
    readings = objectives.evaluate_before_makeup(objective, dry, treatment, raw_of(dry))
    return objectives.penalties(objective, readings, jnp.zeros_like(objective.weight)) @ objective.weight


def measure(case: Case) -> tuple[int, float, float]:
    """Number of rules, time of a value and gradient in ms, and memory beside the inputs in MiB."""
    dry = dry_of(case)
    rules = load_rules(["base", "reverb"])
    objective, _ = compile_rules(rules, song_of(case), dry.power.shape[0], np.asarray(dry.time_s))
    optional = optional_parts(rules.rules)
    treatment = neutral(dry.power.shape[0], case.n_frames * case.frame_s, max(0.2, case.frame_s), optional)
    compiled = jax.jit(jax.value_and_grad(value, argnums=2)).lower(objective, dry, treatment).compile()
    jax.block_until_ready(compiled(objective, dry, treatment))
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(compiled(objective, dry, treatment))
        times.append(time.perf_counter() - start)
    analysis = compiled.memory_analysis()
    return len(rules.rules), 1e3 * float(np.median(times)), analysis.temp_size_in_bytes / 2**20


def main() -> None:
    """Prints a table."""
    print("| tracks | frames | rules | value and gradient, ms | memory, MiB |")
    print("|---|---|---|---|---|")
    for case in (
        Case(8, 512, 0.35),
        Case(16, 512, 0.35),
        Case(32, 512, 0.35),
        Case(8, 1024, 0.18),
        Case(8, 2048, 0.1),
    ):
        n_rules, ms, mib = measure(case)
        print(f"| {case.n_tracks} | {case.n_frames} | {n_rules} | {ms:.1f} | {mib:.0f} |", flush=True)


if __name__ == "__main__":
    main()
