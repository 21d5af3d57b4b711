"""How tracks stand in a mix so far: what a network hears of its own proposal before it says more."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.measure import masking
from hybrid.model.hearing import FAINT, Hearing, unit_db
from hybrid.signal import bands
from hybrid.treatment import effect
from hybrid.treatment.bounds import LOW_CUT_FROM_HZ
from hybrid.treatment.makeup import made_up
from hybrid.treatment.types import N_TONE, Dry, Treatment

N_STANDING = 3 * bands.N_BANDS + N_TONE + 8
N_RELATION = 7
_NEAR_PAN = 40.0
"""Tracks that are much closer than this stand in one place: about the width of a voice between loudspeakers."""


class Standing(NamedTuple):
    """Numbers of about unit size, of a mix under a treatment."""

    track: Float[Array, "track standing"]
    """Spectrum of each track, its share in each band of the mix, and the mix's spectrum, all while it sounds; its
    loudness in the mix and against all others, its balance and width, where it was placed and how it was filtered."""
    pair: Float[Array, "track track relation"]
    """How alike two tracks sound while both do, how often that is, how close they stand and both together, who is
    further right, who is louder, and whether the two are one."""


def stand(dry: Dry, treatment: Treatment, hearing: Hearing) -> Standing:
    """How the tracks stand under a treatment whose levels are those after make-up; its room is not heard."""
    layer = effect.treated(dry, made_up(dry, treatment))._replace(back=None)
    present, active = hearing.present, dry.active * hearing.present[:, None]
    power = effect.direct(layer) * present[:, None, None]
    mix = effect.summed(power)
    own = jnp.einsum("itb,it->ib", power, active)
    around = active @ mix.reshape(len(mix), -1)
    spectrum, whole = (
        unit_db(bands.N_BANDS * x / jnp.maximum(jnp.sum(x, axis=-1, keepdims=True), FAINT)) for x in (own, around)
    )
    share = unit_db(own / jnp.maximum(around, FAINT))
    weighed = effect.total_k(layer) * active
    mix_k = effect.summed(weighed)
    loud = jnp.sum(weighed, axis=-1) / jnp.maximum(jnp.sum(active, axis=-1), 1e-6)
    others = jnp.maximum(active @ mix_k - jnp.sum(weighed, axis=-1), 0.0)
    sounding = jnp.sum(dry.inside)
    loudness_db = 10.0 * jnp.log10((loud + FAINT) / (jnp.sum(mix_k) / jnp.maximum(sounding, 1e-6) + FAINT))
    over_db = 10.0 * jnp.log10((jnp.sum(weighed, axis=-1) + FAINT) / (others + FAINT))
    left, right, cross = jnp.moveaxis(jnp.sum(effect.over_time(layer, active), axis=-1), 1, 0)
    balance = (left - right) / jnp.maximum(left + right, FAINT)
    correlation = cross / jnp.sqrt(jnp.maximum(left * right, FAINT**2))
    position = treatment.pan.position / 50.0
    cut_octaves = jnp.log2(jnp.maximum(treatment.eq.low_cut_hz, LOW_CUT_FROM_HZ) / 100.0)
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
    track = jnp.concatenate([spectrum, share, whole, treatment.eq.tone_db / 3.0, jnp.stack(fact, axis=-1)], axis=-1)
    return Standing(track * present[:, None], _relations(dry, hearing, position, loudness_db / 10.0))


def _relations(
    dry: Dry, hearing: Hearing, position: Float[Array, " track"], loudness: Float[Array, " track"]
) -> Float[Array, "track track relation"]:
    raw = dry.power[:, 0] + dry.power[:, 1]
    apart = position[:, None] - position[None, :]
    near = jnp.exp(-0.5 * jnp.square(50.0 / _NEAR_PAN * apart))
    louder = jnp.clip(loudness[:, None] - loudness[None, :], -3.0, 3.0)
    overlap, together = masking.overlap(raw, dry.active), masking.co_activity(dry.active)
    relations = [overlap, together, overlap * together * near, near, apart, louder, jnp.eye(len(raw))]
    return jnp.stack(relations, axis=-1) * jnp.outer(hearing.present, hearing.present)[..., None]
