"""Fills the sheet of a report from what was delivered."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.audio.song import Track
from hybrid.export.settings import LOW_CUT_OFF_HZ, zone_names
from hybrid.export.sheet import Sheet, TrackSheet
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.readings.reading import smoothed
from hybrid.knowledge.readings.spectrum import curve_db
from hybrid.knowledge.types import LongTermSpectrum
from hybrid.measure import loudness, spectrum
from hybrid.mixing.deliver import Delivered
from hybrid.signal import bands
from hybrid.treatment import effect
from hybrid.treatment.types import RIDE_S, Treatment


def sheet_of(delivered: Delivered, title: str, made_with: Mapping[str, str]) -> Sheet:
    """Everything that the report of this mix shows."""
    plan = delivered.plan
    song, dry = plan.song, plan.analysis.dry
    inside = np.asarray(dry.time_s) <= song.n_samples / song.sample_rate
    inside[0] = True
    low, high = _target(plan.objective)
    raw = effect.as_measured(dry)
    return Sheet(
        song=song.name,
        title=title,
        sample_rate=song.sample_rate,
        duration_s=song.n_samples / song.sample_rate,
        tracks=_tracks(delivered, inside),
        band_hz=bands.band_centres_hz(),
        zone_names=zone_names(),
        time_s=np.asarray(dry.time_s, np.float64)[inside],
        raw_spectrum_db=_shape(effect.mix_total(raw), plan.objective, dry.active),
        mix_spectrum_db=_shape(effect.mix_total(delivered.measured.whole), plan.objective, dry.active),
        target_low_db=low,
        target_high_db=high,
        raw_short_term_lufs=_short_term(_raw_k(raw), dry.frame_s, plan.before.loudness_lufs)[inside],
        mix_short_term_lufs=_short_term(delivered.measured.mix_k, dry.frame_s, delivered.levels.integrated_lufs)[
            inside
        ],
        before=plan.before,
        after=delivered.verdict,
        notes=(*song.notes, *plan.report.warnings),
        made_with=dict(made_with),
    )


def _raw_k(raw: effect.Layer) -> Float[Array, " frame"]:
    """K-weighted power of the raw sum."""
    return jnp.maximum(jnp.sum(effect.total_k(raw), axis=0) + jnp.sum(effect.pair_k(raw), axis=0), 0.0)


def _tracks(delivered: Delivered, inside: np.ndarray) -> tuple[TrackSheet, ...]:
    dry, song = delivered.plan.analysis.dry, delivered.plan.song
    raw = effect.as_measured(dry)
    before = _relative(effect.total_k(raw), _raw_k(raw), dry.active)
    after = _relative(delivered.measured.track_k, delivered.measured.mix_k, dry.active)
    tone = delivered.treatment.eq.tone_db @ effect.tone_curves()
    rides = effect.points_at(delivered.treatment.gain.ride_db, RIDE_S, dry.time_s)
    zones = effect.points_at(delivered.treatment.dynamics.zone_db, delivered.treatment.knot_s, dry.time_s)
    curves = [np.asarray(x, np.float64) for x in (tone, rides[:, inside], zones[:, :, inside])]
    active = np.asarray(dry.active)[:, inside] > 0.0
    return tuple(
        _track(track, i, delivered.treatment, (before[i], after[i]), [c[i] for c in curves], active[i])
        for i, track in enumerate(song.tracks)
    )


def _track(
    track: Track,
    i: int,
    treatment: Treatment,
    levels_lu: tuple[float, float],
    curves: list[np.ndarray],
    active: np.ndarray,
) -> TrackSheet:
    tone, ride, zones = curves
    corner_hz = float(treatment.eq.low_cut_hz[i])
    return TrackSheet(
        id=track.id,
        role=track.role,
        tags=track.tags,
        confidence=float(track.confidence),
        before_lu=float(levels_lu[0]),
        after_lu=float(levels_lu[1]),
        level_db=float(treatment.gain.level_db[i]),
        pan=float(treatment.pan.position[i]),
        width_db=float(treatment.pan.width_db[i]) if track.channels == 2 else None,
        low_cut_hz=corner_hz if corner_hz >= LOW_CUT_OFF_HZ else None,
        tone_db=tone,
        ride_db=ride,
        dynamics_db=zones,
        active=active,
    )


def _relative(track_k: Array, mix_k: Array, active: Array) -> Float[np.ndarray, " track"]:
    """Loudness of each track over the mix while the track sounds, LU; minus infinity for silence."""
    mix = jnp.broadcast_to(mix_k, track_k.shape)
    level = loudness.active_lufs(track_k, active) - loudness.active_lufs(mix, active)
    return np.where(np.sum(np.asarray(active), axis=-1) > 0.0, np.asarray(level, np.float64), -np.inf)


def _short_term(mix_k: Array, frame_s: float, integrated_lufs: float) -> Float[np.ndarray, " frame"]:
    """Short-term loudness per frame, the three seconds around it, at the output level."""
    power = smoothed(mix_k, frame_s, loudness.SHORT_TERM_S)
    level = np.asarray(loudness.lufs(power), np.float64)
    return level + (integrated_lufs - float(loudness.integrated_lufs(mix_k, frame_s)))


def _weights(objective: Objective) -> tuple[LongTermSpectrum | None, np.ndarray]:
    rules = [rule for rule in objective.program.rules if isinstance(rule, LongTermSpectrum) and rule.enabled]
    if not rules:
        return None, spectrum.octaves_per_band()
    span = rules[0].curve[0][0], rules[0].curve[-1][0]
    return rules[0], spectrum.bands_between(span) * spectrum.octaves_per_band()


def _shape(total: Array, objective: Objective, active: Array) -> Float[np.ndarray, " band"]:
    """Long-term band levels relative to their mean, in bands of constant Q, dB."""
    _, weight = _weights(objective)
    level = spectrum.long_term_db(total, jnp.max(active, axis=0))
    return np.asarray(spectrum.relative_to_mean(level, jnp.asarray(weight, level.dtype)), np.float64)


def _target(objective: Objective) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The interval that the rule on the spectrum asks for, relative to the curve's mean."""
    rule, weight = _weights(objective)
    if rule is None:
        return None, None
    curve = curve_db(rule)
    curve = curve - np.sum(curve * weight) / np.sum(weight)
    low, high = rule.bounds()
    return (curve + low if low is not None else None), (curve + high if high is not None else None)
