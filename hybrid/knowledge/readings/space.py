"""Readings of the space family."""

from __future__ import annotations

import jax
import jax.numpy as jnp

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
from hybrid.measure.decibel import FLOOR, mean_over
from hybrid.measure.fidelity import worst_mean
from hybrid.measure.panel import Measured

LOW_HZ = 150.0
"""Tracks whose power lies below this are not pushed apart: the ear places them badly (Pestana 2014b)."""
BELL = 40.0
"""Width of the bell of closeness in pan units: 0.2 of the whole way from left to right."""


def side_energy(rule: SideEnergy, song: Measured, scope: Scope) -> Reading:
    """Side over mid of the mix within the band, dB."""
    inside = jnp.asarray(spectrum.bands_between(rule.band), song.mix.dtype)
    power = jnp.sum(song.mix * inside, axis=-1)
    course = space.side_to_mid_db(smoothed(power, song.dry.frame_s))
    return one(space.side_to_mid_db(mean_over(power, mix_sounding(song, scope)[None])), course)


def pan_position(rule: PanPosition, song: Measured, scope: Scope) -> Reading:
    """Where each track's energy stands, -100 to 100."""
    active = sounding(song, scope)
    power = jnp.sum(space.long_term(song.track, active), axis=-1)
    return Reading(space.position(power[:, 0], power[:, 1]), tracks_heard(scope, active))


def left_right_balance(rule: LeftRightBalance, song: Measured, scope: Scope) -> Reading:
    """Right over left power of the mix, dB."""
    power = jnp.sum(song.mix, axis=-1)
    left, right, _ = mean_over(power, mix_sounding(song, scope)[None])
    over_time = smoothed(power, song.dry.frame_s)
    return one(space.balance_db(left, right), space.balance_db(over_time[0], over_time[1]))


def similar_apart(rule: SimilarApart, song: Measured, scope: Scope) -> Reading:
    """Closeness of each pair's positions times the likeness of their raw sound, 0 to 1."""
    active = sounding(song, scope)
    dry = masking.total_power(song.dry.power)
    low = spectrum.below_db(song.dry.power, active, jnp.full(active.shape[0], LOW_HZ))
    high = 1.0 - 10.0 ** (low / 10.0)
    alike = masking.overlap(dry, active) * masking.co_activity(active) * jnp.outer(high, high)
    position = song.treatment.pan.position
    apart = jnp.square(position[:, None] - position[None, :])
    closeness = jnp.exp(-apart / (2.0 * BELL * BELL))
    pairs = pairs_of(scope.member, scope.member) * (masking.co_activity(active) > 0.0)
    return pair_reading(jax.lax.stop_gradient(alike) * closeness, pairs)


def mono_foldown(rule: MonoFoldown, song: Measured, scope: Scope) -> Reading:
    """Power of the mono sum over that of both channels, dB: of all bands, or of the worst tenth of them."""
    power = mean_over(song.mix.swapaxes(-1, -2), mix_sounding(song, scope)[None, None])
    if rule.resolution == "bands":
        heard = (power[0] + power[1] > FLOOR).astype(power.dtype)
        return one(-worst_mean(-space.foldown_db(power), 0.1, heard))
    course = space.foldown_db(smoothed(jnp.sum(song.mix, axis=-1), song.dry.frame_s))
    return one(space.foldown_db(jnp.sum(power, axis=-1)), course)
