"""Effect of a treatment on measured powers: differentiable, without rendering audio.

Gains multiply powers, pan and width mix the two channels through their powers and cross power, and tracks that share
phase add coherently, through the cross power of each such pair. Exact except for gain changes within a frame and within
a band. Every treated channel is a linear combination of the raw ones, so its power is a quadratic form: squares of the
coefficients times powers, and twice their products times cross powers.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.signal import bands, room
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
from hybrid.treatment.panning import (
    mid_gains,
    mid_power,
    mid_shares,
    pair_shares,
    panned,
    panned_shares,
    total_shares,
    weighed,
    with_side,
)
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
    pair_gain: Float[Array, "pair frame band"]
    """Geometric mean of the gains of the two tracks of each pair: amplitudes multiply in a cross power."""
    gain_k: Float[Array, "track band"]
    """Further gain of K-weighted powers: in a band that a low cut divides, the upper part counts more."""
    pan: Float[Array, "track 2 2"]
    """Amplitude gains `[output channel, input channel]`."""
    spread: Float[Array, "track band"] | None = None
    """Power of a side signal in quadrature to the mid, relative to that of the mid of the panned track. None without
    spread."""
    reverb_return: Return | None = None
    """None without reverb."""


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
) -> tuple[
    Float[Array, "track frame band"],
    Float[Array, "pair frame band"],
    Float[Array, "track band"],
    Float[Array, "track 2 2"],
]:
    # decibels of zones are mixed, then become a factor: zones sum to one, so that equal gains in all are that gain
    zones = jnp.asarray(zone_curves(), dry.power.dtype)
    static, curves = static_db(treatment, dry), moving_db(treatment, dry.time_s)
    moving = jnp.einsum("izt,zb->itb", curves, zones)
    gain = jnp.exp(LN_DB * (static[:, None, :] + moving))
    # from decibels, which are small arrays: the gradient of a choice among the gains would be large ones
    first, second = dry.pairs[:, 0], dry.pairs[:, 1]
    of_pairs = jnp.einsum("pzt,zb->ptb", curves[first] + curves[second], zones)
    pair_gain = jnp.exp(0.5 * LN_DB * ((static[first] + static[second])[:, None, :] + of_pairs))
    # `gain` has the low cut's mean under the plain spectrum: K-weighted powers need the ratio of both means
    plain, weighted = (
        low_cut_band_db(treatment.eq.low_cut_hz, low, dry.low_hz) for low in (dry.low_power, dry.low_power * dry.low_k)
    )
    return gain, pair_gain, jnp.exp(LN_DB * (weighted - plain)), pan_matrix(treatment)


def untreated(dry: Dry) -> Layer:
    """Layer of the raw tracks, unchanged."""
    return Layer(dry, *_untouched(dry.power, dry.cross))


@partial(jax.jit, inline=True)
def _untouched(
    power: Float[Array, "track 3 frame band"], cross: Float[Array, "pair 2 2 frame band"]
) -> tuple[Array, Array, Array, Float[Array, "track 2 2"]]:
    identity = jnp.broadcast_to(jnp.eye(2, dtype=power.dtype), (power.shape[0], 2, 2))
    return jnp.ones_like(power[:, 0]), jnp.ones_like(cross[:, 0, 0]), jnp.ones_like(power[:, 0, 0]), identity


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


@jax.custom_jvp
def summed(x: Float[Array, " item *shape"]) -> Float[Array, " *shape"]:
    """Sum over the first axis, by a product with ones: on CPU a plain sum over an outer axis is ten times slower."""
    return jnp.tensordot(jnp.ones(x.shape[0], x.dtype), x, 1)


@summed.defjvp
def _summed_jvp(x: tuple[Array], tangent: tuple[Array]) -> tuple[Array, Array]:
    # in reverse mode a plain sum becomes a broadcast, and a product with ones one of matrices and a transposition
    return summed(x[0]), jnp.sum(tangent[0], axis=0)


def _in_both(layer: Layer, power: Float[Array, "track 3 frame band"]) -> Float[Array, "track frame band"]:
    """Power of every panned and spread track before its gain, sum of both channels."""
    straight = weighed(total_shares(layer.pan), power)
    if layer.spread is None:
        return straight
    return straight + 2.0 * layer.spread[:, None] * weighed(mid_shares(layer.pan), power)


def _side(layer: Layer) -> Float[Array, "track frame band"]:
    """Power of the side signal that spreads every track."""
    assert layer.spread is not None
    return layer.spread[:, None] * weighed(mid_shares(layer.pan), layer.dry.power) * layer.gain


def direct_power(layer: Layer) -> Float[Array, "track frame band"]:
    """Power of every track, sum of both channels, without reverberation."""
    return _in_both(layer, layer.dry.power) * layer.gain


def track_power(layer: Layer) -> Float[Array, "track frame band"]:
    """Power of every track, sum of both channels, including its reverberation."""
    return direct_power(layer) if layer.reverb_return is None else direct_power(layer) + layer.reverb_return.of_track


def mix_power(layer: Layer) -> Float[Array, "frame band"]:
    """Power of the mix, sum of both channels, not below zero."""
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
    straight = straight * layer.pair_gain
    return straight if layer.spread is None else straight + 2.0 * _pair_side(layer)


def _pair_side(layer: Layer) -> Float[Array, "pair frame band"]:
    """Contribution of each pair to the power of the sum of the side signals that spread its tracks."""
    spread, mid = _pair_spread(layer), mid_gains(layer.pan)
    assert spread is not None
    shares = 2.0 * jnp.einsum("pk,pl->pkl", mid[layer.dry.pairs[:, 0]], mid[layer.dry.pairs[:, 1]])
    flat = layer.dry.cross.reshape(len(shares), 4, *layer.dry.cross.shape[3:])
    return spread[:, None] * weighed(shares.reshape(len(shares), 4), flat) * layer.pair_gain


def _pair_spread(layer: Layer) -> Float[Array, "pair band"] | None:
    """Geometric mean of both tracks' spreads: their side signals share phase as they do themselves."""
    if layer.spread is None:
        return None
    product = layer.spread[layer.dry.pairs[:, 0]] * layer.spread[layer.dry.pairs[:, 1]]
    # the gradient of the square root is infinite at zero
    return jnp.where(product > FAINT, jnp.sqrt(jnp.maximum(product, FAINT)), 0.0)


def over_time(layer: Layer, weight: Float[Array, "track frame"]) -> Float[Array, "track 3 band"]:
    """Left, right and cross power of every track, summed over frames with `weight`, without reverberation."""
    # summed over frames before they are panned: the gradient by positions then needs no array of frames
    parts = [jnp.einsum("itb,it->ib", layer.dry.power[:, c] * layer.gain, weight) for c in range(3)]
    power = panned(jnp.stack(parts, axis=1), layer.pan)
    return power if layer.spread is None else with_side(power, layer.spread * mid_power(power))


def mixture(layer: Layer) -> Float[Array, "3 frame band"]:
    """Left, right and cross power of the mix. Channels are not below zero, which cancelling pairs reach only to
    rounding; the cross power keeps its sign."""
    tracks, pairs = layer.dry.power * layer.gain[:, None], layer.dry.cross * layer.pair_gain[:, None, None]
    first, second = layer.dry.pairs[:, 0], layer.dry.pairs[:, 1]
    power = _product(panned_shares(layer.pan), tracks) + _product(pair_shares(layer.pan, first, second), pairs)
    if layer.spread is not None:
        # bands are spread by different amounts
        side = summed(_side(layer)) + summed(_pair_side(layer))
        power = with_side(power[None], side[None])[0]
    if layer.reverb_return is not None:
        # equal and uncorrelated in both channels
        half = 0.5 * summed(jnp.concatenate(layer.reverb_return))
        power = power + jnp.stack([half, half, jnp.zeros_like(half)])
    return jnp.concatenate([jnp.maximum(power[:2], 0.0), power[2:]])


def _product(
    shares: Float[Array, "item 3 part"], power: Float[Array, "item ... frame band"]
) -> Float[Array, "3 frame band"]:
    """Sum over items and parts, as one product of matrices: with more axes its gradient takes ten times as long on
    CPU, and sums over so few parts, written one by one, several times."""
    n_rows, (n_frames, n_bands) = shares.shape[0] * shares.shape[2], power.shape[-2:]
    columns = jnp.moveaxis(shares, 1, 0).reshape(3, n_rows)
    return (columns @ power.reshape(n_rows, n_frames * n_bands)).reshape(3, n_frames, n_bands)
