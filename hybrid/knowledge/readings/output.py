"""Readings of the output family."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.knowledge.readings.reading import Reading, around, mix_sounding, one, smoothed
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import IntegratedLoudness, LoudnessRange, PeakToLoudness, PeakToShortTerm, TruePeak
from hybrid.measure import loudness
from hybrid.measure.decibel import db
from hybrid.measure.panel import Measured
from hybrid.measure.statistics import worst_mean


def integrated_loudness(rule: IntegratedLoudness, song: Measured, scope: Scope) -> Reading:
    """Integrated loudness of the output, LUFS."""
    return one(song.loudness_lufs)


def true_peak(rule: TruePeak, song: Measured, scope: Scope) -> Reading:
    """True peak of the output, dBTP."""
    return one(song.true_peak_dbtp)


def loudness_range(rule: LoudnessRange, song: Measured, scope: Scope) -> Reading:
    """Range of short-term loudness of the mix, LU; no target in a song that is too short."""
    inside = song.dry.inside * scope.frames
    value = loudness.range_lu(song.mix_k * scope.frames, inside, song.dry.frame_s)
    long_enough = jnp.sum(inside) * song.dry.frame_s >= rule.shortest
    return one(value)._replace(share=long_enough[None].astype(value.dtype))


def peak_to_loudness(rule: PeakToLoudness, song: Measured, scope: Scope) -> Reading:
    """True peak of the output over its integrated loudness, dB."""
    return one(song.true_peak_dbtp - song.loudness_lufs)


def peak_to_short_term(rule: PeakToShortTerm, song: Measured, scope: Scope) -> Reading:
    """Peak over short-term loudness within 3 s, mean of the lowest share of the song, dB."""
    level = loudness.lufs(smoothed(song.mix_k, song.dry.frame_s))
    course = db(_highest(song.peak, song.dry.frame_s)) - level
    # not where there is next to nothing: what counts is decided by the raw tracks
    counted = (mix_sounding(song, scope) > 0.0).astype(course.dtype)
    return one(-worst_mean(-course, rule.share, counted), course * counted)


def _highest(peak: Float[Array, " frame"], frame_s: float) -> Float[Array, " frame"]:
    """The highest value within 3 s around each frame."""
    return jnp.max(around(peak, frame_s, loudness.SHORT_TERM_S), axis=0)
