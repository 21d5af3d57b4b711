"""One song, never twice the same: gains, colours, sides, absences and what is asked are drawn anew each time."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
from jaxtyping import Bool, Float

from hybrid.audio.song import Track
from hybrid.knowledge.objective import NO_LIMIT, Objective
from hybrid.signal import bands
from hybrid.training.example import Frames
from hybrid.training.recipe import Variety
from hybrid.treatment.curves import tone_curves
from hybrid.treatment.parts import N_TONE

_NEVER_LEAD = ("drums", "bass", "fx", "unknown")


def recast(tracks: tuple[Track, ...], variety: Variety, rng: np.random.Generator) -> tuple[Track, ...]:
    """The tracks as if another led, and as if all had been exported in stereo."""
    if rng.random() < variety.stereo:
        tracks = tuple(replace(track, channels=2) for track in tracks)
    may_lead = [k for k, track in enumerate(tracks) if not track.role.startswith(_NEVER_LEAD)]
    has_lead = any("lead" in track.tags for track in tracks)
    # who plays without a singer has a lead more often than not
    if not may_lead or rng.random() >= (variety.lead if has_lead else min(1.0, 2.0 * variety.lead)):
        return tracks
    leader = int(rng.choice(may_lead))
    return tuple(replace(track, tags=("lead",) if k == leader else ()) for k, track in enumerate(tracks))


def asked_otherwise(objective: Objective, variety: Variety, rng: np.random.Generator) -> Objective:
    """The same rules as if their authors had weighed them and set their targets otherwise, now and then."""
    if rng.random() >= variety.asked:
        return objective
    ask, rules = objective.ask, objective.program.rules
    weight = np.asarray(objective.weight) * 2.0 ** rng.normal(0.0, variety.weight_octaves, len(rules))
    asks = np.array([rule.asks for rule in rules])
    shift = np.where(asks, np.asarray(ask.scale) * rng.normal(0.0, variety.target_scales, len(rules)), 0.0)
    low, high = (
        tuple(
            np.where(np.abs(end) < NO_LIMIT, end + by, end).astype(np.float32)
            for end, by in zip(map(np.asarray, ends), shift, strict=True)
        )
        for ends in (ask.low, ask.high)
    )
    weight, low, high = jax.device_put((weight.astype(np.float32), low, high))
    return replace(objective, weight=weight, ask=ask._replace(low=low, high=high))


def varied(frames: Frames, tracks: tuple[Track, ...], variety: Variety, rng: np.random.Generator) -> Frames:
    """The recording as if its tracks, all that are not padding, had come otherwise."""
    n, n_tracks = len(frames.power), len(tracks)
    stays = rng.random(n_tracks) >= variety.drop
    if stays.sum() < 2:
        stays[:] = True
    heard = np.pad(stays, (0, n - n_tracks)).astype(np.float32)
    gain_db = rng.normal(0.0, variety.gain_db, n)
    tone_db = rng.normal(0.0, variety.tone_db, (n, N_TONE)) @ tone_curves()
    sides = rng.random(n) < variety.mirror
    wide = np.pad([track.channels == 2 for track in tracks], (0, n - n_tracks))
    lean_db = rng.normal(0.0, variety.lean_db, (n, 1)) + rng.normal(0.0, variety.lean_db, (n, N_TONE)) @ tone_curves()
    apart = (rng.random(n) < variety.apart) & wide
    # a straight draw at each point of the curve: from all that they had in common to nothing
    unlike = np.clip(rng.random((n, N_TONE)) @ tone_curves(), 0.0, 1.0) * apart[:, None]
    scaled = _mirrored(_scaled(frames, gain_db[:, None] + tone_db, heard), sides)
    return _parted(_leaning(scaled, lean_db * wide[:, None]), (1.0 - unlike).astype(np.float32))


def _scaled(frames: Frames, gain_db: Float[np.ndarray, "track band"], heard: Float[np.ndarray, " track"]) -> Frames:
    """Every band of every track at another gain; tracks that are not heard are silent."""
    power = (10.0 ** (gain_db / 10.0) * heard[:, None]).astype(np.float32)
    amplitude = np.sqrt(power)
    low = np.stack([np.interp(frames.low_hz, bands.band_centres_hz(), row) for row in power]).astype(np.float32)
    both = amplitude[frames.pairs[:, 0]] * amplitude[frames.pairs[:, 1]]
    return frames._replace(
        power=frames.power * power[:, None, None],
        power_k=frames.power_k * power[:, None, None],
        cross=frames.cross * both[:, None, None, None],
        low_power=frames.low_power * low,
        active=frames.active * heard[:, None],
    )


def _mirrored(frames: Frames, sides: Bool[np.ndarray, " track"]) -> Frames:
    """Left and right change places in the tracks that are marked."""
    swapped = [1, 0, 2]
    power, power_k, cross = frames.power.copy(), frames.power_k.copy(), frames.cross.copy()
    power[sides], power_k[sides] = power[sides][:, swapped], power_k[sides][:, swapped]
    first, second = sides[frames.pairs[:, 0]], sides[frames.pairs[:, 1]]
    cross[first] = cross[first][:, ::-1]
    cross[second] = cross[second][:, :, ::-1]
    return frames._replace(power=power, power_k=power_k, cross=cross)


def _leaning(frames: Frames, lean_db: Float[np.ndarray, "track band"]) -> Frames:
    """Left of every track louder, and right softer, by half of `lean_db`."""
    side = 10.0 ** (np.stack([lean_db, -lean_db], axis=1) / 40.0)
    power = np.stack([side[:, 0] ** 2, side[:, 1] ** 2, side[:, 0] * side[:, 1]], axis=1).astype(np.float32)
    first, second = side[frames.pairs[:, 0]], side[frames.pairs[:, 1]]
    both = (first[:, :, None] * second[:, None, :]).astype(np.float32)
    return frames._replace(
        power=frames.power * power[:, :, None],
        power_k=frames.power_k * power[:, :, None],
        cross=frames.cross * both[:, :, :, None],
    )


def _parted(frames: Frames, alike: Float[np.ndarray, "track band"]) -> Frames:
    """The channels of every track with so much left of what they have in common, 0 to 1."""
    both = np.stack([np.ones_like(alike), np.ones_like(alike), alike], axis=1)[:, :, None]
    first, second = np.sqrt(alike)[frames.pairs[:, 0]], np.sqrt(alike)[frames.pairs[:, 1]]
    return frames._replace(
        power=frames.power * both,
        power_k=frames.power_k * both,
        cross=frames.cross * (first * second)[:, None, None, None],
    )
