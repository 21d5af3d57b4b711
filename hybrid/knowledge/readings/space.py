"""Readings of the space family."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.knowledge.readings.masking import pair_reading, pairs_of
from hybrid.knowledge.readings.reading import (
    Reading,
    mix_sounding,
    one,
    smoothed,
    sounding,
    tracks_heard,
)
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import LeftRightBalance, MonoFoldown, PanPosition, SideEnergy, SimilarApart
from hybrid.measure import masking, space, spectrum
from hybrid.measure.decibel import FLOOR
from hybrid.measure.fidelity import worst_mean
from hybrid.measure.panel import Measured
from hybrid.signal import bands
from hybrid.treatment import effect

LOW_HZ = 150.0
"""Tracks whose power lies below this are not pushed apart: the ear places them badly (Pestana 2014b)."""
BELL = 40.0
"""Width of the bell of closeness in pan units: 0.2 of the whole way from left to right."""


def side_energy(rule: SideEnergy, song: Measured, scope: Scope) -> Reading:
    """Side over mid of the mix within the band, dB."""
    inside = jnp.asarray(spectrum.bands_between(rule.band), song.mix_k.dtype)
    power = _mix_mean(song, scope) @ inside
    course = space.side_to_mid_db(smoothed(effect.mix_over_bands(song.whole, inside), song.dry.frame_s))
    return one(space.side_to_mid_db(power), course)


def _mix_mean(song: Measured, scope: Scope) -> Float[Array, "3 band"]:
    """Mean left, right and cross power of the mix over the frames that count."""
    weight = mix_sounding(song, scope)
    return effect.mix_over_time(song.whole, weight / jnp.maximum(jnp.sum(weight), 1.0))


def pan_position(rule: PanPosition, song: Measured, scope: Scope) -> Reading:
    """Where each track's energy stands, -100 to 100."""
    active = sounding(song, scope)
    share = active / jnp.maximum(jnp.sum(active, axis=-1, keepdims=True), 1.0)
    power = jnp.sum(effect.over_time(song.tracks, share), axis=-1)
    return Reading(space.position(power[:, 0], power[:, 1]), tracks_heard(scope, active))


def left_right_balance(rule: LeftRightBalance, song: Measured, scope: Scope) -> Reading:
    """Right over left power of the mix, dB."""
    left, right, _ = jnp.sum(_mix_mean(song, scope), axis=-1)
    over_time = smoothed(effect.mix_over_bands(song.whole, jnp.ones(bands.N_BANDS)), song.dry.frame_s)
    return one(space.balance_db(left, right), space.balance_db(over_time[0], over_time[1]))


def similar_apart(rule: SimilarApart, song: Measured, scope: Scope) -> Reading:
    """Closeness of each pair's positions times the likeness of their raw sound, 0 to 1."""
    active = sounding(song, scope)
    dry = song.raw.power
    low = spectrum.below_db(dry, active, jnp.full(active.shape[0], LOW_HZ))
    high = 1.0 - 10.0 ** (low / 10.0)
    alike = masking.overlap(dry, active) * masking.co_activity(active) * jnp.outer(high, high)
    position = song.treatment.pan.position
    apart = jnp.square(position[:, None] - position[None, :])
    closeness = jnp.exp(-apart / (2.0 * BELL * BELL))
    pairs = pairs_of(scope.member, scope.member) * (masking.co_activity(active) > 0.0)
    return pair_reading(jax.lax.stop_gradient(alike) * closeness, pairs)


def mono_foldown(rule: MonoFoldown, song: Measured, scope: Scope) -> Reading:
    """Power of the mono sum over that of both channels, dB: of all bands, or of the worst tenth of them."""
    power = _mix_mean(song, scope)
    if rule.resolution == "bands":
        heard = (power[0] + power[1] > FLOOR).astype(power.dtype)
        return one(-worst_mean(-space.foldown_db(power), 0.1, heard))
    over_time = effect.mix_over_bands(song.whole, jnp.ones(bands.N_BANDS))
    course = space.foldown_db(smoothed(over_time, song.dry.frame_s))
    return one(space.foldown_db(jnp.sum(power, axis=-1)), course)
