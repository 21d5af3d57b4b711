"""Effect of a treatment on measured powers: differentiable, without rendering audio.

Gains multiply powers, pan and width mix the two channels through their powers and cross power, and tracks that share
phase add coherently, through the cross power of each such pair. Exact except for gain changes within a frame and within
a band. Every treated channel is a linear combination of the raw ones, so its power is a quadratic form: squares of the
coefficients times powers, and twice their products times cross powers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.signal import bands, room
from hybrid.treatment.axes import map_axis
from hybrid.treatment.curves import (
    FAINT,
    LN_DB,
    low_cut_band_db,
    moving_db,
    pan_matrix,
    room_decay_s,
    spread_power,
    static_db,
    tone_curves,
    zone_curves,
)
from hybrid.treatment.panning import mid_gains, mid_power, mid_shares, panned, total_shares, weighed, with_side
from hybrid.treatment.parts import PARTS
from hybrid.treatment.types import Dry, Reverb, Treatment, send_power

_LONGEST_S = PARTS["reverb.decay"].bijector.limits[1], PARTS["reverb.pre_delay"].bijector.limits[1]
"""The longest decay and pre-delay that a room may have."""


class Layer(NamedTuple):
    """Raw tracks and the gains on their powers: all quantities below are computed from it.

    Sums are taken before products wherever possible, so that the gradient with respect to positions never needs arrays
    with a frame axis, and that with respect to gains only arrays of one entry per track, frame and band.
    """

    dry: Dry
    gain: Float[Array, "track frame band"]
    """Power gain."""
    gain_k: Float[Array, "track band"]
    """Further gain of K-weighted powers: in a band that a low cut divides, the upper part counts more."""
    pan: Float[Array, "track 2 2"]
    """Amplitude gains `[output channel, input channel]`."""
    spread: Float[Array, "track band"] | None = None
    """Power of a side signal in quadrature to the mid, relative to that of the mid of the panned track. None without
    spread."""
    reverb_return: Return | None = None
    """None without reverb."""


class Mixture(NamedTuple):
    """The powers of a mix itself, whatever tracks it was made of."""

    power: Float[Array, "3 frame band"]
    """Left, right and cross power."""


class Return(NamedTuple):
    """Reverberant power, sum of both channels, which are equal and uncorrelated."""

    of_track: Float[Array, "track frame band"]
    of_pair: Float[Array, "pair frame band"]
    """Contribution of each pair that shares phase to the sum of both tracks, positive or negative."""


# a compiled function copies its arguments into its results: layers are built outside, around the raw powers


def treated(dry: Dry, treatment: Treatment) -> Layer:
    """Layer of the tracks under a treatment, before the output level."""
    return _in_room(Layer(dry, *_treated(dry, treatment), spread=_spread(treatment)), treatment)


@partial(jax.jit, inline=True)
def _treated(
    dry: Dry, treatment: Treatment
) -> tuple[Float[Array, "track frame band"], Float[Array, "track band"], Float[Array, "track 2 2"]]:
    # decibels of zones are mixed, then become a factor: zones sum to one, so that equal gains in all are that gain
    zones = jnp.asarray(zone_curves(), dry.power.dtype)
    moving = jnp.einsum("izt,zb->itb", moving_db(treatment, dry.time_s), zones)
    gain = jnp.exp(LN_DB * (static_db(treatment, dry)[:, None, :] + moving))
    # `gain` has the low cut's mean under the plain spectrum: K-weighted powers need the ratio of both means
    plain, weighted = (
        low_cut_band_db(treatment.eq.low_cut_hz, low, dry.low_hz) for low in (dry.low_power, dry.low_power * dry.low_k)
    )
    return gain, jnp.exp(LN_DB * (weighted - plain)), pan_matrix(treatment)


def untreated(dry: Dry) -> Layer:
    """Layer of the raw tracks, unchanged."""
    return Layer(dry, *_untouched(dry.power))


@partial(jax.jit, inline=True)
def _untouched(power: Float[Array, "track 3 frame band"]) -> tuple[Array, Array, Float[Array, "track 2 2"]]:
    identity = jnp.broadcast_to(jnp.eye(2, dtype=power.dtype), (power.shape[0], 2, 2))
    return jnp.ones_like(power[:, 0]), jnp.ones_like(power[:, 0, 0]), identity


def with_pan_and_reverb(dry: Dry, treatment: Treatment) -> Layer:
    """Layer of tracks that were measured after filtering and gain, with the pan, width and reverb of a treatment."""
    return _in_room(untreated(dry)._replace(pan=_pan_matrix(treatment), spread=_spread(treatment)), treatment)


_pan_matrix = jax.jit(pan_matrix)


def _spread(treatment: Treatment) -> Float[Array, "track band"] | None:
    spread_db = treatment.pan.spread_db
    return None if spread_db is None else spread_power(spread_db, bands.band_centres_hz().astype(np.float32))


def _in_room(layer: Layer, treatment: Treatment) -> Layer:
    return layer if treatment.reverb is None else layer._replace(reverb_return=_reverb_return(layer, treatment.reverb))


@partial(jax.jit, inline=True)
def _reverb_return(layer: Layer, reverb: Reverb) -> Return:
    dtype, send = layer.gain.dtype, send_power(reverb.send_db)
    first, second = layer.dry.pairs[:, 0], layer.dry.pairs[:, 1]
    # cross powers are sent with the geometric mean of both sends, as amplitudes are
    product = send[first] * send[second]
    # the gradient of the square root is infinite at zero
    both = jnp.where(product > FAINT, jnp.sqrt(jnp.maximum(product, FAINT)), 0.0)
    sent = jnp.concatenate([send[:, None, None] * direct_power(layer), both[:, None, None] * _direct_pair_power(layer)])
    # tracks and pairs share one convolution, and are separated after it
    reverberant = room.tails(sent, room_decay_s(reverb), reverb.pre_delay_s, layer.dry.frame_s, _LONGEST_S)
    reverberant = reverberant * jnp.exp(LN_DB * (reverb.tone_db @ jnp.asarray(tone_curves(), dtype)))
    return Return(reverberant[: len(send)], reverberant[len(send) :])


def summed(x: Float[Array, "item *shape"]) -> Float[Array, "*shape"]:
    """Sum over the first axis, by a product with ones: on CPU a plain sum over an outer axis is ten times slower."""
    return jnp.tensordot(jnp.ones(x.shape[0], x.dtype), x, 1)


def _in_both(layer: Layer, power: Float[Array, "track 3 frame band"]) -> Float[Array, "track frame band"]:
    """Power of every panned and spread track, sum of both channels."""
    straight = weighed(total_shares(layer.pan), power)
    if layer.spread is None:
        return straight
    return straight + 2.0 * layer.spread[:, None] * weighed(mid_shares(layer.pan), power)


def direct_power(layer: Layer) -> Float[Array, "track frame band"]:
    """Power of every track, sum of both channels, without reverberation."""
    return _in_both(layer, layer.dry.power) * layer.gain


def track_power(layer: Layer) -> Float[Array, "track frame band"]:
    """Power of every track, sum of both channels, including its reverberation."""
    return direct_power(layer) if layer.reverb_return is None else direct_power(layer) + layer.reverb_return.of_track


def mix_power(mix: Layer | Mixture) -> Float[Array, "frame band"]:
    """Power of the mix, sum of both channels, not below zero."""
    if isinstance(mix, Mixture):
        return mix.power[0] + mix.power[1]
    layer = mix
    return jnp.maximum(summed(track_power(layer)) + summed(pair_power(layer)), 0.0)


def pair_member(dry: Dry, member: Float[Array, "*bus track"]) -> Float[Array, "*bus pair"]:
    """1 for pairs that share phase and whose tracks are both members, else 0."""
    return member[..., dry.pairs[:, 0]] * member[..., dry.pairs[:, 1]]


def track_k(layer: Layer) -> Float[Array, "track frame"]:
    """K-weighted power of every track, sum of both channels and all bands, including its reverberation."""
    # weighted per bin when measured; reverberation is derived from plain powers, with the mean weight of each band
    power = _in_both(layer, layer.dry.power_k)
    straight = jnp.sum(power * layer.gain * layer.gain_k[:, None], axis=-1)
    return straight if layer.reverb_return is None else straight + layer.reverb_return.of_track @ layer.dry.k_weight


def pair_k(layer: Layer) -> Float[Array, "pair frame"]:
    """Contribution of each pair that shares phase to the K-weighted power of the sum, positive or negative."""
    first, second = layer.dry.pairs[:, 0], layer.dry.pairs[:, 1]
    # amplitudes multiply in a cross power: the geometric mean of two power gains
    gain_k = jnp.sqrt(layer.gain_k[first] * layer.gain_k[second])
    # cross powers are measured unweighted: the mean weight of each band stands in
    straight = (_direct_pair_power(layer) * gain_k[:, None]) @ layer.dry.k_weight
    return straight if layer.reverb_return is None else straight + layer.reverb_return.of_pair @ layer.dry.k_weight


def return_k(layer: Layer) -> Float[Array, " frame"]:
    """K-weighted power of the reverberation, sum of both channels and all bands."""
    if layer.reverb_return is None:
        return jnp.zeros_like(layer.dry.time_s)
    both = summed(layer.reverb_return.of_track) + summed(layer.reverb_return.of_pair)
    return jnp.maximum(both @ layer.dry.k_weight, 0.0)


def _pair_gain(layer: Layer) -> Float[Array, "pair frame band"]:
    first, second = layer.dry.pairs[:, 0], layer.dry.pairs[:, 1]
    # gains are exponentials, never zero: unlike that of the sends, this root has a gradient everywhere
    return jnp.sqrt(layer.gain[first] * layer.gain[second])


def pair_power(layer: Layer) -> Float[Array, "pair frame band"]:
    """Contribution of each pair to the power of the mix, sum of both channels, positive or negative."""
    return (
        _direct_pair_power(layer)
        if layer.reverb_return is None
        else _direct_pair_power(layer) + layer.reverb_return.of_pair
    )


def _direct_pair_power(layer: Layer) -> Float[Array, "pair frame band"]:
    first, second = layer.dry.pairs[:, 0], layer.dry.pairs[:, 1]
    # twice the real cross power, which enters the power of a sum once for each order of the two tracks
    shares = 2.0 * jnp.einsum("pak,pal->pkl", layer.pan[first], layer.pan[second])
    cross = layer.dry.cross
    flat = cross.reshape(cross.shape[0], 4, *cross.shape[3:])
    straight = weighed(shares.reshape(-1, 4), flat)
    spread = _pair_spread(layer)
    if spread is not None:
        mid = mid_gains(layer.pan)
        shares = 4.0 * jnp.einsum("pk,pl->pkl", mid[first], mid[second])
        straight = straight + spread[:, None] * weighed(shares.reshape(-1, 4), flat)
    return straight * _pair_gain(layer)


def _pair_spread(layer: Layer) -> Float[Array, "pair band"] | None:
    """Geometric mean of both tracks' spreads: their side signals share phase as they do themselves."""
    if layer.spread is None:
        return None
    product = layer.spread[layer.dry.pairs[:, 0]] * layer.spread[layer.dry.pairs[:, 1]]
    # the gradient of the square root is infinite at zero
    return jnp.where(product > FAINT, jnp.sqrt(jnp.maximum(product, FAINT)), 0.0)


def _panned_pairs(cross: Float[Array, "pair 2 2 *shape"], layer: Layer) -> Float[Array, "pair 3 *shape"]:
    """Contribution of every pair to left, right and cross power of the sum."""
    first, second = layer.dry.pairs[:, 0], layer.dry.pairs[:, 1]
    both = jnp.einsum("pak,pbl,pkl...->pab...", layer.pan[first], layer.pan[second], cross)
    # a product of two sums holds each pair twice: L1 L2 both times within a channel, L1 R2 and R1 L2 across
    return jnp.stack([2.0 * both[:, 0, 0], 2.0 * both[:, 1, 1], both[:, 0, 1] + both[:, 1, 0]], axis=1)


def over_time(layer: Layer, weight: Float[Array, "track frame"]) -> Float[Array, "track 3 band"]:
    """Left, right and cross power of every track, summed over frames with `weight`, without reverberation."""
    # summed over frames before they are panned: the gradient by positions then needs no array of frames
    parts = [jnp.einsum("itb,it->ib", layer.dry.power[:, c] * layer.gain, weight) for c in range(3)]
    power = panned(jnp.stack(parts, axis=1), layer.pan)
    return power if layer.spread is None else with_side(power, layer.spread * mid_power(power))


def mix_over_time(mix: Layer | Mixture, weight: Float[Array, " frame"]) -> Float[Array, "3 band"]:
    """Left, right and cross power of the mix, summed over frames with `weight`."""
    if isinstance(mix, Mixture):
        return jnp.einsum("ctb,t->cb", mix.power, weight)
    layer = mix
    everywhere = jnp.broadcast_to(weight, (layer.gain.shape[0], weight.shape[0]))
    gain = _pair_gain(layer)
    parts = [jnp.einsum("ptb,t->pb", layer.dry.cross[:, k, m] * gain, weight) for k in (0, 1) for m in (0, 1)]
    cross = jnp.stack(parts, axis=1).reshape(-1, 2, 2, gain.shape[-1])
    pairs, spread = _panned_pairs(cross, layer), _pair_spread(layer)
    pairs = pairs if spread is None else with_side(pairs, spread * mid_power(pairs))
    own = jnp.sum(over_time(layer, everywhere), axis=0) + jnp.sum(pairs, axis=0)
    if layer.reverb_return is not None:
        own = own + _in_both_channels(jnp.einsum("itb,t->b", jnp.concatenate(layer.reverb_return), weight))
    return _non_negative(own)


def mix_over_bands(mix: Layer | Mixture, weight: Float[Array, " band"]) -> Float[Array, "3 frame"]:
    """Left, right and cross power of the mix in every frame, summed over bands with `weight`."""
    return mix.power @ weight if isinstance(mix, Mixture) else _mixed(mix, lambda power: power @ weight)


@jax.jit
def mixture(layer: Layer) -> Mixture:
    """The powers of the mix of a layer. For readings: as a step of a gradient it is large and slow."""
    return Mixture(_mixed(layer, lambda power: power))


def _mixed(layer: Layer, over_bands: Callable[[Array], Array]) -> Float[Array, "3 *shape"]:
    """Left, right and cross power of the mix, of powers whose axis of bands `over_bands` sums or keeps."""
    tracks, pairs = layer.dry.power * layer.gain[:, None], layer.dry.cross * _pair_gain(layer)[:, None, None]
    own, cross = panned(over_bands(tracks), layer.pan), _panned_pairs(over_bands(pairs), layer)
    if layer.spread is not None:
        # bands are spread by different amounts: their sides are summed by themselves
        spread, pair_spread = layer.spread[:, None, None], _pair_spread(layer)
        assert pair_spread is not None
        own = with_side(own, mid_power(panned(over_bands(tracks * spread), layer.pan)))
        of_pairs = _panned_pairs(over_bands(pairs * pair_spread[:, None, None, None]), layer)
        cross = with_side(cross, mid_power(of_pairs))
    power = jnp.sum(own, axis=0) + jnp.sum(cross, axis=0)
    if layer.reverb_return is not None:
        power = power + _in_both_channels(summed(over_bands(jnp.concatenate(layer.reverb_return))))
    return _non_negative(power)


def _in_both_channels(both: Float[Array, "*shape"]) -> Float[Array, "3 *shape"]:
    """Left, right and cross power of a signal of this total power, equal and uncorrelated in both channels."""
    return jnp.stack([0.5 * both, 0.5 * both, jnp.zeros_like(both)])


def _non_negative(power: Float[Array, "3 *shape"]) -> Float[Array, "3 *shape"]:
    """Powers clipped at zero, which cancelling pairs reach only to rounding; the cross power keeps its sign."""
    return jnp.concatenate([jnp.maximum(power[:2], 0.0), power[2:]])


@partial(jax.jit, static_argnames="factor")
def pool(dry: Dry, factor: int) -> Dry:
    """Measurements with `factor` frames pooled to one: means of powers and activity, maxima of peaks."""

    def pooled(x: Array, axis: int) -> Array:
        x = jnp.moveaxis(x, axis, -1)
        x = jnp.pad(x, [*[(0, 0)] * (x.ndim - 1), (0, -x.shape[-1] % factor)])
        x = jnp.mean(x.reshape(*x.shape[:-1], -1, factor), axis=-1)
        return jnp.moveaxis(x, -1, axis)

    # the last frame may be short of frames: padding counts as silence
    highest = jnp.max(jnp.pad(dry.peak, (0, -dry.peak.shape[0] % factor)).reshape(-1, factor), axis=1)
    centre = dry.time_s[0] + 0.5 * (factor - 1) * dry.frame_s
    n_frames = -(-dry.active.shape[-1] // factor)
    return replace(
        map_axis(pooled, dry, "frame"),
        peak=highest,
        time_s=centre + jnp.arange(n_frames) * (factor * dry.frame_s),
        frame_s=factor * dry.frame_s,
    )
