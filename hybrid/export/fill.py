"""Fills the sheet of a report from what was delivered."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.audio.song import Track
from hybrid.compiled import seldom
from hybrid.export.goal import GoalSheet
from hybrid.export.sheet import Cut, Sheet, TrackSheet
from hybrid.knowledge.evaluate import frames_inside
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.readings.reading import smoothed
from hybrid.knowledge.types import RuleType
from hybrid.measure import loudness, spectrum
from hybrid.measure.panel import Measured
from hybrid.mixing.deliver import Delivered
from hybrid.mixing.settings_file import zone_names
from hybrid.signal import bands
from hybrid.treatment import curves, effect
from hybrid.treatment.parts import PARTS, RIDE_S, SEND_OFF_DB, SPREAD_OFF_DB, OneSided
from hybrid.treatment.types import Dry, Treatment, treatment_parts

_CUT_BEYOND = 1.5
"""How far from its rest a cut is worth drawing, as a ratio of corners: below 15 Hz, and above 27 kHz, it is not."""


class _Curves(NamedTuple):
    """Curves of a report, padding included."""

    raw_spectrum_db: Float[Array, " band"]
    mix_spectrum_db: Float[Array, " band"]
    raw_short_term_lufs: Float[Array, " frame"]
    mix_short_term_lufs: Float[Array, " frame"]
    before_lu: Float[Array, " track"]
    after_lu: Float[Array, " track"]
    tone_db: Float[Array, "track band"]
    ride_db: Float[Array, "track frame"]
    zone_db: Float[Array, "track zone frame"]


@seldom()
def _curves(
    dry: Dry, treatment: Treatment, measured: Measured, weight: Float[Array, " band"], raw_lufs: float | Array
) -> _Curves:
    """All curves of a mix; spectra are relative to their mean under `weight`, in bands of constant Q."""
    raw = effect.untreated(dry)
    raw_k = jnp.maximum(jnp.sum(effect.track_k(raw), axis=0) + jnp.sum(effect.pair_k(raw), axis=0), 0.0)
    sounds = jnp.max(dry.active, axis=0)

    def shape(total: Float[Array, "frame band"]) -> Float[Array, " band"]:
        return spectrum.relative_to_mean(spectrum.long_term_db(total, sounds), weight)

    def short_term(mix_k: Float[Array, " frame"], integrated_lufs: float | Array) -> Float[Array, " frame"]:
        """The three seconds around each frame, at the output level."""
        over = partial(smoothed, frame_s=dry.frame_s, span_s=loudness.SHORT_TERM_S)
        # at its ends, over what there is of the song
        level = loudness.lufs(over(mix_k) / jnp.maximum(over(dry.inside), 1e-3))
        return level + (integrated_lufs - loudness.integrated_lufs(mix_k, dry.inside, dry.frame_s))

    def relative(track_k: Float[Array, "track frame"], mix_k: Float[Array, " frame"]) -> Float[Array, " track"]:
        """Loudness of each track over the mix while the track sounds, LU; minus infinity for silence."""
        mix = loudness.active_lufs(jnp.broadcast_to(mix_k, track_k.shape), dry.active)
        level = loudness.active_lufs(track_k, dry.active) - mix
        return jnp.where(jnp.sum(dry.active, axis=-1) > 0.0, level, -jnp.inf)

    return _Curves(
        raw_spectrum_db=shape(effect.mix_power(raw)),
        mix_spectrum_db=shape(measured.mix_power),
        raw_short_term_lufs=short_term(raw_k, raw_lufs),
        mix_short_term_lufs=short_term(measured.mix_k, measured.loudness_lufs),
        before_lu=relative(effect.track_k(raw), raw_k),
        after_lu=relative(measured.track_k, measured.mix_k),
        tone_db=treatment.eq.tone_db @ curves.tone_curves().astype(np.float32),
        ride_db=curves.points_at(treatment.gain.ride_db, RIDE_S, dry.time_s),
        zone_db=curves.points_at(treatment.dynamics.zone_db, treatment.knot_s, dry.time_s),
    )


def _send_db(treatment: Treatment, track: int) -> float | None:
    send_db = SEND_OFF_DB if treatment.reverb is None else float(treatment.reverb.send_db[track])
    return send_db if send_db > SEND_OFF_DB + 2.0 else None


def sheet_of(delivered: Delivered, title: str, made_with: Mapping[str, str], goal: GoalSheet | None = None) -> Sheet:
    """Everything that the report of this mix shows."""
    plan = delivered.plan
    song, dry = plan.song, plan.analysis.dry
    time_s = np.asarray(dry.time_s, np.float64)
    inside = np.arange(len(time_s)) < frames_inside(dry)
    rule, weight = _weights(plan.objective)
    low, high = _target(rule, weight)
    drawn = _curves(dry, delivered.treatment, delivered.measured, weight.astype(np.float32), plan.before.loudness_lufs)
    return Sheet(
        song=song.name,
        title=title,
        sample_rate=song.sample_rate,
        duration_s=song.n_samples / song.sample_rate,
        tracks=_tracks(delivered, drawn, inside),
        band_hz=bands.band_centres_hz(),
        zone_names=zone_names(),
        time_s=time_s[inside],
        raw_spectrum_db=_plain(drawn.raw_spectrum_db),
        mix_spectrum_db=_plain(drawn.mix_spectrum_db),
        target_low_db=low,
        target_high_db=high,
        raw_short_term_lufs=_plain(drawn.raw_short_term_lufs)[inside],
        mix_short_term_lufs=_plain(drawn.mix_short_term_lufs)[inside],
        before=plan.before,
        after=delivered.verdict,
        notes=(*song.notes, *plan.report.warnings),
        made_with=dict(made_with),
        goal=goal,
    )


def _tracks(delivered: Delivered, drawn: _Curves, inside: np.ndarray) -> tuple[TrackSheet, ...]:
    treatment = jax.tree.map(np.asarray, delivered.treatment)
    active = np.asarray(delivered.plan.analysis.dry.active)[:, inside] > 0.0
    curves = (_plain(drawn.tone_db), _plain(drawn.ride_db)[:, inside], _plain(drawn.zone_db)[:, :, inside])
    levels = np.stack([_plain(drawn.before_lu), _plain(drawn.after_lu)], axis=1).tolist()
    return tuple(
        _track(track, i, treatment, levels[i], [curve[i] for curve in curves], active[i])
        for i, track in enumerate(delivered.plan.song.tracks)
    )


def _plain(curve: Array) -> Float[np.ndarray, "*shape"]:
    return np.asarray(curve, np.float64)


def _cuts(treatment: Treatment, track: int) -> tuple[Cut, ...]:
    """The filters of a track, without those that are as good as off."""
    cuts = []
    for name, value in treatment_parts(jax.device_put(treatment)).items():
        bijector = PARTS[name].bijector
        if isinstance(bijector, OneSided) and PARTS[name].unit == "Hz":
            corner_hz = float(value[track])
            is_low = bijector.span > 0.0
            beyond = corner_hz / bijector.rest if is_low else bijector.rest / corner_hz
            if beyond >= _CUT_BEYOND:
                cuts.append(Cut(PARTS[name].noun, corner_hz, is_low))
    return tuple(cuts)


def _track(
    track: Track,
    i: int,
    treatment: Treatment,
    levels_lu: list[float],
    curves: list[np.ndarray],
    active: np.ndarray,
) -> TrackSheet:
    tone, ride, zones = curves
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
        spread_db=_spread_db(treatment, i),
        send_db=_send_db(treatment, i),
        cuts=_cuts(treatment, i),
        tone_db=tone,
        ride_db=ride,
        dynamics_db=zones,
        active=active,
    )


def _spread_db(treatment: Treatment, track: int) -> float | None:
    spread_db = SPREAD_OFF_DB if treatment.pan.spread_db is None else float(treatment.pan.spread_db[track])
    # below it a side signal is no width
    return spread_db if spread_db > SPREAD_OFF_DB + 10.0 else None


def _weights(objective: Objective) -> tuple[RuleType | None, Float[np.ndarray, " band"]]:
    rules = [rule for rule in objective.program.rules if rule.enabled and rule.reference_curve()]
    if not rules:
        return None, bands.octaves_per_band()
    curve = rules[0].reference_curve()
    span = curve[0][0], curve[-1][0]
    return rules[0], bands.bands_between(span) * bands.octaves_per_band()


def _target(rule: RuleType | None, weight: Float[np.ndarray, " band"]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The interval that the rule on the spectrum asks for, relative to the curve's mean."""
    if rule is None:
        return None, None
    curve = bands.curve_db(rule.reference_curve())
    curve = curve - np.sum(curve * weight) / np.sum(weight)
    low, high = rule.bounds()
    return (curve + low if low is not None else None), (curve + high if high is not None else None)
