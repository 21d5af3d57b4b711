"""Readings of the masking family."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from hybrid.knowledge.readings.reading import Reading, sounding, tracks_heard
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import MaskerToSignal, SpectralOverlap
from hybrid.measure import masking
from hybrid.measure.decibel import mean_over
from hybrid.measure.panel import Measured
from hybrid.treatment import effect


def masker_to_signal(rule: MaskerToSignal, song: Measured, scope: Scope) -> Reading:
    """Mean masking of each track by the rest, dB from 0 to the ceiling, where the track's own energy lies."""
    excess = masking.masker_to_signal_db(effect.total(song.tracks), effect.mix_total(song.whole), rule.offset)
    active = sounding(song, scope)
    course = masking.masked_db(excess, song.raw.importance, rule.ceiling)
    return Reading(mean_over(course, active), tracks_heard(scope, active), course * active)


def spectral_overlap(rule: SpectralOverlap, song: Measured, scope: Scope) -> Reading:
    """Likeness of the spectra of each pair; pairs count by how much they sound together."""
    active = sounding(song, scope)
    other = jnp.where(jnp.sum(scope.against) > 0.0, scope.against, scope.member)
    alike = masking.overlap(effect.total(song.tracks), active)
    return pair_reading(alike, pairs_of(scope.member, other) * masking.co_activity(active))


def pairs_of(first: jax.Array, second: jax.Array) -> jax.Array:
    """One, above the diagonal, for pairs with one track from each of two groups."""
    return jnp.triu(jnp.maximum(jnp.outer(first, second), jnp.outer(second, first)), 1)


def pair_reading(value: jax.Array, share: jax.Array) -> Reading:
    """A reading of all pairs, row by row; pairs with no share are not targets."""
    return Reading(value.reshape(-1), jax.lax.stop_gradient(share.reshape(-1)))
