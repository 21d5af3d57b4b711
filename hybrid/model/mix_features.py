"""How tracks stand in a mix so far: what a network hears of its own proposal before it says more."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.measure import masking
from hybrid.model.input_features import FAINT, InputFeatures, unit_db
from hybrid.signal import bands
from hybrid.treatment import effect
from hybrid.treatment.curves import zone_curves
from hybrid.treatment.makeup import apply_makeup
from hybrid.treatment.parts import N_TONE, N_ZONES, PARTS
from hybrid.treatment.types import Dry, Treatment

N_MIX_FEATURES = 3 * bands.N_BANDS + N_TONE + 4 * N_ZONES + 8
N_RELATION = 7
_LOWEST_CUT_HZ = PARTS["eq.low_cut"].bijector.limits[0]
_NEAR_PAN = 40.0
"""Tracks that are much closer than this stand in one place: about the width of a voice between loudspeakers."""

_TRACE = 1e-4
"""Shares of the side below this, -40 dB, are as good as none: rules ask for 20 dB less of lows."""


class MixFeatures(NamedTuple):
    """Numbers of about unit size, of a mix under a treatment."""

    track: Float[Array, "track standing"]
    """Spectrum of each track, its share in each band of the mix, and the mix's spectrum, all while it sounds; in each
    zone how much is side, of the track and of the whole mix, the track's share in that of the mix, and how far the mix
    leans; how the track was filtered; its loudness in the mix and against all others, its balance and correlation,
    where it was placed, its width, its low cut."""
    pair: Float[Array, "track track relation"]
    """How alike two tracks sound while both do, how often that is, how close they stand and both together, who is
    further right, who is louder, and whether the two are one."""


def mix_features(dry: Dry, treatment: Treatment, features: InputFeatures) -> MixFeatures:
    """How the tracks stand under a treatment whose levels are those after make-up; its room is not heard."""
    layer = effect.treated(dry, apply_makeup(dry, treatment))._replace(reverb_return=None)
    present, active = features.present, dry.active * features.present[:, None]
    power = effect.direct_power(layer) * present[:, None, None]
    mix = effect.summed(power)
    own = jnp.einsum("itb,it->ib", power, active)
    around = active @ mix.reshape(len(mix), -1)
    spectrum, whole = (
        unit_db(bands.N_BANDS * x / jnp.maximum(jnp.sum(x, axis=-1, keepdims=True), FAINT)) for x in (own, around)
    )
    share = unit_db(own / jnp.maximum(around, FAINT))
    weighed = effect.track_k(layer) * active
    mix_k = effect.summed(weighed)
    loud = jnp.sum(weighed, axis=-1) / jnp.maximum(jnp.sum(active, axis=-1), 1e-6)
    others = jnp.maximum(active @ mix_k - jnp.sum(weighed, axis=-1), 0.0)
    sounding = jnp.sum(dry.inside)
    loudness_db = 10.0 * jnp.log10((loud + FAINT) / (jnp.sum(mix_k) / jnp.maximum(sounding, 1e-6) + FAINT))
    over_db = 10.0 * jnp.log10((jnp.sum(weighed, axis=-1) + FAINT) / (others + FAINT))
    zones = jnp.asarray(zone_curves().T, power.dtype)
    stereo, sum_stereo = effect.over_time(layer, active) @ zones, effect.mix_over_time(layer, dry.inside) @ zones
    side, sum_side = (jnp.maximum(x[..., 0, :] + x[..., 1, :] - 2.0 * x[..., 2, :], 0.0) for x in (stereo, sum_stereo))
    aside, sum_aside = (
        _side_db(s / jnp.maximum(2.0 * (x[..., 0, :] + x[..., 1, :]), FAINT))
        for s, x in ((side, stereo), (sum_side, sum_stereo))
    )
    # beside the whole mix, so that a trace of side in a mix that has none at all is not told as large
    share_aside = _side_db(side / jnp.maximum(sum_side + _TRACE * (sum_stereo[0] + sum_stereo[1]), FAINT))
    leaning = (sum_stereo[0] - sum_stereo[1]) / jnp.maximum(sum_stereo[0] + sum_stereo[1], FAINT)
    left, right, cross = jnp.moveaxis(jnp.sum(stereo, axis=-1), 1, 0)
    balance = (left - right) / jnp.maximum(left + right, FAINT)
    correlation = cross / jnp.sqrt(jnp.maximum(left * right, FAINT**2))
    position = treatment.pan.position / 50.0
    cut_octaves = jnp.log2(jnp.maximum(treatment.eq.low_cut_hz, _LOWEST_CUT_HZ) / 100.0)
    fact = [
        jnp.clip(loudness_db, -40.0, 20.0) / 10.0,
        jnp.clip(over_db, -40.0, 20.0) / 10.0,
        balance,
        jnp.clip(correlation, -1.0, 1.0),
        position,
        jnp.abs(position),
        treatment.pan.width_db / 6.0,
        cut_octaves / 2.0,
    ]
    of_mix = [jnp.broadcast_to(x, aside.shape) for x in (sum_aside, leaning)]
    spectra = [spectrum, share, whole, aside, share_aside, *of_mix]
    track = jnp.concatenate([*spectra, treatment.eq.tone_db / 3.0, jnp.stack(fact, axis=-1)], axis=-1)
    return MixFeatures(track * present[:, None], _relations(dry, features, position, loudness_db / 10.0))


def _side_db(share: Float[Array, "..."]) -> Float[Array, "..."]:
    """Decibels from -2 to 0, about. The side of what is mono is rounding: all below the floor reads alike."""
    return 10.0 * jnp.log10(share + _TRACE) / 20.0


def _relations(
    dry: Dry, features: InputFeatures, position: Float[Array, " track"], loudness: Float[Array, " track"]
) -> Float[Array, "track track relation"]:
    raw = dry.power[:, 0] + dry.power[:, 1]
    apart = position[:, None] - position[None, :]
    near = jnp.exp(-0.5 * jnp.square(50.0 / _NEAR_PAN * apart))
    louder = jnp.clip(loudness[:, None] - loudness[None, :], -3.0, 3.0)
    overlap, together = masking.overlap(raw, dry.active), masking.co_activity(dry.active)
    relations = [overlap, together, overlap * together * near, near, apart, louder, jnp.eye(len(raw))]
    return jnp.stack(relations, axis=-1) * jnp.outer(features.present, features.present)[..., None]
