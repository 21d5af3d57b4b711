"""Degradation of takes as in real sessions: random levels, coloration, noise, hum, bleed, rooms, overload.

Amounts are guesses, wide on purpose: a network that is trained on worse takes generalises to real ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from hybrid.corpus.synthetic.band import Take
from hybrid.corpus.synthetic.composition import stream
from hybrid.corpus.synthetic.signals import (
    SAMPLE_RATE,
    Samples,
    bell,
    filtered,
    grid_hz,
    in_room,
    noise,
    padded_length,
)

LEVEL_DBFS, SPREAD_DB, MAX_SPREAD_DB = -24.0, 8.0, 20.0
"""Mean of the active RMS level of takes, its standard deviation, and the largest deviation."""
MISSING_PROBABILITY = 0.08
TILT_DB_PER_OCTAVE = 1.5
PEAK_DBFS = -0.5


def degrade(takes: Sequence[Take], seed: int) -> list[Take]:
    """The degraded takes of a song; some are left out, but at least two remain."""
    # the names of the streams decide the random numbers: renaming them changes every song
    rng = stream(seed, "spoil")
    is_included = rng.random(len(takes)) >= MISSING_PROBABILITY
    included = [take for take, each in zip(takes, is_included, strict=True) if each]
    included = included if len(included) >= 2 else list(takes)
    level = [active_rms(take.samples) for take in included]
    # equal levels first, so that bleed and noise are relative to the take
    even = [take._replace(samples=take.samples / rms) for take, rms in zip(included, level, strict=True)]
    return [
        take._replace(samples=_degraded(index, even, stream(seed, f"spoil {index}"))) for index, take in enumerate(even)
    ]


def _degraded(index: int, takes: Sequence[Take], rng: np.random.Generator) -> Samples:
    x = _with_bleed(index, takes, rng)
    for probability, apply in DEGRADATIONS:
        if rng.random() < probability:
            x = apply(x, rng)
    level_db = LEVEL_DBFS + float(np.clip(SPREAD_DB * rng.standard_normal(), -MAX_SPREAD_DB, MAX_SPREAD_DB))
    x = x * (10.0 ** (level_db / 20.0) / active_rms(x))
    peak = float(np.max(np.abs(x)))
    return x * min(1.0, 10.0 ** (PEAK_DBFS / 20.0) / peak)


def active_rms(x: Samples) -> float:
    """RMS of the tenths of a second within 40 dB of the loudest one, as an amplitude; 1 for silence."""
    n = SAMPLE_RATE // 10
    blocks = x[:, : x.shape[1] // n * n].reshape(len(x), -1, n)
    power = np.mean(np.square(blocks), axis=(0, 2))
    active = power > 1e-4 * np.max(power, initial=0.0)
    return float(np.sqrt(np.mean(power[active]))) if active.any() and np.max(power) > 0.0 else 1.0


def _with_bleed(index: int, takes: Sequence[Take], rng: np.random.Generator) -> Samples:
    """The take with up to three others at -45 to -22 dB: drums into drums, others into others, none into DI signals."""
    own = takes[index]
    x = own.samples
    if own.role.startswith(("bass", "keys.electric", "synth", "fx")) or rng.random() > 0.35:
        return x
    others = [
        take for take in takes if take is not own and take.role.startswith("drums") == own.role.startswith("drums")
    ]
    for other in others[:3]:
        level = 10.0 ** (float(rng.uniform(-45.0, -22.0)) / 20.0)
        x = x + level * np.mean(other.samples, axis=0)
    return x


def _tilted(x: Samples, rng: np.random.Generator) -> Samples:
    hz = grid_hz(padded_length(x.shape[1]))
    tilt = float(rng.normal(0.0, TILT_DB_PER_OCTAVE))
    # a constant slope around 1 kHz, level below 40 Hz and above 16 kHz
    response = 10.0 ** (tilt * np.log2(np.clip(hz, 40.0, 16000.0) / 1000.0) / 20.0)
    return filtered(x, response.astype(complex))


def _coloured(x: Samples, rng: np.random.Generator) -> Samples:
    """The take with one or two random peaks or notches of up to 7 dB."""
    hz = grid_hz(padded_length(x.shape[1]))
    for _ in range(int(rng.integers(1, 3))):
        centre_hz = 100.0 * 2.0 ** float(rng.uniform(0.0, 6.0))
        x = filtered(x, bell(hz, centre_hz, float(rng.uniform(-7.0, 7.0)), float(rng.uniform(0.5, 2.0))))
    return x


def _noisy(x: Samples, rng: np.random.Generator) -> Samples:
    level = 10.0 ** (float(rng.uniform(-70.0, -38.0)) / 20.0)
    return x + level * np.stack([noise(x.shape[1], rng, 60.0, 9000.0) for _ in x])


def _humming(x: Samples, rng: np.random.Generator) -> Samples:
    mains_hz = 50.0 if rng.random() < 0.5 else 60.0
    t = np.arange(x.shape[1]) / SAMPLE_RATE
    level = 10.0 ** (float(rng.uniform(-60.0, -35.0)) / 20.0)
    return x + level * sum(np.sin(2.0 * np.pi * n * mains_hz * t) / n for n in (1, 2, 3))


def _rumbling(x: Samples, rng: np.random.Generator) -> Samples:
    level = 10.0 ** (float(rng.uniform(-45.0, -22.0)) / 20.0)
    return x + level * noise(x.shape[1], rng, 20.0, 50.0)


def _roomy(x: Samples, rng: np.random.Generator) -> Samples:
    return in_room(x, rng, float(rng.uniform(0.2, 1.2)), float(rng.uniform(-20.0, -4.0)))


def _compressed(x: Samples, rng: np.random.Generator) -> Samples:
    """The take through a compressor that follows the level of the last 20 ms, with a ratio of 2 to 6."""
    n = SAMPLE_RATE // 50
    power = np.mean(np.square(x), axis=0)
    # a running mean as a difference of cumulated sums
    summed = np.cumsum(np.pad(power, (n, 0)))
    level_db = 10.0 * np.log10((summed[n:] - summed[:-n]) / n + 1e-9)
    over = np.maximum(level_db - float(rng.uniform(-9.0, 0.0)), 0.0)
    return x * 10.0 ** (-(1.0 - 1.0 / float(rng.uniform(2.0, 6.0))) * over / 20.0)


def _overloaded(x: Samples, rng: np.random.Generator) -> Samples:
    """The take clipped at a high quantile of its magnitudes."""
    ceiling = float(np.quantile(np.abs(x), rng.uniform(0.995, 0.9999)))
    return np.clip(x, -ceiling, ceiling) if ceiling > 0.0 else x


def _as_stereo(x: Samples, rng: np.random.Generator) -> Float[np.ndarray, "2 time"]:
    """A mono take on a stereo track, sometimes off the centre."""
    if len(x) == 2:
        return x
    balance = float(rng.choice([0.0, 0.0, rng.uniform(-0.5, 0.5)]))
    return np.concatenate([(1.0 - balance) * x, (1.0 + balance) * x])


Degradation = Callable[[Samples, np.random.Generator], Samples]
DEGRADATIONS: tuple[tuple[float, Degradation], ...] = (
    (0.6, _tilted),
    (0.4, _coloured),
    (0.15, _roomy),
    (0.2, _compressed),
    (0.3, _noisy),
    (0.1, _humming),
    (0.2, _rumbling),
    (0.1, _overloaded),
    (0.25, _as_stereo),
)
"""Probability and function of each degradation, in the order in which they are applied."""
