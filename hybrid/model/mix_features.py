"""Mix features: properties of every track and every pair in a proposed mix, an input of the refine step."""

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
"""Number of features per pair of tracks."""
_LOWEST_CUT_HZ = PARTS["eq.low_cut"].bijector.limits[0]
_NEAR_PAN = 40.0
"""Distance in pan units within which tracks count as being at one position: about the width of a voice."""

_TRACE = 1e-4
"""Floor of shares of side power, -40 dB: rules on low frequencies ask for -20 dB."""


class MixFeatures(NamedTuple):
    """Features of a treated mix, of about unit size."""

    track: Float[Array, "track feature"]
    """Over the active frames of each track: its spectrum, its share of each band of the mix, the spectrum of the mix.
    Per zone: side share of the track, its share in the side of the mix, side share and balance of the mix. Tone curve;
    loudness re the mix and re all other tracks, balance, correlation, position, distance from the centre, width, low
    cut."""
    pair: Float[Array, "track track relation"]
    """Spectral overlap of two tracks while both are active, co-activity, the product of both and proximity, proximity,
    difference in position, difference in loudness, and 1 on the diagonal."""


def mix_features(dry: Dry, treatment: Treatment, features: InputFeatures) -> MixFeatures:
    """Mix features of a treatment before make-up, without its reverb."""
    layer = effect.treated(dry, apply_makeup(dry, treatment))._replace(reverb_return=None)
    present, active = features.present, dry.active * features.present[:, None]
    power = effect.direct_power(layer) * present[:, None, None]
    mix = effect.summed(power)
    # spectra over a track's own active frames, of the track and of the mix around it
    own = jnp.einsum("itb,it->ib", power, active)
    mix_around = active @ mix.reshape(len(mix), -1)
    # the mean band reads 0 dB, so that loudness is a feature of its own
    spectrum, mix_spectrum = (
        unit_db(bands.N_BANDS * x / jnp.maximum(jnp.sum(x, axis=-1, keepdims=True), FAINT)) for x in (own, mix_around)
    )
    share = unit_db(own / jnp.maximum(mix_around, FAINT))
    power_k = effect.track_k(layer) * active
    mix_k = effect.summed(power_k)
    # loudness relative to the mix, and to the other tracks while this one is active
    mean_k = jnp.sum(power_k, axis=-1) / jnp.maximum(jnp.sum(active, axis=-1), 1e-6)
    others = jnp.maximum(active @ mix_k - jnp.sum(power_k, axis=-1), 0.0)
    n_inside = jnp.sum(dry.inside)
    loudness_db = 10.0 * jnp.log10((mean_k + FAINT) / (jnp.sum(mix_k) / jnp.maximum(n_inside, 1e-6) + FAINT))
    over_others_db = 10.0 * jnp.log10((jnp.sum(power_k, axis=-1) + FAINT) / (others + FAINT))
    zones = jnp.asarray(zone_curves().T, power.dtype)
    over_time = jnp.einsum("ctb,t->cb", effect.mixture(layer), dry.inside)
    stereo, sum_stereo = effect.over_time(layer, active) @ zones, over_time @ zones
    # power of left less right: rounding can make it negative
    side, sum_side = (jnp.maximum(x[..., 0, :] + x[..., 1, :] - 2.0 * x[..., 2, :], 0.0) for x in (stereo, sum_stereo))
    side_db, sum_side_db = (
        _side_db(s / jnp.maximum(2.0 * (x[..., 0, :] + x[..., 1, :]), FAINT))
        for s, x in ((side, stereo), (sum_side, sum_stereo))
    )
    # the floor is relative to the whole mix, so that a trace of side in a mono mix does not read as a large share
    share_of_side = _side_db(side / jnp.maximum(sum_side + _TRACE * (sum_stereo[0] + sum_stereo[1]), FAINT))
    mix_balance = (sum_stereo[0] - sum_stereo[1]) / jnp.maximum(sum_stereo[0] + sum_stereo[1], FAINT)
    # the facts below are scaled to about unit size: by 10 dB, 50 pan units, 6 dB, 2 octaves
    left, right, cross = jnp.moveaxis(jnp.sum(stereo, axis=-1), 1, 0)
    balance = (left - right) / jnp.maximum(left + right, FAINT)
    correlation = cross / jnp.sqrt(jnp.maximum(left * right, FAINT**2))
    position = treatment.pan.position / 50.0
    cut_octaves = jnp.log2(jnp.maximum(treatment.eq.low_cut_hz, _LOWEST_CUT_HZ) / 100.0)
    fact = [
        jnp.clip(loudness_db, -40.0, 20.0) / 10.0,
        jnp.clip(over_others_db, -40.0, 20.0) / 10.0,
        balance,
        jnp.clip(correlation, -1.0, 1.0),
        position,
        jnp.abs(position),
        treatment.pan.width_db / 6.0,
        cut_octaves / 2.0,
    ]
    of_mix = [jnp.broadcast_to(x, side_db.shape) for x in (sum_side_db, mix_balance)]
    spectra = [spectrum, share, mix_spectrum, side_db, share_of_side, *of_mix]
    track = jnp.concatenate([*spectra, treatment.eq.tone_db / 3.0, jnp.stack(fact, axis=-1)], axis=-1)
    return MixFeatures(track * present[:, None], _relations(dry, features, position, loudness_db / 10.0))


def _side_db(share: Float[Array, "..."]) -> Float[Array, "..."]:
    """Level of a share of side power in units of 20 dB, from -2 (mono, where only rounding is left) to 0."""
    return 10.0 * jnp.log10(share + _TRACE) / 20.0


def _relations(
    dry: Dry, features: InputFeatures, position: Float[Array, " track"], loudness: Float[Array, " track"]
) -> Float[Array, "track track relation"]:
    # overlap is of the raw tracks: a proposal cannot change it, only where and how loud the two are
    raw = dry.power[:, 0] + dry.power[:, 1]
    difference = position[:, None] - position[None, :]
    near = jnp.exp(-0.5 * jnp.square(50.0 / _NEAR_PAN * difference))
    louder = jnp.clip(loudness[:, None] - loudness[None, :], -3.0, 3.0)
    overlap, co_activity = masking.overlap(raw, dry.active), masking.co_activity(dry.active)
    relations = [overlap, co_activity, overlap * co_activity * near, near, difference, louder, jnp.eye(len(raw))]
    return jnp.stack(relations, axis=-1) * jnp.outer(features.present, features.present)[..., None]
