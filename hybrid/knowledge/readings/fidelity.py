"""Readings of the fidelity family."""

from __future__ import annotations

import jax.numpy as jnp

from hybrid.knowledge.readings.reading import Panel, Reading, bus_reading, sounding, tracks_heard, treatment_of
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import (
    Artefacts,
    Distortion,
    MinimalChange,
    PhaseCoherence,
    QuietRests,
    SmoothControl,
    TimbreChange,
    TransientsKept,
)
from hybrid.measure import coherence, dynamics, fidelity
from hybrid.measure.decibel import mean_over
from hybrid.measure.panel import Measured
from hybrid.measure.statistics import worst_mean
from hybrid.treatment import curves, effect
from hybrid.treatment.bounds import regulariser

AFTER_S = 0.1
"""What an attack is held against comes this much later (a guess)."""


def timbre_change(rule: TimbreChange, song: Panel, scope: Scope) -> Reading:
    """Change of each track's spectral shape, dB RMS."""
    active = sounding(song, scope)
    # handed over by itself, so that lifting the tone under a low cut does not read as undoing it
    low_cut = jnp.zeros_like(song.raw.power[:, 0])
    if song.treatment is not None:
        low_cut = curves.low_cut_band_db(song.treatment.eq.low_cut_hz, song.dry.low_power, song.dry.low_hz)
    value = fidelity.timbre_change_db(song.raw.power, song.direct_power, active, low_cut)
    return Reading(value, tracks_heard(scope, active))


def smooth_control(rule: SmoothControl, song: Measured, scope: Scope) -> Reading:
    """Speed of each track's gain curves, in its fastest zone: the mean of the fastest tenth, dB/s."""
    active = sounding(song, scope)
    assert song.slew_db_per_s is not None
    speed = jnp.max(jnp.abs(song.slew_db_per_s), axis=1)
    moving = (active > 0.0).astype(speed.dtype)
    return Reading(worst_mean(speed, 0.1, moving), tracks_heard(scope, active), speed * moving)


def minimal_change(rule: MinimalChange, song: Measured, scope: Scope) -> Reading:
    """Regulariser of each track: the sum of its squared controls in whitened units."""
    return Reading(regulariser(treatment_of(song)), tracks_heard(scope, song.dry.active))


def transients_kept(rule: TransientsKept, song: Measured, scope: Scope) -> Reading:
    """Gain at each track's onsets less that a tenth of a second later, dB."""
    active = sounding(song, scope)
    strength, treatment = dynamics.onsets(song.raw.power, active), treatment_of(song)
    at, later = (
        dynamics.broadband_db(curves.moving_db(treatment, song.dry.time_s + late), song.raw.power)
        for late in (0.0, AFTER_S)
    )
    has_onsets = jnp.sum(strength, axis=-1) > 0.0
    return Reading(mean_over(at - later, strength), tracks_heard(scope, active) * has_onsets)


def phase_coherence(rule: PhaseCoherence, song: Measured, scope: Scope) -> Reading:
    """Power of the tracks' sum below 500 Hz over the sum of their powers, less the same of the raw tracks, dB."""
    active = jnp.max(scope.member[:, None] * sounding(song, scope), axis=0)
    # direct sound alone: `pair_power` would count what a pair shares in the room as coherence
    back = song.tracks.reverb_return
    direct = song.direct_power, song.pair_power if back is None else song.pair_power - back.of_pair
    before = song.raw.power, effect.pair_power(effect.untreated(song.dry))
    now, raw = (
        coherence.group_coherence_db(own, of_pairs, scope.member, song.dry.pairs, active)
        for own, of_pairs in (direct, before)
    )
    # unrelated tracks read 0 dB whatever is done to them: no target
    shared = jnp.sum(jnp.abs(effect.pair_member(song.dry, scope.member) @ song.raw.pair_k)) > 0.0
    return bus_reading(now - raw, shared & (jnp.sum(active) > 0.0))


def quiet_rests(rule: QuietRests, song: Panel, scope: Scope) -> Reading:
    """Level of each track in its rests relative to where it sounds, after less before, dB."""
    active = sounding(song, scope)
    # times what the song fills of a frame: padding is no rest
    rest = (song.dry.active <= 0.0) * scope.frames * song.dry.inside
    after, before = (
        dynamics.in_rests_db(jnp.sum(power, axis=-1), active, rest) for power in (song.direct_power, song.raw.power)
    )
    return Reading(after - before, tracks_heard(scope, active) * (jnp.sum(rest, axis=-1) > 0.0))


def distortion(rule: Distortion, song: Measured, scope: Scope) -> Reading:
    """Power of each track that a fixed filter and a slow gain explain over the rest, dB."""
    return Reading(song.explained_db[0], tracks_heard(scope, song.dry.active))


def artefacts(rule: Artefacts, song: Measured, scope: Scope) -> Reading:
    """Power of each track that a slowly changing filter explains over the rest, dB."""
    return Reading(song.explained_db[1], tracks_heard(scope, song.dry.active))
