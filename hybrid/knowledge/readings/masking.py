"""Readings of the masking family."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.knowledge.readings.reading import (
    Panel,
    Reading,
    bus_reading,
    pair_reading,
    pairs_of,
    sounding,
    tracks_heard,
    treatment_of,
)
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import (
    EssentialBandMasking,
    LeadClarity,
    MaskedToUnmasked,
    MaskerToSignal,
    MaskingBalance,
    SpectralOverlap,
)
from hybrid.measure import masking, partial_loudness
from hybrid.measure.decibel import db, mean_over
from hybrid.signal import bands
from hybrid.treatment.curves import tone_curves

_SHARPNESS = 10.0
"""Of soft extremes (Ronan 2018)."""


def masker_to_signal(rule: MaskerToSignal, song: Panel, scope: Scope) -> Reading:
    """Mean masking of each track by the rest, dB from 0 to the ceiling, where the track's own energy lies."""
    active = sounding(song, scope)
    course = _masked_db(song, rule.offset, rule.ceiling)
    return Reading(mean_over(course, active), tracks_heard(scope, active), course * active)


def excess_db(song: Panel, offset: float) -> Float[Array, "track frame band"]:
    """Masking level of the rest over the level of each track in every band, dB."""
    return song.once("excess", lambda: masking.masker_to_signal_db(song.track_power, song.mix_power, offset), offset)


def _masked_db(song: Panel, offset: float, ceiling: float) -> Float[Array, "track frame"]:
    excess = excess_db(song, offset)
    return song.once("masked", lambda: masking.masked_db(excess, song.raw.importance, ceiling), offset, ceiling)


def spectral_overlap(rule: SpectralOverlap, song: Panel, scope: Scope) -> Reading:
    """Likeness of the spectra of each pair; pairs count by how much they sound together."""
    active = sounding(song, scope)
    other = jnp.where(jnp.sum(scope.against) > 0.0, scope.against, scope.member)
    alike = masking.overlap(song.direct_power, active)
    return pair_reading(alike, pairs_of(scope.member, other) * masking.co_activity(active))


def essential_band_masking(rule: EssentialBandMasking, song: Panel, scope: Scope) -> Reading:
    """Level of each track over the others in bands that are essential to them and not to it, dB."""
    others = jnp.max(scope.against[:, None] * song.dry.active, axis=0)
    active = sounding(song, scope) * others
    own = jnp.einsum("itb,it->ib", song.raw.power, active)
    theirs = active @ jnp.tensordot(scope.against, song.raw.power, 1)
    need, use = (masking.essential(power, rule.essential) for power in (theirs, own))
    weight = need * (1.0 - use) * jnp.asarray(bands.bands_between(rule.band), own.dtype)
    level = db(jnp.einsum("itb,it->ib", song.direct_power, active))
    tone = treatment_of(song).eq.tone_db @ jnp.asarray(tone_curves(), level.dtype)
    # a floor without gradient at the level before its tone curve, less the deepest cut: cutting further gains nothing
    level = jnp.maximum(level, jax.lax.stop_gradient(level - tone) - rule.max_cut)
    # only the covering track is moved: lifting the covered one must not count
    rival = jax.lax.stop_gradient(db(active @ song.bus_power(scope.against)))
    value = jnp.sum(weight * jax.nn.softplus(level - rival), axis=-1) / jnp.maximum(jnp.sum(need, axis=-1), 1e-6)
    return Reading(value, tracks_heard(scope, active))


def masking_balance(rule: MaskingBalance, song: Panel, scope: Scope) -> Reading:
    """Soft maximum less soft minimum of the masking of the tracks, 0 to 1."""
    active = sounding(song, scope)
    share = mean_over(_masked_db(song, rule.offset, rule.ceiling), active) / rule.ceiling
    audible = tracks_heard(scope, active)

    # soft, so that more than the two outermost tracks have a gradient
    def soft(sign: float) -> jax.Array:
        weight = jax.nn.softmax(jnp.where(audible > 0.0, sign * _SHARPNESS * share, -jnp.inf), where=audible > 0.0)
        return jnp.sum(jnp.where(audible > 0.0, weight * share, 0.0))

    return bus_reading(soft(1.0) - soft(-1.0), jnp.sum(audible) > 1.0)


def lead_clarity(rule: LeadClarity, song: Panel, scope: Scope) -> Reading:
    """Share of the lead's speech bands that stand clear of the rest, 0 to 1, while it sounds."""
    active = jnp.max(scope.member[:, None] * sounding(song, scope), axis=0)
    lead, rest = (song.bus_power(member) for member in (scope.member, scope.against))
    course = masking.clarity(db(lead) - db(rest))
    return bus_reading(mean_over(course, active), jnp.sum(active) > 0.0, course * active)


def masked_to_unmasked(rule: MaskedToUnmasked, song: Panel, scope: Scope) -> Reading:
    """Share of its loudness alone that each track keeps beside the rest, 0 to 1."""
    active = sounding(song, scope)
    # powers are before the output level, and so must be the loudness that is set against the playback level
    before = song.loudness_lufs - song.output_level_db
    pressure = partial_loudness.pressure_of(before, rule.level)
    kept = partial_loudness.kept_share(song.track_power, song.mix_power, active, pressure)
    return Reading(kept, tracks_heard(scope, active))
