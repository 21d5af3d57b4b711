"""The effect of a treatment on measured powers: no audio is rendered, and everything is differentiable.

Gains multiply powers, positions and widths mix the two channels through their powers and cross power, and tracks
that share phase add as signals do, through the cross power of each such pair. Exact but for gain changes within
a frame and within a band.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
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


class Layer(NamedTuple):
    """Tracks as measured, and what their powers are multiplied by: all quantities below are read off it.

    Contractions come before products wherever a sum allows it, so that a gradient towards positions never touches
    arrays with frames in them, and one towards gains only arrays with one entry per track, frame and band.
    """

    dry: Dry
    gain: Float[Array, "track frame band"]
    """Of powers."""
    gain_k: Float[Array, "track band"]
    """Of K-weighted powers besides: of a band that a low cut divides, they count the upper part more."""
    pan: Float[Array, "track 2 2"]
    """Output channel from input channel."""


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


def low_cut_band_db(
    corner_hz: Float[Array, " track"], low_power: Float[Array, "track low"], low_hz: Float[Array, " low"]
) -> Float[Array, "track band"]:
    """Mean gain of the low cut within every band, dB, for the fine spectrum that each raw track has there.

    The cut is steep and the lowest bands are wide: its gain at their centres would be several decibels off.
    Bands above the fine spectrum, where the cut takes nothing, read 0, as do bands without power.
    """
    gain = jnp.exp(LN_DB * low_cut_db(corner_hz, jnp.maximum(low_hz, 1.0)))
    inside = _low_weights(low_hz)
    return 10.0 * jnp.log10(((low_power * gain) @ inside + FAINT) / (low_power @ inside + FAINT))


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
    low_cut = low_cut_band_db(treatment.eq.low_cut_hz, dry.low_power, dry.low_hz)
    return treatment.gain.level_db[:, None] + tone + low_cut


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


# a compiled function copies whatever it hands through: layers are put together outside, around the raw powers


def treated(dry: Dry, treatment: Treatment) -> Layer:
    """The tracks under a treatment, before the output level."""
    return Layer(dry, *_treated(dry, treatment))


@partial(jax.jit, inline=True)
def _treated(
    dry: Dry, treatment: Treatment
) -> tuple[Float[Array, "track frame band"], Float[Array, "track band"], Float[Array, "track 2 2"]]:
    zones = jnp.asarray(zone_curves(), dry.power.dtype)
    moving = jnp.einsum("izt,zb->itb", moving_db(treatment, dry.time_s), zones)
    gain = jnp.exp(LN_DB * (static_db(treatment, dry)[:, None, :] + moving))
    plain, weighted = (
        low_cut_band_db(treatment.eq.low_cut_hz, low, dry.low_hz) for low in (dry.low_power, dry.low_power * dry.low_k)
    )
    return gain, jnp.exp(LN_DB * (weighted - plain)), pan_matrix(treatment)


def as_measured(dry: Dry) -> Layer:
    """The tracks as they are."""
    return Layer(dry, *_untouched(dry.power))


@partial(jax.jit, inline=True)
def _untouched(power: Float[Array, "track 3 frame band"]) -> tuple[Array, Array, Float[Array, "track 2 2"]]:
    identity = jnp.broadcast_to(jnp.eye(2, dtype=power.dtype), (power.shape[0], 2, 2))
    return jnp.ones_like(power[:, 0]), jnp.ones_like(power[:, 0, 0]), identity


def placed(dry: Dry, treatment: Treatment) -> Layer:
    """Tracks that were measured under a treatment but for their place, in their place."""
    return as_measured(dry)._replace(pan=_pan_matrix(treatment))


_pan_matrix = jax.jit(pan_matrix)


def _total_shares(pan: Float[Array, "track 2 2"]) -> Float[Array, "track 3"]:
    """What left, right and cross power give to the power of both output channels."""
    own = jnp.sum(jnp.square(pan), axis=-2)
    return jnp.concatenate([own, 2.0 * jnp.sum(pan[..., 0] * pan[..., 1], axis=-1, keepdims=True)], axis=-1)


def summed(x: Float[Array, "item *shape"]) -> Float[Array, "*shape"]:
    """Sum over the first axis, as a product with ones: on CPU a sum over an outer axis is ten times slower."""
    return jnp.tensordot(jnp.ones(x.shape[0], x.dtype), x, 1)


def _weighed(shares: Float[Array, "item part"], power: Float[Array, "item part frame band"]) -> Array:
    """Sum over parts. Written out: as a contraction over so few parts it would be many times slower."""
    parts = [shares[:, k, None, None] * power[:, k] for k in range(shares.shape[1])]
    return sum(parts[1:], parts[0])


def total(layer: Layer) -> Float[Array, "track frame band"]:
    """Power of every track in both channels together."""
    return _weighed(_total_shares(layer.pan), layer.dry.power) * layer.gain


def mix_total(layer: Layer) -> Float[Array, "frame band"]:
    """Power of the sum in both channels together."""
    return jnp.maximum(summed(total(layer)) + summed(_pair_total(layer)), 0.0)


def total_k(layer: Layer) -> Float[Array, "track frame"]:
    """K-weighted power of every track in both channels and all bands together."""
    power = _weighed(_total_shares(layer.pan), layer.dry.power_k)
    return jnp.sum(power * layer.gain * layer.gain_k[:, None], axis=-1)


def pair_k(layer: Layer) -> Float[Array, "pair frame"]:
    """What each pair that shares phase adds to the K-weighted power of its sum, positive or negative."""
    first, second = layer.dry.pairs[:, 0], layer.dry.pairs[:, 1]
    gain_k = jnp.sqrt(layer.gain_k[first] * layer.gain_k[second])
    return (_pair_total(layer) * gain_k[:, None]) @ layer.dry.k_weight


def _pair_gain(layer: Layer) -> Float[Array, "pair frame band"]:
    first, second = layer.dry.pairs[:, 0], layer.dry.pairs[:, 1]
    return jnp.sqrt(layer.gain[first] * layer.gain[second])


def _pair_total(layer: Layer) -> Float[Array, "pair frame band"]:
    """What each pair adds to the power of the sum in both channels together."""
    first, second = layer.dry.pairs[:, 0], layer.dry.pairs[:, 1]
    shares = 2.0 * jnp.einsum("pak,pal->pkl", layer.pan[first], layer.pan[second])
    cross = layer.dry.cross
    flat = cross.reshape(cross.shape[0], 4, *cross.shape[3:])
    return _weighed(shares.reshape(-1, 4), flat) * _pair_gain(layer)


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


def _panned_pairs(cross: Float[Array, "pair 2 2 *shape"], layer: Layer) -> Float[Array, "pair 3 *shape"]:
    """What every pair adds to left, right and cross power of the sum."""
    first, second = layer.dry.pairs[:, 0], layer.dry.pairs[:, 1]
    both = jnp.einsum("pak,pbl,pkl...->pab...", layer.pan[first], layer.pan[second], cross)
    return jnp.stack([2.0 * both[:, 0, 0], 2.0 * both[:, 1, 1], both[:, 0, 1] + both[:, 1, 0]], axis=1)


def over_time(layer: Layer, weight: Float[Array, "track frame"]) -> Float[Array, "track 3 band"]:
    """Left, right and cross power of every track, summed over frames under `weight`."""
    parts = [jnp.einsum("itb,it->ib", layer.dry.power[:, c] * layer.gain, weight) for c in range(3)]
    return _panned(jnp.stack(parts, axis=1), layer.pan)


def mix_over_time(layer: Layer, weight: Float[Array, " frame"]) -> Float[Array, "3 band"]:
    """Left, right and cross power of the sum, summed over frames under `weight`."""
    everywhere = jnp.broadcast_to(weight, (layer.gain.shape[0], weight.shape[0]))
    gain = _pair_gain(layer)
    parts = [jnp.einsum("ptb,t->pb", layer.dry.cross[:, k, m] * gain, weight) for k in (0, 1) for m in (0, 1)]
    cross = jnp.stack(parts, axis=1).reshape(-1, 2, 2, gain.shape[-1])
    own = jnp.sum(over_time(layer, everywhere), axis=0)
    return _possible(own + jnp.sum(_panned_pairs(cross, layer), axis=0))


def mix_over_bands(layer: Layer, weight: Float[Array, " band"]) -> Float[Array, "3 frame"]:
    """Left, right and cross power of the sum in every frame, summed over bands under `weight`."""
    own = (layer.dry.power * layer.gain[:, None]) @ weight
    cross = (layer.dry.cross * _pair_gain(layer)[:, None, None]) @ weight
    return _possible(jnp.sum(_panned(own, layer.pan), axis=0) + jnp.sum(_panned_pairs(cross, layer), axis=0))


def _possible(power: Float[Array, "3 *shape"]) -> Float[Array, "3 *shape"]:
    """Powers that cannot be negative, whatever pairs took away."""
    return jnp.concatenate([jnp.maximum(power[:2], 0.0), power[2:]])


@partial(jax.jit, static_argnames="factor")
def pool(dry: Dry, factor: int) -> Dry:
    """The same with `factor` frames made one. Powers and activity are means."""

    def pooled(x: Array, axis: int) -> Array:
        x = jnp.moveaxis(x, axis, -1)
        x = jnp.pad(x, [*[(0, 0)] * (x.ndim - 1), (0, -x.shape[-1] % factor)])
        x = jnp.mean(x.reshape(*x.shape[:-1], -1, factor), axis=-1)
        return jnp.moveaxis(x, -1, axis)

    centre = dry.time_s[0] + 0.5 * (factor - 1) * dry.frame_s
    n_frames = -(-dry.active.shape[-1] // factor)
    return Dry(
        power=pooled(dry.power, -2),
        power_k=pooled(dry.power_k, -2),
        pairs=dry.pairs,
        cross=pooled(dry.cross, -2),
        active=pooled(dry.active, -1),
        inside=pooled(dry.inside, -1),
        time_s=centre + jnp.arange(n_frames) * (factor * dry.frame_s),
        k_weight=dry.k_weight,
        low_power=dry.low_power,
        low_hz=dry.low_hz,
        low_k=dry.low_k,
        peak_to_loudness_db=dry.peak_to_loudness_db,
        frame_s=factor * dry.frame_s,
    )
