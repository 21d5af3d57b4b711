"""Measurement panel: all quantities that rules read, computed once per evaluation.

`predict` computes it in the power domain from raw measurements and a treatment, with gradients and without audio;
`predict_tracks` from treated tracks, whoever treated them; `observe` computes it from measurements of rendered audio.
The weights of frames always come from the raw tracks, so that a mix cannot satisfy a rule by silencing the frames that
it is judged on.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.compiled import seldom, storable, storable_dataclass
from hybrid.measure import loudness, masking
from hybrid.measure.decibel import FLOOR
from hybrid.measure.explained import CEILING_DB
from hybrid.treatment import curves, effect, types
from hybrid.treatment.effect import Layer, Return
from hybrid.treatment.types import Dry, Treatment


class Raw(NamedTuple):
    """Quantities of the raw tracks alone: the same under every treatment, without gradient."""

    power: Float[Array, "track frame band"]
    """Power of each track, sum of both channels."""
    importance: Float[Array, "track frame band"]
    """Weight of each band of the track; sums to one over bands."""
    whole: Float[Array, " frame"]
    """Power of the sum of all raw tracks."""
    track_k: Float[Array, "track frame"]
    """K-weighted power of each track, sum of both channels and all bands."""
    pair_k: Float[Array, "pair frame"]
    """Contribution of each pair that shares phase to the K-weighted power of the sum."""


@partial(jax.jit, inline=True)
def raw_of(dry: Dry) -> Raw:
    """Quantities of the raw tracks alone, from their measurements."""
    power = dry.power[:, 0] + dry.power[:, 1]
    layer = effect.untreated(dry)
    whole = jnp.sum(effect.mix_power(layer), axis=-1)
    return Raw(power, masking.importance(power), whole, effect.track_k(layer), effect.pair_k(layer))


class Measured(NamedTuple):
    """Measurements of a treated song, the input of rules. Powers are before the output level, which scales them all."""

    dry: Dry
    """The raw tracks, whose activity weights all measurements."""
    raw: Raw
    treatment: Treatment | None
    """None where it is unknown, or where there is none."""
    tracks: Layer
    direct_power: Float[Array, "track frame band"]
    """Power of every track without its reverberation, sum of both channels."""
    pair_power: Float[Array, "pair frame band"]
    """Contribution of each pair that shares phase to the power of the sum, positive or negative."""
    mix_power: Float[Array, "frame band"]
    """Power of the mix, sum of both channels: that of `tracks` when predicted, the rendered one when observed."""
    whole: Float[Array, "3 frame band"]
    """Left, right and cross power of the same mix, for what depends on channels: its gradient is dearer."""
    track_k: Float[Array, "track frame"]
    """K-weighted power of each treated track, sum of both channels and all bands."""
    pair_k: Float[Array, "pair frame"]
    """Contribution of each pair that shares phase to the K-weighted power of the sum, positive or negative."""
    mix_k: Float[Array, " frame"]
    return_k: Float[Array, " frame"]
    """K-weighted power of the reverberation."""
    peak: Float[Array, " frame"]
    """Square of the largest sample of the mix, before the output level."""
    loudness_lufs: Float[Array, ""]
    """Integrated loudness of the output, LUFS."""
    true_peak_dbtp: Float[Array, ""]
    """True peak of the output, dBTP."""
    output_level_db: Float[Array, ""]
    """The output level, which loudness and true peak include and powers do not, dB."""
    slew_db_per_s: Float[Array, "track zone frame"] | None
    """Rate of change of every gain curve; None without a treatment."""
    explained_db: Float[Array, "2 track"]
    """Explained over residual power of each track, dB: by a fixed filter, and by one that changes slowly.

    100 where no audio was measured.
    """


def slew(treatment: Treatment, time_s: Float[Array, " frame"], frame_s: float) -> Float[Array, "track zone frame"]:
    """Rate of change of gain at each frame, dB per second; the first frame reads 0."""
    moving = curves.moving_db(treatment, time_s)
    return jnp.pad(jnp.diff(moving, axis=-1) / frame_s, ((0, 0), (0, 0), (1, 0)))


storable(Raw, Measured, Layer, Return, types.Gain, types.Eq, types.Dynamics, types.Pan, types.Reverb, types.Master)
storable_dataclass(Treatment)


class _Powers(NamedTuple):
    direct_power: Float[Array, "track frame band"]
    pair_power: Float[Array, "pair frame band"]
    mix_power: Float[Array, "frame band"]
    whole: Float[Array, "3 frame band"]
    track_k: Float[Array, "track frame"]
    pair_k: Float[Array, "pair frame"]
    mix_k: Float[Array, " frame"]
    return_k: Float[Array, " frame"]
    peak: Float[Array, " frame"]
    loudness_lufs: Float[Array, ""]
    true_peak_dbtp: Float[Array, ""]
    output_level_db: Float[Array, ""]
    slew_db_per_s: Float[Array, "track zone frame"] | None
    explained_db: Float[Array, "2 track"]


def predict(dry: Dry, treatment: Treatment, raw: Raw | None = None) -> Measured:
    """Predicted panel, in the power domain; traced once per shape.

    Peaks keep their distance to the power of the mix in the raw sum, as does the true peak to loudness.
    `raw` is `raw_of(dry)`, given where it was computed once for many treatments.
    """
    layer, raw = effect.treated(dry, treatment), raw or raw_of(dry)
    return Measured(
        dry, raw, treatment, layer, *_predicted(layer, dry, raw.whole, treatment.master.level_db, treatment)
    )


def without_raw(song: Measured) -> Measured:
    """What a treatment changes of a predicted panel: a compiled function would copy the rest into its result."""
    return song._replace(dry=None, raw=None, tracks=song.tracks._replace(dry=None))  # pyright: ignore


def with_raw(song: Measured, dry: Dry, raw: Raw) -> Measured:
    """The panel again, of the same raw tracks."""
    return song._replace(dry=dry, raw=raw, tracks=song.tracks._replace(dry=dry))


def predict_tracks(
    dry: Dry, tracks: Layer, output_level_db: Float[Array, ""] | float = 0.0, raw: Raw | None = None
) -> Measured:
    """Predicted panel of treated tracks, whoever treated them, and of their sum.

    `tracks` are powers on the frames of `dry`, such as those of treated tracks as measured, or of the raw ones under
    any gains. Peaks are predicted as by `predict`.
    """
    raw = raw or raw_of(dry)
    levels = _predicted(tracks, dry, raw.whole, jnp.asarray(output_level_db, dry.power.dtype), None)
    return Measured(dry, raw, None, tracks, *levels)


@partial(jax.jit, inline=True)
def _predicted(
    layer: Layer,
    dry: Dry,
    raw_whole: Float[Array, " frame"],
    output_level_db: Float[Array, ""],
    treatment: Treatment | None,
) -> _Powers:
    # finite in silence as well, where it is not used: else its gradient would be NaN
    mix_power = effect.mix_power(layer)
    power_ratio = jnp.sum(mix_power, axis=-1) / jnp.where(raw_whole > FLOOR, raw_whole, 1.0)
    track_k, pair_k = effect.track_k(layer), effect.pair_k(layer)
    # cancelling pairs reach zero only to rounding
    mix_k = jnp.maximum(jnp.sum(track_k, axis=0) + jnp.sum(pair_k, axis=0), 0.0)
    level = loudness.integrated_lufs(mix_k, dry.inside, dry.frame_s) + output_level_db
    peak = level + dry.peak_to_loudness_db
    # a raw sum that is silent in a frame has no crest factor to keep
    peaks = dry.peak * jnp.where(raw_whole > FLOOR, power_ratio, 0.0)
    return_k = effect.return_k(layer)
    speed = None if treatment is None else slew(treatment, dry.time_s, dry.frame_s)
    return _Powers(
        effect.direct_power(layer),
        effect.pair_power(layer),
        mix_power,
        effect.mixture(layer),
        track_k,
        pair_k,
        mix_k,
        return_k,
        peaks,
        level,
        peak,
        output_level_db,
        speed,
        _clean(dry),
    )


def _clean(dry: Dry) -> Float[Array, "2 track"]:
    return jnp.full((2, dry.active.shape[0]), CEILING_DB, dry.power.dtype)


Scalar = Float[Array, ""] | float


def observe(
    dry: Dry, tracks: Layer, mix: Dry, levels: tuple[Scalar, Scalar], treatment: Treatment | None = None
) -> Measured:
    """Observed panel, of rendered audio: `tracks` and the one-track `mix` as measured, `dry` for the weights of frames.

    `levels` are loudness (LUFS) and true peak (dBTP) of the output by the exact meters. `treatment` is that of the
    tracks, where it is known: powers are then those before its output level. The reverberation is computed from the
    tracks as measured.
    """
    whole = effect.untreated(mix)
    observed = _observed(dry, treatment, tracks, whole, levels)
    return Measured(dry, raw_of(dry), treatment, tracks, *observed)


@seldom()
def _observed(
    dry: Dry, treatment: Treatment | None, tracks: Layer, whole: Layer, levels: tuple[Scalar, Scalar]
) -> _Powers:
    return _Powers(
        direct_power=effect.direct_power(tracks),
        pair_power=effect.pair_power(tracks),
        mix_power=effect.mix_power(whole),
        whole=effect.mixture(whole),
        track_k=effect.track_k(tracks),
        pair_k=effect.pair_k(tracks),
        # the rendered mix is measured as a song of one track
        mix_k=effect.track_k(whole)[0],
        return_k=effect.return_k(tracks),
        peak=whole.dry.peak,
        loudness_lufs=jnp.asarray(levels[0], jnp.float32),
        true_peak_dbtp=jnp.asarray(levels[1], jnp.float32),
        output_level_db=jnp.zeros(()) if treatment is None else treatment.master.level_db,
        slew_db_per_s=None if treatment is None else slew(treatment, dry.time_s, dry.frame_s),
        explained_db=_clean(dry),
    )


def bus_k(song: Measured, member: Float[Array, "*bus track"], raw: bool = False) -> Float[Array, "*bus frame"]:
    """K-weighted power of the sum of the members (0 or 1) of a bus; pairs that share phase add coherently."""
    powers = song.raw if raw else song
    # as in the mix, cancelling pairs reach zero only to rounding
    return jnp.maximum(member @ powers.track_k + effect.pair_member(song.dry, member) @ powers.pair_k, 0.0)


def bus_active(dry: Dry, member: Float[Array, "*bus track"]) -> Float[Array, "*bus frame"]:
    """Activity of a bus, 0 to 1: that of its most active member."""
    return jnp.max(member[..., None] * dry.active, axis=-2)
