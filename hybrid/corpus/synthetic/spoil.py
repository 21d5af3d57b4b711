"""What happens to takes before a mixer gets them: levels that nobody set, colour, noise, bleed, rooms, overload.

Amounts are guesses, wide on purpose: a network that has met worse is not surprised.
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

LOUDNESS_DBFS, SPREAD_DB, FURTHEST_DB = -24.0, 8.0, 20.0
"""RMS of a take while it plays, how far takes scatter around it, and how far at most."""
MISSING = 0.08
TILT_DB_PER_OCTAVE = 1.5
PEAK_DBFS = -0.5


def spoil(takes: Sequence[Take], seed: int) -> list[Take]:
    """The takes of a song as they might arrive; some are missing. At least two stay."""
    chance = stream(seed, "spoil")
    stays = chance.random(len(takes)) >= MISSING
    kept = [take for take, stay in zip(takes, stays, strict=True) if stay] if stays.sum() >= 2 else list(takes)
    level = [rms_while_playing(take.samples) for take in kept]
    even = [take._replace(samples=take.samples / rms) for take, rms in zip(kept, level, strict=True)]
    return [
        take._replace(samples=_spoilt(index, even, stream(seed, f"spoil {index}"))) for index, take in enumerate(even)
    ]


def _spoilt(index: int, takes: Sequence[Take], chance: np.random.Generator) -> Samples:
    x = _with_bleed(index, takes, chance)
    for share, change in CHANGES:
        if chance.random() < share:
            x = change(x, chance)
    level_db = LOUDNESS_DBFS + float(np.clip(SPREAD_DB * chance.standard_normal(), -FURTHEST_DB, FURTHEST_DB))
    x = x * (10.0 ** (level_db / 20.0) / rms_while_playing(x))
    peak = float(np.max(np.abs(x)))
    return x * min(1.0, 10.0 ** (PEAK_DBFS / 20.0) / peak)


def rms_while_playing(x: Samples) -> float:
    """Of the tenths of a second in which a take plays, as an amplitude; 1 for silence."""
    n = SAMPLE_RATE // 10
    blocks = x[:, : x.shape[1] // n * n].reshape(len(x), -1, n)
    power = np.mean(np.square(blocks), axis=(0, 2))
    heard = power > 1e-4 * np.max(power, initial=0.0)
    return float(np.sqrt(np.mean(power[heard]))) if heard.any() and np.max(power) > 0.0 else 1.0


def _with_bleed(index: int, takes: Sequence[Take], chance: np.random.Generator) -> Samples:
    """Takes that were played in one room hear each other; drums do so often, direct signals never."""
    own = takes[index]
    x = own.samples
    if own.role.startswith(("bass", "keys.electric", "synth", "fx")) or chance.random() > 0.35:
        return x
    others = [
        take for take in takes if take is not own and take.role.startswith("drums") == own.role.startswith("drums")
    ]
    for other in others[:3]:
        level = 10.0 ** (float(chance.uniform(-45.0, -22.0)) / 20.0)
        x = x + level * np.mean(other.samples, axis=0)
    return x


def _tilted(x: Samples, chance: np.random.Generator) -> Samples:
    hz = grid_hz(padded_length(x.shape[1]))
    tilt = float(chance.normal(0.0, TILT_DB_PER_OCTAVE))
    response = 10.0 ** (tilt * np.log2(np.clip(hz, 40.0, 16000.0) / 1000.0) / 20.0)
    return filtered(x, response.astype(complex))


def _coloured(x: Samples, chance: np.random.Generator) -> Samples:
    """One or two resonances or holes."""
    hz = grid_hz(padded_length(x.shape[1]))
    for _ in range(int(chance.integers(1, 3))):
        centre_hz = 100.0 * 2.0 ** float(chance.uniform(0.0, 6.0))
        x = filtered(x, bell(hz, centre_hz, float(chance.uniform(-7.0, 7.0)), float(chance.uniform(0.5, 2.0))))
    return x


def _noisy(x: Samples, chance: np.random.Generator) -> Samples:
    level = 10.0 ** (float(chance.uniform(-70.0, -38.0)) / 20.0)
    return x + level * np.stack([noise(x.shape[1], chance, 60.0, 9000.0) for _ in x])


def _humming(x: Samples, chance: np.random.Generator) -> Samples:
    mains_hz = 50.0 if chance.random() < 0.5 else 60.0
    t = np.arange(x.shape[1]) / SAMPLE_RATE
    level = 10.0 ** (float(chance.uniform(-60.0, -35.0)) / 20.0)
    return x + level * sum(np.sin(2.0 * np.pi * n * mains_hz * t) / n for n in (1, 2, 3))


def _rumbling(x: Samples, chance: np.random.Generator) -> Samples:
    level = 10.0 ** (float(chance.uniform(-45.0, -22.0)) / 20.0)
    return x + level * noise(x.shape[1], chance, 20.0, 50.0)


def _roomy(x: Samples, chance: np.random.Generator) -> Samples:
    return in_room(x, chance, float(chance.uniform(0.2, 1.2)), float(chance.uniform(-20.0, -4.0)))


def _compressed(x: Samples, chance: np.random.Generator) -> Samples:
    """A gain from the level of the last 20 ms: 3 to 6 dB less where it is loud."""
    n = SAMPLE_RATE // 50
    power = np.mean(np.square(x), axis=0)
    summed = np.cumsum(np.pad(power, (n, 0)))
    level_db = 10.0 * np.log10((summed[n:] - summed[:-n]) / n + 1e-9)
    over = np.maximum(level_db - float(chance.uniform(-9.0, 0.0)), 0.0)
    return x * 10.0 ** (-(1.0 - 1.0 / float(chance.uniform(2.0, 6.0))) * over / 20.0)


def _overloaded(x: Samples, chance: np.random.Generator) -> Samples:
    """Clipped where it stands out most."""
    ceiling = float(np.quantile(np.abs(x), chance.uniform(0.995, 0.9999)))
    return np.clip(x, -ceiling, ceiling) if ceiling > 0.0 else x


def _as_stereo(x: Samples, chance: np.random.Generator) -> Float[np.ndarray, "2 time"]:
    """A mono take on a stereo track, sometimes off the centre."""
    if len(x) == 2:
        return x
    lean = float(chance.choice([0.0, 0.0, chance.uniform(-0.5, 0.5)]))
    return np.concatenate([(1.0 - lean) * x, (1.0 + lean) * x])


Change = Callable[[Samples, np.random.Generator], Samples]
CHANGES: tuple[tuple[float, Change], ...] = (
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
"""What may happen, in this order, and how often."""
