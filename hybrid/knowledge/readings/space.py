"""Readings of the space family."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.knowledge.readings.reading import (
    Reading,
    mix_sounding,
    one,
    pair_reading,
    pairs_of,
    smoothed,
    sounding,
    tracks_heard,
    treatment_of,
)
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import (
    BandBalance,
    GivenPlace,
    LeftRightBalance,
    MonoFoldown,
    PairSpread,
    PanPosition,
    SideEnergy,
    SimilarApart,
    SpreadLevel,
    WidthByFrequency,
)
from hybrid.measure import masking, space, spectrum
from hybrid.measure.decibel import FLOOR, mean_over
from hybrid.measure.panel import Measured
from hybrid.measure.statistics import worst_mean
from hybrid.signal import bands
from hybrid.treatment import effect
from hybrid.treatment.parts import SPREAD_OFF_DB

LOW_HZ = 150.0
"""Tracks whose power lies below this are not pushed apart: the ear places them badly (Pestana 2014b)."""
LOST_DB = -30.0
"""A track of which less is left in mono is lost, however much less."""
DOUBLE = 0.7
"""Correlation of two raw tracks from which they are one source rather than two performances (see PairSpread)."""
BELL = 40.0
"""Width of the bell of closeness in pan units: 0.2 of the whole way from left to right."""


def side_energy(rule: SideEnergy, song: Measured, scope: Scope) -> Reading:
    """Side over mid of the mix within the band, dB."""
    inside = jnp.asarray(bands.bands_between(rule.band), song.mix_k.dtype)
    power = _mix_mean(song, scope) @ inside
    course = space.side_to_mid_db(smoothed(song.whole @ inside, song.dry.frame_s))
    return one(space.side_to_mid_db(power), course)


def _mix_mean(song: Measured, scope: Scope) -> Float[Array, "3 band"]:
    """Mean left, right and cross power of the mix over the frames that count."""
    weight = mix_sounding(song, scope)
    return jnp.einsum("ctb,t->cb", song.whole, weight / jnp.maximum(jnp.sum(weight), 1.0))


def pan_position(rule: PanPosition, song: Measured, scope: Scope) -> Reading:
    """Pan position of each track's energy, -100 to 100."""
    active = sounding(song, scope)
    return Reading(positions(song, active), tracks_heard(scope, active))


def given_place(rule: GivenPlace, song: Measured, scope: Scope) -> Reading:
    """Pan position of each track's energy less the one that is given."""
    active = sounding(song, scope)
    given, has_one = scope.table.T
    return Reading(positions(song, active) - given, tracks_heard(scope, active) * has_one)


def spread_level(rule: SpreadLevel, song: Measured, scope: Scope) -> Reading:
    """Level of each track's spread, dB; where no treatment has any, it is off."""
    spread_db = treatment_of(song).pan.spread_db
    audible = tracks_heard(scope, sounding(song, scope))
    return Reading(jnp.full_like(audible, SPREAD_OFF_DB) if spread_db is None else spread_db, audible)


def track_mean(song: Measured, active: Float[Array, "track frame"]) -> Float[Array, "track 3"]:
    """Mean left, right and cross power of each track while it sounds."""
    share = active / jnp.maximum(jnp.sum(active, axis=-1, keepdims=True), 1.0)
    return jnp.sum(effect.over_time(song.tracks, share), axis=-1)


def positions(song: Measured, active: Float[Array, "track frame"]) -> Float[Array, " track"]:
    """Pan position of each track's energy while it sounds, -100 to 100."""
    power = track_mean(song, active)
    return space.position(power[:, 0], power[:, 1])


def left_right_balance(rule: LeftRightBalance, song: Measured, scope: Scope) -> Reading:
    """Right over left power of the mix, dB."""
    left, right, _ = jnp.sum(_mix_mean(song, scope), axis=-1)
    over_time = smoothed(jnp.sum(song.whole, axis=-1), song.dry.frame_s)
    return one(space.balance_db(left, right), space.balance_db(over_time[0], over_time[1]))


def similar_apart(rule: SimilarApart, song: Measured, scope: Scope) -> Reading:
    """Closeness of each pair's positions times the likeness of their raw sound, 0 to 1."""
    active = sounding(song, scope)
    dry = song.raw.power
    low = spectrum.below_db(dry, active, jnp.full(active.shape[0], LOW_HZ))
    high = 1.0 - 10.0 ** (low / 10.0)
    alike = masking.overlap(dry, active) * masking.co_activity(active) * jnp.outer(high, high)
    position = treatment_of(song).pan.position
    apart = jnp.square(position[:, None] - position[None, :])
    # flat where two positions are equal, with nothing to part them: tracks must start a little apart
    closeness = jnp.exp(-apart / (2.0 * BELL * BELL))
    pairs = pairs_of(scope.member, scope.member) * (masking.co_activity(active) > 0.0)
    return pair_reading(jax.lax.stop_gradient(alike) * closeness, pairs)


def mono_foldown(rule: MonoFoldown, song: Measured, scope: Scope) -> Reading:
    """Power of the mono sum over that of both channels, dB: of all bands, of the worst tenth of them, or its spread."""
    if rule.resolution == "tracks":
        return _uneven_foldown(song, scope)
    power = _mix_mean(song, scope)
    if rule.resolution == "bands":
        audible = (power[0] + power[1] > FLOOR).astype(power.dtype)
        return one(-worst_mean(-space.foldown_db(power), 0.1, audible))
    over_time = jnp.sum(song.whole, axis=-1)
    course = space.foldown_db(smoothed(over_time, song.dry.frame_s))
    return one(space.foldown_db(jnp.sum(power, axis=-1)), course)


def _uneven_foldown(song: Measured, scope: Scope) -> Reading:
    """Standard deviation of what folding to mono takes of each track, dB."""
    active = sounding(song, scope)
    audible = tracks_heard(scope, active)
    change = jnp.maximum(space.foldown_db(track_mean(song, active).T), LOST_DB)
    square = mean_over(jnp.square(change - mean_over(change, audible)), audible)
    # the root's slope is infinite at zero
    return one(jnp.where(square > 1e-6, jnp.sqrt(jnp.maximum(square, 1e-6)), 0.0))


def band_balance(rule: BandBalance, song: Measured, scope: Scope) -> Reading:
    """Right over left K-weighted power of the mix in every region that holds enough of the raw tracks, dB."""
    regions = jnp.asarray(_regions(rule.centres_hz), song.mix_k.dtype) * song.dry.k_weight
    left, right, _ = _mix_mean(song, scope) @ regions.T
    raw = regions @ (mix_sounding(song, scope) @ effect.summed(song.raw.power))
    # the raw tracks decide which regions count: none is left out by emptying it
    share = (raw > rule.floor * jnp.maximum(jnp.sum(raw), FLOOR)).astype(left.dtype)
    return Reading(space.balance_db(left, right), jax.lax.stop_gradient(share))


def _regions(centres_hz: Sequence[float]) -> Float[np.ndarray, "region band"]:
    """One for the bands of each region; borders lie half way between centres, in octaves."""
    octave = np.log2(centres_hz)
    middle = 0.5 * (octave[1:] + octave[:-1])
    edges = 2.0 ** np.array([2.0 * octave[0] - middle[0], *middle, 2.0 * octave[-1] - middle[-1]])
    return np.stack([bands.bands_between(ends) for ends in pairwise(edges.tolist())])


def width_by_frequency(rule: WidthByFrequency, song: Measured, scope: Scope) -> Reading:
    """Side signal of the mix as a share of its whole power, in every band that the rule names."""
    power = _mix_mean(song, scope) @ scope.table.T
    raw = scope.table @ (mix_sounding(song, scope) @ effect.summed(song.raw.power))
    return Reading(space.side_share(power), (raw > FLOOR).astype(power.dtype))


def pair_spread(rule: PairSpread, song: Measured, scope: Scope) -> Reading:
    """Distance between the partners of each pair, less the distance of their middle from the centre, -1 to 1."""
    active = sounding(song, scope)
    position = positions(song, active)
    # twice the smaller distance from the centre, positive on opposite sides: moving the outer one alone gains nothing
    apart = jnp.abs(position[:, None] - position[None, :]) - jnp.abs(position[:, None] + position[None, :])
    partners = jnp.triu(jnp.maximum(scope.table, scope.table.T), 1)
    audible = tracks_heard(scope, active)
    return pair_reading(apart / 200.0, partners * jnp.outer(audible, audible) * (1.0 - _sharing_phase(song, active)))


def _sharing_phase(song: Measured, active: Float[Array, "track frame"]) -> Float[Array, "track track"]:
    """One for pairs of raw tracks whose correlation is above that of doubles."""
    first, second = song.dry.pairs[:, 0], song.dry.pairs[:, 1]
    # absolute: microphones in opposite phase are one source too
    both = jnp.sum(jnp.abs(effect.pair_power(effect.untreated(song.dry))), axis=(1, 2))
    own = jnp.sum(song.raw.power, axis=(1, 2))
    correlation = both / jnp.maximum(2.0 * jnp.sqrt(own[first] * own[second]), FLOOR)
    table = jnp.zeros((len(own), len(own))).at[first, second].max(correlation)
    return (jnp.maximum(table, table.T) > DOUBLE).astype(own.dtype)
