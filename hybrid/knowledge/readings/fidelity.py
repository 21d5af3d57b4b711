"""Readings of the fidelity family."""

from __future__ import annotations

import jax.numpy as jnp

from hybrid.knowledge.readings.reading import Reading, sounding, tracks_heard
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import MinimalChange, SmoothControl, TimbreChange
from hybrid.measure import fidelity
from hybrid.measure.panel import Measured
from hybrid.treatment import effect
from hybrid.treatment.bounds import effort


def timbre_change(rule: TimbreChange, song: Measured, scope: Scope) -> Reading:
    """Change of each track's spectral shape, dB RMS."""
    active = sounding(song, scope)
    low_cut = effect.low_cut_band_db(song.treatment.eq.low_cut_hz, song.dry.low_power, song.dry.low_hz)
    value = fidelity.timbre_change_db(song.raw.power, effect.total(song.tracks), active, low_cut)
    return Reading(value, tracks_heard(scope, active))


def smooth_control(rule: SmoothControl, song: Measured, scope: Scope) -> Reading:
    """Speed of each track's gain curves, in its fastest zone: the mean of the fastest tenth, dB/s."""
    active = sounding(song, scope)
    speed = jnp.max(jnp.abs(song.slew_db_per_s), axis=1)
    moving = (active > 0.0).astype(speed.dtype)
    return Reading(fidelity.worst_mean(speed, 0.1, moving), tracks_heard(scope, active), speed * moving)


def minimal_change(rule: MinimalChange, song: Measured, scope: Scope) -> Reading:
    """How much is done to each track: the sum of its squared moves in whitened units."""
    return Reading(effort(song.treatment), tracks_heard(scope, song.dry.active))
