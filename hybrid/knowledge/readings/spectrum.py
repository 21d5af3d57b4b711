"""Readings of the spectrum family."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from hybrid.knowledge.readings.reading import Reading, mix_sounding, one, sounding, tracks_heard
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import LongTermSpectrum, LowEnergyRatio, SpectralTilt
from hybrid.measure import spectrum
from hybrid.measure.panel import Measured
from hybrid.signal import bands
from hybrid.treatment import effect

_EMPTY_DB = 30.0
"""A band this far below the fullest one, relative to the curve, holds nothing to balance (by taste)."""


def curve_db(rule: LongTermSpectrum) -> Float[np.ndarray, " band"]:
    """The wanted curve at the band centres: straight lines over log frequency, held beyond the ends."""
    corners_hz, levels_db = zip(*rule.curve, strict=True)
    return np.interp(np.log2(bands.band_centres_hz()), np.log2(corners_hz), levels_db)


def long_term_spectrum(rule: LongTermSpectrum, song: Measured, scope: Scope) -> Reading:
    """Each band of the mix relative to the curve, dB, free of level; bands count by their width in octaves.

    Not targets are bands outside the curve's corners, and those that the raw tracks do not fill: 30 dB and more
    below the fullest band, relative to the curve, where an equaliser would lift nothing but noise.
    """
    level = spectrum.long_term_db(effect.mix_total(song.whole), mix_sounding(song, scope))
    inside = spectrum.bands_between((rule.curve[0][0], rule.curve[-1][0])) * spectrum.octaves_per_band()
    curve = jnp.asarray(curve_db(rule), level.dtype)
    raw = effect.summed(song.raw.power)
    raw_level = spectrum.long_term_db(raw, mix_sounding(song, scope)) - curve
    filled = raw_level > jnp.max(jnp.where(inside > 0.0, raw_level, -jnp.inf)) - _EMPTY_DB
    weight = jax.lax.stop_gradient(jnp.asarray(inside, level.dtype) * filled)
    return Reading(spectrum.relative_to_mean(level - curve, weight), weight)


def spectral_tilt(rule: SpectralTilt, song: Measured, scope: Scope) -> Reading:
    """Slope of the mix's band levels, dB per octave."""
    level = spectrum.long_term_db(effect.mix_total(song.whole), mix_sounding(song, scope))
    return one(spectrum.tilt_db_per_octave(level, jnp.asarray(spectrum.bands_between(rule.band), level.dtype)))


def low_energy_ratio(rule: LowEnergyRatio, song: Measured, scope: Scope) -> Reading:
    """Power of each track below its corner over its whole power, dB."""
    active = sounding(song, scope)
    value = spectrum.below_db(effect.total(song.tracks), active, scope.table)
    return Reading(value, tracks_heard(scope, active) * (scope.table > 0.0))
