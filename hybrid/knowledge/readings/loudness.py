"""Readings of the loudness family."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from hybrid.knowledge.readings.masking import excess_db
from hybrid.knowledge.readings.reading import Panel, Reading, smoothed, sounding, tracks_heard
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import (
    AudibilityFloor,
    EqualLoudness,
    ExpectedLevel,
    GivenLevel,
    LeadToRestRatio,
    RoleBudget,
)
from hybrid.measure import balance, loudness, masking
from hybrid.measure.panel import Measured, bus_active, bus_k
from hybrid.measure.statistics import quantile


def lead_to_rest_ratio(rule: LeadToRestRatio, song: Measured, scope: Scope) -> Reading:
    """Loudness of the lead bus over that of the bus of the rest, LU, while the lead sounds."""
    members = jnp.stack([scope.member, scope.against])
    power = bus_k(song, members)
    active = jnp.max(scope.member[:, None] * sounding(song, scope), axis=0)
    level = loudness.active_lufs(power, jnp.broadcast_to(active, power.shape))
    # both while the lead sounds, as in the value: its pauses must not lower it
    course = loudness.lufs(smoothed(power * active, song.dry.frame_s))
    present = (jnp.sum(scope.against) > 0.0) & (jnp.sum(active) > 0.0)
    return Reading((level[0] - level[1])[None], present[None].astype(level.dtype), (course[0] - course[1])[None])


def role_budget(rule: RoleBudget, song: Measured, scope: Scope) -> Reading:
    """Loudness of each role's bus over the mix, LU, while the bus sounds."""
    power = bus_k(song, scope.table)
    active = bus_active(song.dry, scope.table) * scope.frames
    level = loudness.active_lufs(power, active) - loudness.active_lufs(
        jnp.broadcast_to(song.mix_k, power.shape), active
    )
    return Reading(level, (jnp.sum(active, axis=-1) > 0.0).astype(level.dtype))


def equal_loudness(rule: EqualLoudness, song: Measured, scope: Scope) -> Reading:
    """Loudness of each track less its boost, relative to the median of all, LU."""
    active = sounding(song, scope)
    audible = tracks_heard(scope, active)
    level = loudness.active_lufs(song.track_k, active) - scope.table[:, 0]
    # tracks are drawn to the median, not the median to a track
    return Reading(level - jax.lax.stop_gradient(quantile(level, 0.5, audible)), audible)


def expected_level(rule: ExpectedLevel, song: Measured, scope: Scope) -> Reading:
    """Loudness of each track less what is expected of it, relative to the median of all, LU."""
    active = sounding(song, scope)
    audible = tracks_heard(scope, active)
    level, usual, slope, per_doubling = scope.table.T
    features = balance.level_features(song.raw.track_k, active, audible)
    expected = level + slope * (features.recorded_lu - usual) + per_doubling * features.presence
    beyond = loudness.active_lufs(song.track_k, active) - expected
    # as with equal loudness, the median is drawn to no track
    return Reading(beyond - jax.lax.stop_gradient(quantile(beyond, 0.5, audible)), audible)


def given_level(rule: GivenLevel, song: Measured, scope: Scope) -> Reading:
    """Loudness of each track less the one that is given, relative to the median of all, LU."""
    active = sounding(song, scope)
    given, has_one = scope.table.T
    audible = tracks_heard(scope, active) * has_one
    beyond = loudness.active_lufs(song.track_k, active) - given
    return Reading(beyond - jax.lax.stop_gradient(quantile(beyond, 0.5, audible)), audible)


def audibility_floor(rule: AudibilityFloor, song: Panel, scope: Scope) -> Reading:
    """Share of its frames in which each track stands out in its five best bands."""
    excess = excess_db(song, rule.offset)
    active = sounding(song, scope)
    return Reading(masking.audibility(excess, song.raw.importance, active), tracks_heard(scope, active))
