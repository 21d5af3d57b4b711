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
from jaxtyping import Array, Float

from hybrid.signal import room
from hybrid.treatment.curves import (
    FAINT,
    LN_DB,
    low_cut_band_db,
    moving_db,
    pan_matrix,
    room_decay_s,
    static_db,
    tone_curves,
    zone_curves,
)
from hybrid.treatment.parts import PARTS
from hybrid.treatment.types import Dry, Reverb, Treatment, send_power

_LONGEST_S = PARTS["reverb.decay"].bijector.limits[1], PARTS["reverb.pre_delay"].bijector.limits[1]
"""The longest decay and pre-delay that a room may have."""


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
    back: Return | None = None
    """None in a dry mix."""


class Return(NamedTuple):
    """What comes back from the room: power in both channels together, which are equal and not correlated."""

    of_track: Float[Array, "track frame band"]
    of_pair: Float[Array, "pair frame band"]
    """What each pair that shares phase adds to that of the two."""


# a compiled function copies whatever it hands through: layers are put together outside, around the raw powers


def treated(dry: Dry, treatment: Treatment) -> Layer:
    """The tracks under a treatment, before the output level."""
    return _in_room(Layer(dry, *_treated(dry, treatment)), treatment)


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
    """Tracks that were measured under a treatment but for their place and their reverb, in their place and room."""
    return _in_room(as_measured(dry)._replace(pan=_pan_matrix(treatment)), treatment)


_pan_matrix = jax.jit(pan_matrix)


def _in_room(layer: Layer, treatment: Treatment) -> Layer:
    return layer if treatment.reverb is None else layer._replace(back=_returned(layer, treatment.reverb))


@partial(jax.jit, inline=True)
def _returned(layer: Layer, reverb: Reverb) -> Return:
    dtype, send = layer.gain.dtype, send_power(reverb.send_db)
    first, second = layer.dry.pairs[:, 0], layer.dry.pairs[:, 1]
    product = send[first] * send[second]
    # the square root's slope is infinite at zero
    both = jnp.where(product > FAINT, jnp.sqrt(jnp.maximum(product, FAINT)), 0.0)
    sent = jnp.concatenate([send[:, None, None] * direct(layer), both[:, None, None] * _pair_direct(layer)])
    back = room.tails(sent, room_decay_s(reverb), reverb.pre_delay_s, layer.dry.frame_s, _LONGEST_S)
    back = back * jnp.exp(LN_DB * (reverb.tone_db @ jnp.asarray(tone_curves(), dtype)))
    return Return(back[: len(send)], back[len(send) :])


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


def direct(layer: Layer) -> Float[Array, "track frame band"]:
    """Power of every track in both channels together, without what comes back from the room."""
    return _weighed(_total_shares(layer.pan), layer.dry.power) * layer.gain


def total(layer: Layer) -> Float[Array, "track frame band"]:
    """Power of every track in both channels together, with what comes back of it."""
    return direct(layer) if layer.back is None else direct(layer) + layer.back.of_track


def mix_total(layer: Layer) -> Float[Array, "frame band"]:
    """Power of the sum in both channels together."""
    return jnp.maximum(summed(total(layer)) + summed(pair_total(layer)), 0.0)


def together(dry: Dry, member: Float[Array, "*bus track"]) -> Float[Array, "*bus pair"]:
    """One for pairs that share phase and are both members."""
    return member[..., dry.pairs[:, 0]] * member[..., dry.pairs[:, 1]]


def total_k(layer: Layer) -> Float[Array, "track frame"]:
    """K-weighted power of every track in both channels and all bands together, with what comes back of it."""
    power = _weighed(_total_shares(layer.pan), layer.dry.power_k)
    straight = jnp.sum(power * layer.gain * layer.gain_k[:, None], axis=-1)
    return straight if layer.back is None else straight + layer.back.of_track @ layer.dry.k_weight


def pair_k(layer: Layer) -> Float[Array, "pair frame"]:
    """What each pair that shares phase adds to the K-weighted power of its sum, positive or negative."""
    first, second = layer.dry.pairs[:, 0], layer.dry.pairs[:, 1]
    gain_k = jnp.sqrt(layer.gain_k[first] * layer.gain_k[second])
    straight = (_pair_direct(layer) * gain_k[:, None]) @ layer.dry.k_weight
    return straight if layer.back is None else straight + layer.back.of_pair @ layer.dry.k_weight


def return_k(layer: Layer) -> Float[Array, " frame"]:
    """K-weighted power of all that comes back from the room, in both channels and all bands together."""
    if layer.back is None:
        return jnp.zeros_like(layer.dry.time_s)
    both = summed(layer.back.of_track) + summed(layer.back.of_pair)
    return jnp.maximum(both @ layer.dry.k_weight, 0.0)


def _pair_gain(layer: Layer) -> Float[Array, "pair frame band"]:
    first, second = layer.dry.pairs[:, 0], layer.dry.pairs[:, 1]
    return jnp.sqrt(layer.gain[first] * layer.gain[second])


def pair_total(layer: Layer) -> Float[Array, "pair frame band"]:
    """What each pair adds to the power of the sum in both channels together, positive or negative."""
    return _pair_direct(layer) if layer.back is None else _pair_direct(layer) + layer.back.of_pair


def _pair_direct(layer: Layer) -> Float[Array, "pair frame band"]:
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
    """Left, right and cross power of every track, summed over frames under `weight`; without what comes back."""
    parts = [jnp.einsum("itb,it->ib", layer.dry.power[:, c] * layer.gain, weight) for c in range(3)]
    return _panned(jnp.stack(parts, axis=1), layer.pan)


def mix_over_time(layer: Layer, weight: Float[Array, " frame"]) -> Float[Array, "3 band"]:
    """Left, right and cross power of the sum, summed over frames under `weight`."""
    everywhere = jnp.broadcast_to(weight, (layer.gain.shape[0], weight.shape[0]))
    gain = _pair_gain(layer)
    parts = [jnp.einsum("ptb,t->pb", layer.dry.cross[:, k, m] * gain, weight) for k in (0, 1) for m in (0, 1)]
    cross = jnp.stack(parts, axis=1).reshape(-1, 2, 2, gain.shape[-1])
    own = jnp.sum(over_time(layer, everywhere), axis=0) + jnp.sum(_panned_pairs(cross, layer), axis=0)
    if layer.back is not None:
        own = own + _either(jnp.einsum("itb,t->b", jnp.concatenate(layer.back), weight))
    return _possible(own)


def mix_over_bands(layer: Layer, weight: Float[Array, " band"]) -> Float[Array, "3 frame"]:
    """Left, right and cross power of the sum in every frame, summed over bands under `weight`."""
    own = (layer.dry.power * layer.gain[:, None]) @ weight
    cross = (layer.dry.cross * _pair_gain(layer)[:, None, None]) @ weight
    power = jnp.sum(_panned(own, layer.pan), axis=0) + jnp.sum(_panned_pairs(cross, layer), axis=0)
    if layer.back is not None:
        power = power + _either(summed(jnp.concatenate(layer.back) @ weight))
    return _possible(power)


def _either(both: Float[Array, "*shape"]) -> Float[Array, "3 *shape"]:
    """Left, right and cross power of what lies in both channels alike, unrelated."""
    return jnp.stack([0.5 * both, 0.5 * both, jnp.zeros_like(both)])


def _possible(power: Float[Array, "3 *shape"]) -> Float[Array, "3 *shape"]:
    """Powers that cannot be negative, whatever pairs took away."""
    return jnp.concatenate([jnp.maximum(power[:2], 0.0), power[2:]])


@partial(jax.jit, static_argnames="factor")
def pool(dry: Dry, factor: int) -> Dry:
    """The same with `factor` frames made one. Powers and activity are means, peaks are highest."""

    def pooled(x: Array, axis: int) -> Array:
        x = jnp.moveaxis(x, axis, -1)
        x = jnp.pad(x, [*[(0, 0)] * (x.ndim - 1), (0, -x.shape[-1] % factor)])
        x = jnp.mean(x.reshape(*x.shape[:-1], -1, factor), axis=-1)
        return jnp.moveaxis(x, -1, axis)

    highest = jnp.max(jnp.pad(dry.peak, (0, -dry.peak.shape[0] % factor)).reshape(-1, factor), axis=1)
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
        peak=highest,
        peak_to_loudness_db=dry.peak_to_loudness_db,
        frame_s=factor * dry.frame_s,
    )
