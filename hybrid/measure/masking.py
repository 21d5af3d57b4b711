"""Masking by energy: masker-to-signal ratios and spectral overlap. Powers in bands, levels in dB.

The spreading of excitation is Schroeder, Atal and Hall 1979, on the Bark scale, its rows normalised: otherwise
closely spaced bands would raise a flat spectrum by several decibels.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.measure.decibel import FLOOR, db, mean_over
from hybrid.signal import bands

_IMPORTANCE_EXPONENT = 0.3
"""Band importance grows as loudness does with power, about its 0.3th power (Stevens)."""
_BEST_DB = 3.0
"""Temperature of the soft maximum over bands."""
_HOLLOW_DB = 30.0
"""A band this far below the strongest one of its track is not essential to it (by taste)."""


def spreading() -> Float[np.ndarray, "masker maskee"]:
    """Share of every masker band in the excitation of every maskee band; each maskee's shares sum to one."""
    bark = bands.bark_number(bands.band_centres_hz())
    distance = bark[None, :] - bark[:, None]
    level = 15.81 + 7.5 * (distance + 0.474) - 17.5 * np.sqrt(1.0 + np.square(distance + 0.474))
    share = 10.0 ** (level / 10.0)
    return share / share.sum(axis=0, keepdims=True)


def masker_to_signal_db(
    track: Float[Array, "track frame band"], mix: Float[Array, "frame band"], offset_db: float
) -> Float[Array, "track frame band"]:
    """Masker-to-signal ratio, dB: excitation by the rest of the mix over that by the track, less the masking offset.

    Two equal tracks read -`offset_db`; a masker 12 dB up, 12 dB more. The cost is linear in the number of
    tracks: the rest is the mix less the track.
    """
    spread = jnp.asarray(spreading(), track.dtype)
    # an outer product with ones, whose gradient is a product again: that of a broadcast is ten times slower on CPU
    everywhere = jnp.einsum("i,tb->itb", jnp.ones(track.shape[0], track.dtype), mix)
    # rounding and cancelling pairs can leave less in the mix than in the track
    rest = jnp.maximum(everywhere - track, 0.0) @ spread
    return db(rest) - offset_db - db(track @ spread)


def importance(dry: Float[Array, "*batch band"]) -> Float[Array, "*batch band"]:
    """Weight of every band of a raw track in a frame; sums to 1 over bands, 0 for silence. Carries no gradient."""
    weight = jnp.where(dry > FLOOR, jnp.maximum(dry, FLOOR) ** _IMPORTANCE_EXPONENT, 0.0)
    total = jnp.sum(weight, axis=-1, keepdims=True)
    return jax.lax.stop_gradient(weight / jnp.where(total > 0.0, total, 1.0))


def soft_clip(x: Float[Array, "*shape"], ceiling: float) -> Float[Array, "*shape"]:
    """`x` in dB, smoothly limited between 0 and `ceiling`, with knees of about 1 dB."""
    return ceiling * -jnp.expm1(-jax.nn.softplus(x) / ceiling)


def masked_db(
    excess: Float[Array, "track frame band"], weight: Float[Array, "track frame band"], ceiling_db: float
) -> Float[Array, "track frame"]:
    """Masking of each track in each frame, dB: mean of the clipped excess, weighted by the importance of bands."""
    return jnp.sum(soft_clip(excess, ceiling_db) * weight, axis=-1)


def essential(power: Float[Array, "track band"], share: float) -> Float[Array, "track band"]:
    """Membership of each band in the strongest `share` of a spectrum, 0 to 1, soft within about 3 dB.

    Bands well over 30 dB below the strongest are no members, however few the others are: a pure tone has one band.
    """
    level = jax.lax.stop_gradient(db(power))
    weakest = jnp.sort(level, axis=-1)[:, -max(1, round(share * bands.N_BANDS))]
    # leakage of a tone into distant bands is not its spectrum
    weakest = jnp.maximum(weakest, jnp.max(level, axis=-1) - _HOLLOW_DB)
    return jax.nn.sigmoid((level - weakest[:, None]) / 3.0)


SPEECH_HZ = (160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300, 8000)
SPEECH_IMPORTANCE = (
    *(0.0083, 0.0095, 0.0150, 0.0289, 0.0440, 0.0578, 0.0653, 0.0711, 0.0818),
    *(0.0844, 0.0882, 0.0898, 0.0868, 0.0844, 0.0771, 0.0527, 0.0364, 0.0185),
)
"""ANSI S3.5-1997, table 3: importance of third octaves for average speech. Not verified against the standard."""


def speech_importance() -> Float[np.ndarray, " band"]:
    """Importance of every band for the intelligibility of speech; sums to one."""
    centres, octaves = bands.band_centres_hz(), np.log2(np.array(SPEECH_HZ))
    # third octaves have equal widths in octaves, so that their importance is a density over octaves
    per_octave = np.interp(np.log2(centres), octaves, SPEECH_IMPORTANCE, left=0.0, right=0.0)
    weight = per_octave * np.gradient(np.log2(centres))
    return weight / weight.sum()


def clarity(ratio_db: Float[Array, "*batch band"]) -> Float[Array, "*batch"]:
    """Intelligible share of speech, 0 to 1: bands count from 0 at -15 dB to 1 at +15 dB, with knees of about 1 dB."""
    clear = (jax.nn.softplus(ratio_db + 15.0) - jax.nn.softplus(ratio_db - 15.0)) / 30.0
    return clear @ jnp.asarray(speech_importance(), ratio_db.dtype)


def audibility(
    excess: Float[Array, "track frame band"], weight: Float[Array, "track frame band"], active: Array
) -> Float[Array, " track"]:
    """Share of its active frames in which a track is audible, 0 to 1, by its least masked bands.

    Their ratio to the masker is a soft maximum over the bands in which the raw track has power, about the mean of the
    best five in typical music, without a sort. Silence reads 1.
    """
    usable = weight > 0.01 * jnp.max(weight, axis=-1, keepdims=True)
    # softmax weights times values: a maximum whose gradient reaches all bands that are nearly as good
    # finite where a band is left out: in silence all are, and minus infinity throughout would give NaN
    share = jax.nn.softmax(jnp.where(usable, -excess / _BEST_DB, -100.0), axis=-1)
    best = jnp.sum(jnp.where(usable, -excess * share, 0.0), axis=-1)
    audible = mean_over(jax.nn.sigmoid((best + 3.0) / 2.0), active)
    return jnp.where(jnp.sum(active, axis=-1) > 0.0, audible, 1.0)


def overlap(
    track: Float[Array, "track frame band"], active: Float[Array, "track frame"]
) -> Float[Array, "track track"]:
    """Bhattacharyya coefficient of two tracks' spectra over the frames in which both are active.

    1 for equal shapes, 0 for disjoint ones, whatever their levels; 0 for tracks that are never active together.
    """
    level = jnp.sum(track, axis=-1, keepdims=True)
    shape = active[..., None] * track / jnp.where(level > FLOOR, level, 1.0) * (level > FLOOR)
    # spectrum of the first track of a pair over the frames of the second: the transpose is that of the second
    joint = jnp.einsum("itb,jt->ijb", shape, active)
    total = jnp.sum(joint, axis=-1, keepdims=True)
    share = joint / jnp.where(total > FLOOR, total, 1.0)
    product = share * share.swapaxes(0, 1)
    # the gradient of the square root is infinite at zero: bands that either track does not use carry none
    return jnp.sum(jnp.where(product > 1e-14, jnp.sqrt(jnp.maximum(product, 1e-14)), 0.0), axis=-1)


def co_activity(active: Float[Array, "track frame"]) -> Float[Array, "track track"]:
    """Frames in which both tracks are active, as a share of the active frames of the less busy one, 0 to 1."""
    both = active @ active.T
    each = jnp.sum(active, axis=-1)
    less = jnp.minimum(each[:, None], each[None, :])
    return both / jnp.where(less > 0.0, less, 1.0)
