"""The effect of a treatment on measured powers: no audio is rendered, and everything is differentiable.

Gains multiply powers, positions and widths mix the two channels through their powers and cross power, and tracks
that share phase add as signals do, through the cross power of each such pair. Exact but for gain changes within
a frame and within a band.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.interpolate import CubicSpline

from hybrid.signal import bands
from hybrid.treatment.types import N_TONE, N_ZONES, RIDE_S, ZONES_HZ, Dry, Treatment

LN_DB = float(np.log(10.0) / 10.0)
"""Natural logarithm of a power ratio of one decibel."""
FAINT = 1e-12
"""A power of -120 dB, below which a band counts as empty."""


class Treated(NamedTuple):
    """Powers after treatment, before the output level."""

    track: Float[Array, "track 3 frame band"]
    track_k: Float[Array, "track frame"]
    """K-weighted, summed over both channels and all bands."""
    pair_k: Float[Array, "pair frame"]
    """What each pair that shares phase adds to the K-weighted sum of the two, positive or negative."""
    mix: Float[Array, "3 frame band"]
    mix_k: Float[Array, " frame"]


def tone_curves() -> Float[np.ndarray, "tone band"]:
    """What a decibel at each point of the tone curve adds to every band: a natural cubic spline."""
    knots = np.linspace(0.0, bands.N_BANDS - 1.0, N_TONE)
    return CubicSpline(knots, np.eye(N_TONE), bc_type="natural")(np.arange(bands.N_BANDS)).T


def zone_curves() -> Float[np.ndarray, "zone band"]:
    """Share of every zone of dynamics in every band; zones cross over within about two bands and sum to one."""
    position = bands.erb_number(bands.band_centres_hz())
    above = [1.0 / (1.0 + np.exp(-2.0 * (position - bands.erb_number(f)))) for f in ZONES_HZ]
    steps = np.stack([np.ones_like(position), *above, np.zeros_like(position)])
    return steps[:N_ZONES] - steps[1:]


def low_cut_db(corner_hz: Float[Array, " track"], at_hz: Float[Array, " f"]) -> Float[Array, "track f"]:
    """Gain of the low cut in dB: third-order Butterworth, -3 dB at its corner, 18 dB per octave below."""
    return -10.0 * jnp.log10(1.0 + (corner_hz[:, None] / at_hz) ** 6)


def low_cut_band_db(corner_hz: Float[Array, " track"], dry: Dry) -> Float[Array, "track band"]:
    """Mean gain of the low cut within every band, dB, for the fine spectrum that each raw track has there.

    The cut is steep and the lowest bands are wide: its gain at their centres would be several decibels off.
    Bands above the fine spectrum, where the cut takes nothing, read 0, as do bands without power.
    """
    gain = jnp.exp(LN_DB * low_cut_db(corner_hz, jnp.maximum(dry.low_hz, 1.0)))
    inside = _low_weights(dry.low_hz)
    before = dry.low_power @ inside + FAINT
    return 10.0 * jnp.log10(((dry.low_power * gain) @ inside + FAINT) / before)


def _low_weights(low_hz: Float[Array, " low"]) -> Float[Array, "low band"]:
    """Band weights of the fine spectrum's bins, computed in the graph since the bins depend on the sample rate."""
    first, last = float(bands.erb_number(bands.LOWEST_HZ)), float(bands.erb_number(bands.HIGHEST_HZ))
    erb = 21.4 * jnp.log10(1.0 + 0.00437 * low_hz)
    position = jnp.clip((erb - first) / (last - first), 0.0, 1.0) * (bands.N_BANDS - 1)
    return jnp.maximum(0.0, 1.0 - jnp.abs(position[:, None] - jnp.arange(bands.N_BANDS)))


def points_at(curve: Float[Array, "*batch knot"], spacing_s: float, time_s: Float[Array, " n"]) -> Array:
    """A curve of points `spacing_s` apart, read at the given times with straight lines between points."""
    position = jnp.clip(time_s / spacing_s, 0.0, curve.shape[-1] - 1.001)
    index = jnp.floor(position).astype(jnp.int32)
    share = position - index
    return curve[..., index] * (1.0 - share) + curve[..., index + 1] * share


def static_db(treatment: Treatment, dry: Dry) -> Float[Array, "track band"]:
    """Gain that does not change with time: level, tone and low cut."""
    tone = treatment.eq.tone_db @ jnp.asarray(tone_curves(), treatment.eq.tone_db.dtype)
    return treatment.gain.level_db[:, None] + tone + low_cut_band_db(treatment.eq.low_cut_hz, dry)


def moving_db(treatment: Treatment, time_s: Float[Array, " n"]) -> Float[Array, "track zone n"]:
    """Gain over time in each zone: ride and dynamics."""
    ride = points_at(treatment.gain.ride_db, RIDE_S, time_s)
    return points_at(treatment.dynamics.zone_db, treatment.knot_s, time_s) + ride[:, None, :]


def pan_matrix(treatment: Treatment) -> Float[Array, "track 2 2"]:
    """Output channel from input channel: width on the side signal, then the sine-cosine law."""
    side = jnp.exp(0.5 * LN_DB * treatment.pan.width_db)
    same, other = 0.5 * (1.0 + side), 0.5 * (1.0 - side)
    width = jnp.stack([jnp.stack([same, other], -1), jnp.stack([other, same], -1)], -2)
    angle = (treatment.pan.position / 100.0 + 1.0) * (np.pi / 4.0)
    position = np.sqrt(2.0) * jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)
    return position[..., None] * width


def _panned(power: Float[Array, "track 3 ..."], pan: Float[Array, "track 2 2"]) -> Float[Array, "track 3 ..."]:
    """Left, right and cross power after the pan matrix."""
    a, b, c, d = (pan[:, i, j].reshape(-1, *[1] * (power.ndim - 2)) for i in (0, 1) for j in (0, 1))
    left, right, cross = power[:, 0], power[:, 1], power[:, 2]
    return jnp.stack(
        [
            a * a * left + b * b * right + 2.0 * a * b * cross,
            c * c * left + d * d * right + 2.0 * c * d * cross,
            a * c * left + b * d * right + (a * d + b * c) * cross,
        ],
        axis=1,
    )


def apply(dry: Dry, treatment: Treatment) -> Treated:
    """Powers of the treated tracks and of their sum. The output level is not part of it."""
    zones = jnp.asarray(zone_curves(), dry.power.dtype)
    moving = jnp.einsum("izt,zb->itb", moving_db(treatment, dry.time_s), zones)
    gain = jnp.exp(LN_DB * (static_db(treatment, dry)[:, None, :] + moving))
    pan = pan_matrix(treatment)
    track = _panned(dry.power * gain[:, None], pan)
    track_k = jnp.sum(_panned(jnp.sum(dry.power_k * gain[:, None], axis=-1), pan)[:, :2], axis=1)
    pair = _pairs(dry, gain, pan)
    pair_k = jnp.einsum("pctb,b->pt", pair[:, :2], dry.k_weight)
    mix = jnp.sum(track, axis=0) + jnp.sum(pair, axis=0)
    mix = jnp.concatenate([jnp.maximum(mix[:2], 0.0), mix[2:]])
    mix_k = jnp.maximum(jnp.sum(track_k, axis=0) + jnp.sum(pair_k, axis=0), 0.0)
    return Treated(track, track_k, pair_k, mix, mix_k)


def _pairs(
    dry: Dry, gain: Float[Array, "track frame band"], pan: Float[Array, "track 2 2"]
) -> Float[Array, "pair 3 frame band"]:
    """What every pair that shares phase adds to the left, right and cross power of the sum."""
    first, second = dry.pairs[:, 0], dry.pairs[:, 1]
    cross = dry.cross * jnp.sqrt(gain[first] * gain[second])[:, None, None]
    both = jnp.einsum("pak,pbl,pkltf->pabtf", pan[first], pan[second], cross)
    return jnp.stack([2.0 * both[:, 0, 0], 2.0 * both[:, 1, 1], both[:, 0, 1] + both[:, 1, 0]], axis=1)


def pool(dry: Dry, factor: int, n_frames: int) -> Dry:
    """The same with `factor` frames made one, zero-padded to `n_frames`. Powers and activity are means."""
    if factor == 1 and dry.active.shape[-1] == n_frames:
        return dry

    def pooled(x: Array, axis: int) -> Array:
        x = jnp.moveaxis(x, axis, -1)
        x = jnp.pad(x, [*[(0, 0)] * (x.ndim - 1), (0, -x.shape[-1] % factor)])
        x = jnp.mean(x.reshape(*x.shape[:-1], -1, factor), axis=-1)
        x = jnp.pad(x, [*[(0, 0)] * (x.ndim - 1), (0, n_frames - x.shape[-1])])
        return jnp.moveaxis(x, -1, axis)

    centre = dry.time_s[0] + 0.5 * (factor - 1) * dry.frame_s
    return Dry(
        power=pooled(dry.power, -2),
        power_k=pooled(dry.power_k, -2),
        pairs=dry.pairs,
        cross=pooled(dry.cross, -2),
        active=pooled(dry.active, -1),
        time_s=centre + jnp.arange(n_frames) * (factor * dry.frame_s),
        k_weight=dry.k_weight,
        low_power=dry.low_power,
        low_hz=dry.low_hz,
        peak_to_loudness_db=dry.peak_to_loudness_db,
        frame_s=factor * dry.frame_s,
    )
