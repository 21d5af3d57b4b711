"""Readings of the dynamics family."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.knowledge.readings.reading import (
    Panel,
    Reading,
    bus_reading,
    smoothed,
    sounding,
    tracks_heard,
    treatment_of,
)
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import (
    ContourChange,
    GainReduction,
    LevelConsistency,
    MicroDynamics,
    SectionContrast,
    SidechainDepth,
)
from hybrid.measure import dynamics, loudness
from hybrid.measure.decibel import mean_over
from hybrid.measure.panel import Measured, bus_k
from hybrid.measure.statistics import quantile, worst_mean
from hybrid.signal import bands
from hybrid.treatment import effect
from hybrid.treatment.curves import points_at, zone_curves

_ARC_LU = 20.0
"""Windows further below the loudest are not part of a song's arc: the relative gate of loudness ranges."""
_FAINT = 1e-10
_SHARED = 0.5
"""Bass and kick share a band from this overlap on (a guess)."""


def gain_reduction(rule: GainReduction, song: Panel, scope: Scope) -> Reading:
    """Gain reduction of each track by dynamics, from its 95th percentile, dB: the mean or the deepest twentieth."""
    active = sounding(song, scope)
    gain = song.once("held", lambda: dynamics.broadband_db(_dynamics_db(song), song.raw.power))
    counted = (active > 0.0).astype(gain.dtype)
    # against its own top, since a constant gain of the curve is level, not reduction
    top = quantile(gain, 0.95, counted)
    down = mean_over(gain, active) if rule.statistic == "mean" else -worst_mean(-gain, 0.05, counted)
    return Reading(down - top, tracks_heard(scope, active), (gain - top[:, None]) * counted)


def _dynamics_db(song: Measured) -> Float[Array, "track zone frame"]:
    treatment = treatment_of(song)
    return points_at(treatment.dynamics.zone_db, treatment.knot_s, song.dry.time_s)


def level_consistency(rule: LevelConsistency, song: Measured, scope: Scope) -> Reading:
    """Spread of the lead's loudness over the rest in windows of 3 s while both sound, section by section, LU.

    Frames outside all sections are a section of their own, and where sections overlap, each has its share.
    """
    active = jnp.max(scope.member[:, None] * sounding(song, scope), axis=0)
    active = active * jnp.max(scope.against[:, None] * song.dry.active, axis=0)
    # pauses are silenced in both, so that the ratio of their running means is that of the frames that count
    lead, rest = bus_k(song, jnp.stack([scope.member, scope.against])) * active
    ratio = loudness.lufs(smoothed(lead, song.dry.frame_s)) - loudness.lufs(smoothed(rest, song.dry.frame_s))
    named = jnp.sum(scope.table, axis=0)
    section = jnp.concatenate([scope.table / jnp.maximum(named, 1.0), jnp.maximum(1.0 - named, 0.0)[None]])
    # the form of a song, such as a chorus above its verse, is no unsteadiness
    ratio = ratio - mean_over(jnp.broadcast_to(ratio, section.shape), section * active) @ section
    counted = (active > 0.0).astype(ratio.dtype)
    spread = quantile(ratio, 0.95, counted) - quantile(ratio, 0.05, counted)
    return bus_reading(spread, jnp.sum(active) > 0.0)


def micro_dynamics(rule: MicroDynamics, song: Panel, scope: Scope) -> Reading:
    """Movement of each track's level over that of the raw track, dB."""
    active = sounding(song, scope)
    after, before = (
        dynamics.movement_db(jnp.sum(power, axis=-1), active, song.dry.frame_s)
        for power in (song.direct_power, song.raw.power)
    )
    return Reading(after - before, tracks_heard(scope, active))


def contour_change(rule: ContourChange, song: Measured, scope: Scope) -> Reading:
    """Standard deviation of the change of short-term loudness by what moves in time, LU."""
    active = sounding(song, scope)
    own, raw = (jnp.sum(power * active, axis=-1) for power in (song.track_k, song.raw.track_k))
    # silent tracks have no level to keep
    heard = (own > _FAINT) & (raw > _FAINT)
    fader = jnp.where(heard, own / jnp.where(heard, raw, 1.0), 0.0) * scope.member
    first, second = song.dry.pairs.T
    pairs = jnp.sqrt(jnp.maximum(fader[first] * fader[second], _FAINT)) * effect.pair_member(song.dry, scope.member)
    still = jnp.maximum(fader @ song.raw.track_k + pairs @ song.raw.pair_k, 0.0)
    now = bus_k(song, scope.member)
    course, reference = (loudness.lufs(smoothed(power, song.dry.frame_s)) for power in (now, still))
    counted = song.dry.inside * (reference > jnp.max(reference) - _ARC_LU)
    # windows are chosen, not shaped: a mix gains nothing by silencing them
    change, counted = course - reference, jax.lax.stop_gradient(counted)
    square = mean_over(jnp.square(change - mean_over(change, counted)), counted)
    # the gradient of the root is infinite at zero
    spread = jnp.where(square > _FAINT, jnp.sqrt(jnp.maximum(square, _FAINT)), 0.0)
    return bus_reading(spread, jnp.any(heard & (scope.member > 0.0)))


def sidechain_depth(rule: SidechainDepth, song: Measured, scope: Scope) -> Reading:
    """Gain of each track within the band while the others strike, less that while they do not, dB."""
    active = sounding(song, scope)
    inside = bands.bands_between(rule.band)
    share = zone_curves() @ inside
    gain = jnp.einsum("izt,z->it", _dynamics_db(song), jnp.asarray(share / share.sum(), song.mix_k.dtype))
    low = song.raw.power @ jnp.asarray(inside, gain.dtype)
    strike = scope.against @ low
    # relative to its full strikes: the level of the raw kick does not matter
    full = quantile(strike, 0.95, (strike > 0.0).astype(strike.dtype))
    hit = jax.lax.stop_gradient(jnp.clip(strike / jnp.maximum(full, 1e-12), 0.0, 1.0))
    during, between = active * hit, active * (1.0 - hit)
    both = (jnp.sum(during, axis=-1) > 0.0) & (jnp.sum(between, axis=-1) > 0.0)
    depth = mean_over(gain, during) - mean_over(gain, between)
    return Reading(depth, scope.member * both * (_overlap(song, scope, inside) > _SHARED))


def _overlap(song: Measured, scope: Scope, inside: Float[np.ndarray, " band"]) -> Float[Array, " track"]:
    """Likeness of each raw track's long-term spectrum within some bands to that of the tracks in `against`."""
    spectra = jnp.sum(song.raw.power, axis=1) * jnp.asarray(inside, song.mix_k.dtype)
    theirs = scope.against @ spectra
    shapes = [x / jnp.maximum(jnp.sum(x, axis=-1, keepdims=True), 1e-12) for x in (spectra, theirs)]
    # Bhattacharyya coefficient of two distributions, as in `masking.overlap`: free of level
    return jax.lax.stop_gradient(jnp.sum(jnp.sqrt(shapes[0] * shapes[1]), axis=-1))


def section_contrast(rule: SectionContrast, song: Measured, scope: Scope) -> Reading:
    """Loudness in the first section over that in the second, less a share of the raw tracks', LU, while they sound."""
    active = jnp.max(scope.member[:, None] * sounding(song, scope), axis=0)
    within = scope.table * active

    def contrast(raw: bool) -> Float[Array, ""]:
        power = bus_k(song, scope.member, raw)
        first, second = loudness.active_lufs(jnp.broadcast_to(power, within.shape), within)
        return first - second

    return bus_reading(contrast(raw=False) - rule.of_raw * contrast(raw=True), jnp.all(jnp.sum(within, axis=-1) > 0.0))
