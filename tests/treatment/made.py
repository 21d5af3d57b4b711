"""Made-up raw measurements and treatments, in numbers alone: no audio."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from hybrid.signal import bandpower, bands
from hybrid.treatment.axes import map_axis
from hybrid.treatment.bounds import constrain
from hybrid.treatment.types import Dry, Treatment, map_parts, neutral

SAMPLE_RATE = 44100
FRAME_S, N_FRAMES, KNOT_S = 0.1, 24, 0.2
LOW_BIN_HZ = 10.0


def dry_of(power: np.ndarray, pairs: tuple[tuple[int, int, np.ndarray], ...] = ()) -> Dry:
    """Raw tracks of left, right and cross powers [track 3 frame band]; a pair has its cross power [2 2 frame band].

    The spectrum within a band is flat, also for the K-weighting.
    """
    n_frames = power.shape[2]
    low_hz = LOW_BIN_HZ * np.arange(bandpower.LOW_BINS)
    k_weight = bandpower.k_weight(SAMPLE_RATE)
    inside = bands.band_weights(low_hz)
    mean = 0.5 * (power[:, 0] + power[:, 1]).mean(axis=1)
    cross = np.stack([c for _, _, c in pairs]) if pairs else np.zeros((0, 2, 2, n_frames, bands.N_BANDS))
    return Dry(
        power=jnp.asarray(power, jnp.float32),
        power_k=jnp.asarray(power * k_weight, jnp.float32),
        pairs=jnp.asarray([(a, b) for a, b, _ in pairs] or np.zeros((0, 2)), jnp.int32).reshape(-1, 2),
        cross=jnp.asarray(cross, jnp.float32),
        active=jnp.asarray(power[:, :2].sum(axis=(1, 3)) > 0.0, jnp.float32),
        inside=jnp.ones(n_frames),
        time_s=(jnp.arange(n_frames) + 0.5) * FRAME_S,
        k_weight=jnp.asarray(k_weight, jnp.float32),
        low_power=jnp.asarray(mean @ (inside / np.maximum(inside.sum(axis=0), 1e-9)).T, jnp.float32),
        low_hz=jnp.asarray(low_hz, jnp.float32),
        low_k=jnp.ones(len(low_hz)),
        peak=jnp.full(power.shape[2], 0.01),
        peak_to_loudness_db=jnp.asarray(12.0),
        frame_s=FRAME_S,
    )


def reordered(dry: Dry, order: np.ndarray | jnp.ndarray) -> Dry:
    """The tracks in another order, or some of them; pairs are left as they were."""
    return map_axis(lambda x, axis: x[(slice(None),) * axis + (order,)], dry, "track")


def mono(power: np.ndarray) -> np.ndarray:
    """Powers of a mono track from those of its one channel."""
    return np.stack([power] * 3)


def random_mono(generator: np.random.Generator, n_frames: int = N_FRAMES) -> np.ndarray:
    """A mono track of random band powers around -20 dBFS in all."""
    return mono(0.01 / bands.N_BANDS * generator.exponential(size=(n_frames, bands.N_BANDS)))


def random_stereo(generator: np.random.Generator, n_frames: int = N_FRAMES) -> np.ndarray:
    """A stereo track of random powers and correlations."""
    left, right = random_mono(generator, n_frames)[0], random_mono(generator, n_frames)[0]
    correlation = generator.uniform(-0.5, 0.9, left.shape)
    return np.stack([left, right, correlation * np.sqrt(left * right)])


def random_dry(n_tracks: int = 4, n_frames: int = N_FRAMES, seed: int = 0) -> Dry:
    """Mono and stereo tracks in turn; the first two share half of their phase."""
    generator = np.random.default_rng(seed)
    make = (random_mono, random_stereo)
    power = np.stack([make[index % 2](generator, n_frames) for index in range(n_tracks)])
    pairs = ()
    if n_tracks > 1:
        shared = np.sqrt(power[0, :2, None] * power[1, None, :2])
        pairs = ((0, 1, 0.5 * shared),)
    return dry_of(power, pairs)


def four(*tracks: np.ndarray, pairs: tuple[tuple[int, int, np.ndarray], ...] = ()) -> Dry:
    """The tracks, and silent ones up to four: one shape, one program."""
    silent = [np.zeros_like(tracks[0])] * (4 - len(tracks))
    no_pair = (3, 3, np.zeros((2, 2, *tracks[0].shape[1:])))
    return dry_of(np.stack([*tracks, *silent]), pairs or (no_pair,))


def nothing(dry: Dry) -> Treatment:
    """The neutral treatment of these tracks."""
    return neutral(dry.power.shape[0], dry.power.shape[2] * dry.frame_s, KNOT_S)


def only(like: Treatment, part: str, value: float | np.ndarray) -> Treatment:
    """`like` but for one part, which is `value` everywhere."""
    return map_parts(lambda name, x: filled(x, value) if name == part else x, like)


def filled(like: jnp.ndarray, value: float | np.ndarray) -> jnp.ndarray:
    """An array of one value; made by NumPy, so that nothing is compiled and no weak type compiles its users anew."""
    return jnp.asarray(np.broadcast_to(np.asarray(value, np.float32), like.shape))


def random_moves(dry: Dry, seed: int = 0) -> Treatment:
    """Whitened moves of about one unit each, so that every part of the treatment does something."""
    generator = np.random.default_rng(seed)
    return map_parts(lambda _, x: jnp.asarray(generator.standard_normal(x.shape), x.dtype), nothing(dry))


def random_treatment(dry: Dry, seed: int = 0) -> Treatment:
    """A treatment in which every part does something."""
    return constrain(random_moves(dry, seed))
