"""Made-up songs to try rules on: raw measurements drawn at random, and treatments of them; no audio."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from hybrid.audio.song import Song, Track
from hybrid.knowledge.compile import compile_rules
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.schema import Section
from hybrid.knowledge.select import Selector
from hybrid.knowledge.types import RuleType
from hybrid.measure import loudness
from hybrid.signal import bandpower, bands
from hybrid.treatment.parts import PARTS, Bounded
from hybrid.treatment.types import Dry, Treatment, map_parts, neutral

SAMPLE_RATE = 44100
FRAME_S = 0.1
N_TRACKS, N_FRAMES, N_PAIRS = 4, 32, 4
"""The one shape that most tests share, so that little is compiled."""
LINE_HZ = np.arange(8820) * 2.5
"""Spectral lines of long-term spectra."""
ROLES = ("vocal.lead", "bass", "guitar", "guitar")
QUICK = {"xla_backend_optimization_level": 0}
"""Compiler options of programs that run a few times: compiled in half the time, slower to run."""
SECTIONS = {
    name: (Section.model_validate({"from": start, "to": end}),)
    for name, start, end in (("verse", "0 s", "0.8 s"), ("chorus", "0.8 s", "60 s"))
}


def random_song(n_tracks: int = N_TRACKS, n_frames: int = N_FRAMES) -> Song:
    """A song of vocals, basses and guitars in turn, named t0, t1 ...: the first is tagged lead, every third is mono."""
    folder = Path("made")
    tracks = tuple(
        Track(f"t{i}", (folder / f"t{i}.wav",), 1 if i % 3 == 0 else 2, ROLES[i % 4], () if i else ("lead",), 1.0)
        for i in range(n_tracks)
    )
    return Song("made", folder, tracks, SAMPLE_RATE, round(n_frames * FRAME_S * SAMPLE_RATE))


def random_dry(seed: int, n_tracks: int = N_TRACKS, n_frames: int = N_FRAMES) -> Dry:
    """Measurements of tracks that change over time and frequency, some wide, some with rests, some sharing phase.

    All tracks are within a few decibels of each other, so that no rule is far from where it can be met.
    """
    rng = np.random.default_rng(seed)
    shape = (n_tracks, n_frames, bands.N_BANDS)
    level_db = -36.0 + rng.normal(0.0, 4.0, shape) + rng.normal(0.0, 6.0, (n_tracks, 1, bands.N_BANDS))
    level_db[2:, 5:9] -= 40.0  # rests
    left = 10.0 ** (level_db / 10.0)
    mono = (np.arange(n_tracks) % 3 == 0)[:, None, None]
    right = np.where(mono, left, left * 10.0 ** (rng.normal(0.0, 0.2, shape)))
    cross = np.where(mono, left, np.sqrt(left * right) * rng.uniform(-0.2, 0.9, shape))
    power = np.stack([left, right, cross], axis=1)
    pairs = np.zeros((N_PAIRS, 2), np.int32)
    shared = np.zeros((N_PAIRS, 2, 2, n_frames, bands.N_BANDS))
    if n_tracks > 2:
        pairs[0] = 1, 2
        shared[0] = 0.4 * np.sqrt(np.einsum("atb,ctb->actb", power[1, :2], power[2, :2]))
    low_power = np.abs(rng.normal(0.0, 1e-6, (n_tracks, (LINE_HZ <= 1000.0).sum())))
    return dry_from_powers(power, power * bandpower.k_weight(SAMPLE_RATE), pairs, shared, low_power)


def dry_from_powers(
    power: np.ndarray, power_k: np.ndarray, pairs: np.ndarray, cross: np.ndarray, low_power: np.ndarray
) -> Dry:
    """Measurements with these powers, K-weighted powers, pairs and cross powers, and powers at the lowest lines."""
    track_k = jnp.asarray(power_k[:, :2].sum(axis=(1, 3)), jnp.float32)
    return Dry(
        power=jnp.asarray(power, jnp.float32),
        power_k=jnp.asarray(power_k, jnp.float32),
        pairs=jnp.asarray(pairs),
        cross=jnp.asarray(cross, jnp.float32),
        active=loudness.activity(track_k, jnp.ones(power.shape[2]), FRAME_S),
        inside=jnp.ones(power.shape[2]),
        time_s=(jnp.arange(power.shape[2]) + 0.5) * FRAME_S,
        k_weight=jnp.asarray(bandpower.k_weight(SAMPLE_RATE), jnp.float32),
        low_power=jnp.asarray(low_power, jnp.float32),
        low_hz=jnp.asarray(LINE_HZ[: low_power.shape[1]], jnp.float32),
        low_k=jnp.ones(low_power.shape[1]),
        peak=jnp.full(power.shape[2], 0.01),
        peak_to_loudness_db=jnp.asarray(14.0),
        frame_s=FRAME_S,
    )


def untouched(dry: Dry, knot_s: float = 0.2) -> Treatment:
    """The treatment that does nothing, of the shape that fits, with a room and a spread."""
    n_tracks, n_frames = dry.active.shape
    return neutral(n_tracks, n_frames * dry.frame_s, knot_s, optional=("reverb", "pan.spread"))


_FROM = {
    "eq.low_cut": (30.0, 90.0),
    "pan.spread": (-24.0, -8.0),
    "reverb.send": (-24.0, -6.0),
    "reverb.decay": (0.5, 2.0),
    "reverb.pre_delay": (0.01, 0.09),
}
"""Parts that do not move about zero, and where they lie."""


def random_treatment(dry: Dry, seed: int, size: float = 1.0) -> Treatment:
    """Every control moved by about `size` of its own units of change."""
    rng = np.random.default_rng(seed)

    def moved(part: str, value: jax.Array) -> jax.Array:
        if part in _FROM:
            return jnp.asarray(rng.uniform(*_FROM[part], value.shape), value.dtype)
        bijector = PARTS[part].bijector
        scale = bijector.scale if isinstance(bijector, Bounded) else 3.0
        return jnp.asarray(size * scale * rng.uniform(-1.0, 1.0, value.shape), value.dtype)

    return map_parts(moved, untouched(dry))


def rule_set(*rules: RuleType, **sets: Selector) -> RuleSet:
    """These rules, from no file, with a verse and a chorus."""
    return RuleSet("made", "Made", rules, (), {}, SECTIONS, sets, {}, (), (), {})


def objective_of(rules: Sequence[RuleType], song: Song, dry: Dry, **sets: Selector) -> Objective:
    """The objective of the rules for a song of that padded shape."""
    return compile_rules(rule_set(*rules, **sets), song, dry.active.shape[0], np.asarray(dry.time_s))[0]
