"""The panel: everything that rules read, gathered once per evaluation.

`predict` makes it in the power domain from raw measurements and a treatment, with gradients and without audio.
`observe` makes it from measurements of rendered audio. Which frames count, and how much, always comes from the
raw tracks, so that a mix cannot satisfy a rule by silencing the frames it is judged on.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.measure import loudness, masking
from hybrid.measure.decibel import FLOOR
from hybrid.measure.explained import CEILING_DB
from hybrid.treatment import curves, effect
from hybrid.treatment.effect import Layer
from hybrid.treatment.types import Dry, Treatment


class Raw(NamedTuple):
    """What the raw tracks alone decide: it is the same under every treatment, and has no gradient."""

    power: Float[Array, "track frame band"]
    """Of both channels together."""
    importance: Float[Array, "track frame band"]
    """How much each band matters to the track."""
    whole: Float[Array, " frame"]
    """Power of the sum of all tracks."""
    track_k: Float[Array, "track frame"]
    """K-weighted power of each track, in both channels and all bands together."""
    pair_k: Float[Array, "pair frame"]
    """What each pair that shares phase adds to that of the two."""


@partial(jax.jit, inline=True)
def raw_of(dry: Dry) -> Raw:
    """What the raw tracks alone decide."""
    power = dry.power[:, 0] + dry.power[:, 1]
    layer = effect.untreated(dry)
    whole = jnp.sum(effect.mix_power(layer), axis=-1)
    return Raw(power, masking.importance(power), whole, effect.track_k(layer), effect.pair_k(layer))


class Measured(NamedTuple):
    """A treated song as rules see it. Powers are before the output level, which scales all of them alike."""

    dry: Dry
    """The raw tracks: what counts, and how much."""
    raw: Raw
    treatment: Treatment
    tracks: Layer
    whole: Layer
    """What the mix is read off: in a prediction the sum of `tracks`, in an observation the rendered mix alone."""
    track_k: Float[Array, "track frame"]
    """K-weighted power of each track in both channels and all bands together."""
    pair_k: Float[Array, "pair frame"]
    """What each pair that shares phase adds to that of the two, positive or negative."""
    mix_k: Float[Array, " frame"]
    return_k: Float[Array, " frame"]
    """K-weighted power of what comes back from the room."""
    peak: Float[Array, " frame"]
    """Square of the largest sample of the mix, before the output level."""
    loudness_lufs: Float[Array, ""]
    """Integrated loudness of the output."""
    true_peak_dbtp: Float[Array, ""]
    """True peak of the output."""
    slew_db_per_s: Float[Array, "track zone frame"]
    """Speed of every gain curve."""
    explained_db: Float[Array, "2 track"]
    """How much of each track comes from its raw self, over the rest: by a fixed filter, and by one that changes slowly.

    100 where no audio was looked at.
    """


def slew(treatment: Treatment, time_s: Float[Array, " frame"], frame_s: float) -> Float[Array, "track zone frame"]:
    """Change of gain over time within each frame, dB per second; the first frame reads zero."""
    moving = curves.moving_db(treatment, time_s)
    return jnp.pad(jnp.diff(moving, axis=-1) / frame_s, ((0, 0), (0, 0), (1, 0)))


class _Levels(NamedTuple):
    track_k: Float[Array, "track frame"]
    pair_k: Float[Array, "pair frame"]
    mix_k: Float[Array, " frame"]
    return_k: Float[Array, " frame"]
    peak: Float[Array, " frame"]
    loudness_lufs: Float[Array, ""]
    true_peak_dbtp: Float[Array, ""]
    slew_db_per_s: Float[Array, "track zone frame"]
    explained_db: Float[Array, "2 track"]


def predict(dry: Dry, treatment: Treatment, raw: Raw | None = None) -> Measured:
    """The panel in the power domain; traced once per shape, however often rules ask for it.

    Peaks are as far above the power of the mix as those of the raw sum are, and the true peak as far above loudness.
    `raw` is that of `dry`, to be given where it was worked out once for many treatments.
    """
    layer, raw = effect.treated(dry, treatment), raw or raw_of(dry)
    return Measured(dry, raw, treatment, layer, layer, *_predicted(layer, raw.whole, treatment))


@partial(jax.jit, inline=True)
def _predicted(layer: Layer, raw_whole: Float[Array, " frame"], treatment: Treatment) -> _Levels:
    dry = layer.dry
    louder = jnp.sum(effect.mix_power(layer), axis=-1) / jnp.where(raw_whole > FLOOR, raw_whole, 1.0)
    track_k, pair_k = effect.track_k(layer), effect.pair_k(layer)
    mix_k = jnp.maximum(jnp.sum(track_k, axis=0) + jnp.sum(pair_k, axis=0), 0.0)
    level = loudness.integrated_lufs(mix_k, dry.inside, dry.frame_s) + treatment.master.level_db
    peak = level + dry.peak_to_loudness_db
    peaks = dry.peak * jnp.where(raw_whole > FLOOR, louder, 0.0)
    back = effect.return_k(layer)
    speed = slew(treatment, dry.time_s, dry.frame_s)
    return _Levels(track_k, pair_k, mix_k, back, peaks, level, peak, speed, _clean(dry))


def _clean(dry: Dry) -> Float[Array, "2 track"]:
    return jnp.full((2, dry.active.shape[0]), CEILING_DB, dry.power.dtype)


Scalar = Float[Array, ""] | float


def observe(dry: Dry, treatment: Treatment, tracks: Layer, mix: Dry, levels: tuple[Scalar, Scalar]) -> Measured:
    """The panel of audio: `tracks` and the one-track `mix` as measured, `dry` for what counts.

    `levels` are the exact meters' loudness and true peak of the output. What comes back from the room is worked out
    from the tracks as measured.
    """
    whole = effect.untreated(mix)
    return Measured(dry, raw_of(dry), treatment, tracks, whole, *_observed(dry, treatment, tracks, whole, levels))


@jax.jit
def _observed(dry: Dry, treatment: Treatment, tracks: Layer, whole: Layer, levels: tuple[Scalar, Scalar]) -> _Levels:
    return _Levels(
        track_k=effect.track_k(tracks),
        pair_k=effect.pair_k(tracks),
        mix_k=effect.track_k(whole)[0],
        return_k=effect.return_k(tracks),
        peak=whole.dry.peak,
        loudness_lufs=jnp.asarray(levels[0], jnp.float32),
        true_peak_dbtp=jnp.asarray(levels[1], jnp.float32),
        slew_db_per_s=slew(treatment, dry.time_s, dry.frame_s),
        explained_db=_clean(dry),
    )


def bus_k(song: Measured, member: Float[Array, "*bus track"], raw: bool = False) -> Float[Array, "*bus frame"]:
    """K-weighted power of the sum of some tracks, by a 0/1 membership: pairs that share phase add as signals."""
    powers = song.raw if raw else song
    return jnp.maximum(member @ powers.track_k + effect.pair_member(song.dry, member) @ powers.pair_k, 0.0)


def bus_active(dry: Dry, member: Float[Array, "*bus track"]) -> Float[Array, "*bus frame"]:
    """Where any of the members sounds, 0 to 1."""
    return jnp.max(member[..., None] * dry.active, axis=-2)
