"""Augmentation of training songs: random gains, tone, sides, missing tracks, lead, and limits and weights of rules."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
from jaxtyping import Bool, Float

from hybrid.audio.song import Track
from hybrid.knowledge.objective import NO_LIMIT, Objective
from hybrid.signal import bands
from hybrid.training.example import Frames
from hybrid.training.recipe import Augmentation
from hybrid.treatment.curves import tone_curves
from hybrid.treatment.parts import N_TONE

_NEVER_LEAD = ("drums", "bass", "fx", "unknown")


def augment_roles(tracks: tuple[Track, ...], augmentation: Augmentation, rng: np.random.Generator) -> tuple[Track, ...]:
    """The tracks, at random with another one as the lead, and at random all as stereo files."""
    if rng.random() < augmentation.stereo:
        tracks = tuple(replace(track, channels=2) for track in tracks)
    may_lead = [k for k, track in enumerate(tracks) if not track.role.startswith(_NEVER_LEAD)]
    has_lead = any("lead" in track.tags for track in tracks)
    # instrumental songs have no lead by name, though most have one: it is drawn twice as often
    if not may_lead or rng.random() >= (augmentation.lead if has_lead else min(1.0, 2.0 * augmentation.lead)):
        return tracks
    lead = int(rng.choice(may_lead))
    return tuple(replace(track, tags=("lead",) if k == lead else ()) for k, track in enumerate(tracks))


def augment_rules(objective: Objective, augmentation: Augmentation, rng: np.random.Generator) -> Objective:
    """The objective, at random with other weights and shifted limits of its rules."""
    if rng.random() >= augmentation.asked:
        return objective
    ask, rules = objective.ask, objective.program.rules
    # log-normal: weights stay positive, and doubling is as likely as halving
    weight = np.asarray(objective.weight) * 2.0 ** rng.normal(0.0, augmentation.weight_octaves, len(rules))
    has_limits = np.array([rule.asks for rule in rules])
    shift = np.where(has_limits, np.asarray(ask.scale) * rng.normal(0.0, augmentation.target_scales, len(rules)), 0.0)
    low, high = (
        tuple(
            np.where(np.abs(end) < NO_LIMIT, end + by, end).astype(np.float32)
            for end, by in zip(map(np.asarray, ends), shift, strict=True)
        )
        for ends in (ask.low, ask.high)
    )
    weight, low, high = jax.device_put((weight.astype(np.float32), low, high))
    return replace(objective, weight=weight, ask=ask._replace(low=low, high=high))


def augment_frames(
    frames: Frames, tracks: tuple[Track, ...], augmentation: Augmentation, rng: np.random.Generator
) -> Frames:
    """The frames with random gain, tone, balance, correlation and swapped sides of every track, and without some
    tracks.

    `tracks` are those that are not padding; at least two stay.
    """
    n, n_tracks = len(frames.power), len(tracks)
    stays = rng.random(n_tracks) >= augmentation.drop
    # a mix of one track has nothing to balance
    if stays.sum() < 2:
        stays[:] = True
    audible = np.pad(stays, (0, n - n_tracks)).astype(np.float32)
    gain_db = rng.normal(0.0, augmentation.gain_db, n)
    tone_db = rng.normal(0.0, augmentation.tone_db, (n, N_TONE)) @ tone_curves()
    is_mirrored = rng.random(n) < augmentation.mirror
    is_stereo = np.pad([track.channels == 2 for track in tracks], (0, n - n_tracks))
    balance_db = (
        rng.normal(0.0, augmentation.lean_db, (n, 1))
        + rng.normal(0.0, augmentation.lean_db, (n, N_TONE)) @ tone_curves()
    )
    is_decorrelated = (rng.random(n) < augmentation.apart) & is_stereo
    # uniform at each point of the curve: from the correlation as recorded (0) to none (1)
    decorrelation = np.clip(rng.random((n, N_TONE)) @ tone_curves(), 0.0, 1.0) * is_decorrelated[:, None]
    mirrored = _mirrored(_scaled(frames, gain_db[:, None] + tone_db, audible), is_mirrored)
    return _decorrelated(_balanced(mirrored, balance_db * is_stereo[:, None]), (1.0 - decorrelation).astype(np.float32))


def _scaled(frames: Frames, gain_db: Float[np.ndarray, "track band"], audible: Float[np.ndarray, " track"]) -> Frames:
    """The frames with a gain per track and band; tracks with `audible` 0 become silent."""
    power = (10.0 ** (gain_db / 10.0) * audible[:, None]).astype(np.float32)
    amplitude = np.sqrt(power)
    low = np.stack([np.interp(frames.low_hz, bands.band_centres_hz(), row) for row in power]).astype(np.float32)
    pair_gain = amplitude[frames.pairs[:, 0]] * amplitude[frames.pairs[:, 1]]
    return frames._replace(
        power=frames.power * power[:, None, None],
        power_k=frames.power_k * power[:, None, None],
        cross=frames.cross * pair_gain[:, None, None, None],
        low_power=frames.low_power * low,
        active=frames.active * audible[:, None],
    )


def _mirrored(frames: Frames, is_mirrored: Bool[np.ndarray, " track"]) -> Frames:
    """The frames with left and right swapped in the marked tracks."""
    swapped = [1, 0, 2]
    power, power_k, cross = frames.power.copy(), frames.power_k.copy(), frames.cross.copy()
    power[is_mirrored], power_k[is_mirrored] = power[is_mirrored][:, swapped], power_k[is_mirrored][:, swapped]
    first, second = is_mirrored[frames.pairs[:, 0]], is_mirrored[frames.pairs[:, 1]]
    cross[first] = cross[first][:, ::-1]
    cross[second] = cross[second][:, :, ::-1]
    return frames._replace(power=power, power_k=power_k, cross=cross)


def _balanced(frames: Frames, balance_db: Float[np.ndarray, "track band"]) -> Frames:
    """The frames with the left channel of every track raised, and the right one lowered, by half of `balance_db`."""
    # amplitudes: half of the balance for each side, over 20 dB per decade
    side = 10.0 ** (np.stack([balance_db, -balance_db], axis=1) / 40.0)
    power = np.stack([side[:, 0] ** 2, side[:, 1] ** 2, side[:, 0] * side[:, 1]], axis=1).astype(np.float32)
    first, second = side[frames.pairs[:, 0]], side[frames.pairs[:, 1]]
    pair_gain = (first[:, :, None] * second[:, None, :]).astype(np.float32)
    return frames._replace(
        power=frames.power * power[:, :, None],
        power_k=frames.power_k * power[:, :, None],
        cross=frames.cross * pair_gain[:, :, :, None],
    )


def _decorrelated(frames: Frames, correlation: Float[np.ndarray, "track band"]) -> Frames:
    """The frames with the correlation between the channels of every track scaled by `correlation`, 0 to 1."""
    pair_gain = np.stack([np.ones_like(correlation), np.ones_like(correlation), correlation], axis=1)[:, :, None]
    # each track of a pair contributes the square root, so that the cross term of a track with itself is consistent
    first, second = np.sqrt(correlation)[frames.pairs[:, 0]], np.sqrt(correlation)[frames.pairs[:, 1]]
    return frames._replace(
        power=frames.power * pair_gain,
        power_k=frames.power_k * pair_gain,
        cross=frames.cross * (first * second)[:, None, None, None],
    )
