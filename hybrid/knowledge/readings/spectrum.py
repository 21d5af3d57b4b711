"""Readings of the spectrum family."""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.knowledge.readings.reading import Panel, Reading, bus_reading, mix_sounding, one, sounding, tracks_heard
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import (
    BandOwnership,
    LongTermSpectrum,
    LowEndBudget,
    LowEnergyRatio,
    RegionExcess,
    Sibilance,
    SpectralTilt,
)
from hybrid.measure import space, spectrum
from hybrid.measure.decibel import db
from hybrid.measure.statistics import worst_mean
from hybrid.signal import bands
from hybrid.treatment import effect

_EMPTY_DB = 30.0
"""A band this far below the fullest one, relative to the curve, holds nothing to balance (by taste)."""
HISS_HZ, BODY_HZ = (5000.0, 9000.0), (300.0, 4000.0)
"""Sibilance and what it is held against: the range of de-essers, and that of the voice below it (textbook practice)."""
LOW_END_HZ, MIDDLE_HZ = 120.0, 2000.0


def long_term_spectrum(rule: LongTermSpectrum, song: Panel, scope: Scope) -> Reading:
    """Each band of the mix relative to the curve, dB, free of level; bands count by their width in octaves.

    Not targets are bands outside the curve's corners, and those that the raw tracks do not fill: 30 dB and more
    below the fullest band, relative to the curve, where an equaliser would lift nothing but noise.
    """
    level = spectrum.long_term_db(_power_of(rule.signal, song), mix_sounding(song, scope))
    curve, inside = scope.table
    raw = effect.summed(song.raw.power)
    raw_level = spectrum.long_term_db(raw, mix_sounding(song, scope)) - curve
    # relative to the curve: a plain threshold would leave out treble that does no more than follow it
    filled = raw_level > jnp.max(jnp.where(inside > 0.0, raw_level, -jnp.inf)) - _EMPTY_DB
    weight = jax.lax.stop_gradient(inside * filled)
    return Reading(spectrum.relative_to_mean(level - curve, weight), weight)


def _power_of(signal: Literal["both", "mid", "side"], song: Panel) -> Float[Array, "frame band"]:
    if signal == "both":
        return song.mix_power
    mid, side = space.mid_and_side(song.whole)
    return mid if signal == "mid" else side


def spectral_tilt(rule: SpectralTilt, song: Panel, scope: Scope) -> Reading:
    """Slope of the mix's band levels, dB per octave."""
    level = spectrum.long_term_db(song.mix_power, mix_sounding(song, scope))
    return one(spectrum.tilt_db_per_octave(level, jnp.asarray(bands.bands_between(rule.band), level.dtype)))


def low_energy_ratio(rule: LowEnergyRatio, song: Panel, scope: Scope) -> Reading:
    """Power of each track below its corner over its whole power, dB."""
    active = sounding(song, scope)
    value = spectrum.below_db(song.direct_power, active, scope.table[:, 0])
    return Reading(value, tracks_heard(scope, active) * (scope.table[:, 0] > 0.0))


def band_ownership(rule: BandOwnership, song: Panel, scope: Scope) -> Reading:
    """Power of the owner over that of the others in the band, dB, while the owner sounds."""
    active = jnp.max(scope.member[:, None] * sounding(song, scope), axis=0)
    inside = jnp.asarray(bands.bands_between(rule.band), song.mix_k.dtype)
    own, others = (active @ song.bus_power(member) @ inside for member in (scope.member, scope.against))
    present = (jnp.sum(active) > 0.0) & (jnp.sum(scope.against) > 0.0)
    count = jnp.maximum(jnp.sum(active), 1.0)
    # the floor of `db` is one of levels: means over frames, not sums, and two levels, not the level of a ratio
    return bus_reading(db(own / count) - db(others / count), present)


def region_excess(rule: RegionExcess, song: Panel, scope: Scope) -> Reading:
    """Level of the region over the line between its neighbours, dB."""
    active = jnp.max(scope.member[:, None] * sounding(song, scope), axis=0)
    level = spectrum.long_term_db(song.bus_power(scope.member), active)
    return bus_reading(spectrum.excess_db(level, rule.band), jnp.sum(active) > 0.0)


def sibilance(rule: Sibilance, song: Panel, scope: Scope) -> Reading:
    """Change of each track's sharpness where it is sharpest, dB."""
    active = sounding(song, scope)
    hiss, body = (jnp.asarray(bands.bands_between(band), song.mix_k.dtype) for band in (HISS_HZ, BODY_HZ))
    counted = (active > 0.0).astype(hiss.dtype)

    def sharpest(power: Float[Array, "track frame band"]) -> Float[Array, " track"]:
        return worst_mean(db(power @ hiss) - db(power @ body), rule.share, counted)

    # frames are ranked anew after treatment: hiss that moves to other frames counts there
    change = sharpest(song.direct_power) - sharpest(song.raw.power)
    return Reading(change, tracks_heard(scope, active))


def low_end_budget(rule: LowEndBudget, song: Panel, scope: Scope) -> Reading:
    """Power of the mix below 120 Hz over that from there to 2 kHz, dB."""
    active = mix_sounding(song, scope)
    power = (active @ song.mix_power) / jnp.maximum(jnp.sum(active), 1.0)
    low, mid = (spectrum.shares_below(corner).astype(power.dtype) for corner in (LOW_END_HZ, MIDDLE_HZ))
    return one(db(power @ low) - db(power @ (mid - low)))
