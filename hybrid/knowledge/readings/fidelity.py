"""Readings of the fidelity family."""

from __future__ import annotations

import jax.numpy as jnp

from hybrid.knowledge.readings.reading import Reading, sounding, tracks_heard
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import MinimalChange, SmoothControl, TimbreChange
from hybrid.measure import fidelity
from hybrid.measure.panel import Measured
from hybrid.treatment.bounds import effort


def timbre_change(rule: TimbreChange, song: Measured, scope: Scope) -> Reading:
    """Change of each track's spectral shape, dB RMS."""
    active = sounding(song, scope)
    value = fidelity.timbre_change_db(song.dry.power, song.track, active)
    return Reading(value, tracks_heard(scope, active))


def smooth_control(rule: SmoothControl, song: Measured, scope: Scope) -> Reading:
    """Speed of each track's gain curves, the mean of the fastest tenth, dB per second."""
    speed = jnp.abs(song.slew_db_per_s)
    value = fidelity.worst_mean(speed.reshape(speed.shape[0], -1), 0.1)
    return Reading(value, tracks_heard(scope, song.dry.active), jnp.max(speed, axis=1))


def minimal_change(rule: MinimalChange, song: Measured, scope: Scope) -> Reading:
    """How much is done to each track, in whitened units."""
    return Reading(effort(song.treatment), tracks_heard(scope, song.dry.active))
