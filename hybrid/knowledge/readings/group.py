"""Readings of groups and habits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.knowledge.readings.reading import Panel, Reading, sounding, tracks_heard
from hybrid.knowledge.readings.space import positions, track_mean
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import CorpusPrior, GroupIntegrity
from hybrid.measure import loudness, space, spectrum
from hybrid.measure.decibel import db
from hybrid.measure.masking import importance
from hybrid.measure.panel import Measured, bus_k


def corpus_prior(rule: CorpusPrior, song: Panel, scope: Scope) -> Reading:
    """Distance of each track's feature from the mean of its role, in standard deviations."""
    active = sounding(song, scope)
    known = tracks_heard(scope, active) * (scope.table[:, 1] > 0.0)
    if rule.feature == "width":
        known = known * _is_stereo(song)
    # a role without an entry has zeros in the table: no target, and nothing to divide by
    spread = jnp.where(scope.table[:, 1] > 0.0, scope.table[:, 1], 1.0)
    return Reading((_FEATURES[rule.feature](song, active) - scope.table[:, 0]) / spread, known)


def _level(song: Measured, active: Float[Array, "track frame"]) -> Float[Array, " track"]:
    mix = jnp.broadcast_to(song.mix_k, active.shape)
    return loudness.active_lufs(song.track_k, active) - loudness.active_lufs(mix, active)


def _off_centre(song: Measured, active: Float[Array, "track frame"]) -> Float[Array, " track"]:
    # sides are interchangeable: only the distance from the centre is a habit
    return jnp.abs(positions(song, active))


def _width(song: Measured, active: Float[Array, "track frame"]) -> Float[Array, " track"]:
    return space.side_to_mid_db(track_mean(song, active).T)


def _brightness(song: Panel, active: Float[Array, "track frame"]) -> Float[Array, " track"]:
    raw, treated = (jnp.einsum("itb,it->ib", power, active) for power in (song.raw.power, song.direct_power))
    # bands that the raw track leaves empty say nothing of what its equaliser does
    weight = importance(raw)
    return jax.vmap(spectrum.tilt_db_per_octave)(jnp.where(weight > 0.0, db(treated) - db(raw), 0.0), weight)


_FEATURES = {"level": _level, "position": _off_centre, "width": _width, "brightness": _brightness}


def _is_stereo(song: Measured) -> Float[Array, " track"]:
    """One for raw tracks whose channels differ."""
    left, right, cross = (jnp.sum(song.dry.power[:, k], axis=(1, 2)) for k in range(3))
    # 0.9999 for rounding; a file with one silent channel has neither cross power nor a product: it counts as mono
    return (cross < 0.9999 * jnp.sqrt(left * right)).astype(left.dtype)


def group_integrity(rule: GroupIntegrity, song: Measured, scope: Scope) -> Reading:
    """Loudness of each track relative to its group while it sounds, less the same of the raw tracks, LU."""
    active = sounding(song, scope)

    def relative(track_k: Float[Array, "track frame"], raw: bool) -> Float[Array, " track"]:
        bus = jnp.broadcast_to(bus_k(song, scope.member, raw), active.shape)
        return loudness.active_lufs(track_k, active) - loudness.active_lufs(bus, active)

    change = relative(song.track_k, raw=False) - relative(song.raw.track_k, raw=True)
    return Reading(change, tracks_heard(scope, active))
