"""The panel: everything that rules read, gathered once per evaluation.

`predict` makes it in the power domain from raw measurements and a treatment, with gradients and without audio.
`observe` makes it from measurements of rendered audio. Which frames count, and how much, always comes from the
raw tracks, so that a mix cannot satisfy a rule by silencing the frames it is judged on.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.measure import loudness
from hybrid.treatment import effect
from hybrid.treatment.types import Dry, Treatment


class Measured(NamedTuple):
    """A treated song as rules see it. Powers are before the output level, which scales all of them alike."""

    dry: Dry
    treatment: Treatment
    track: Float[Array, "track 3 frame band"]
    track_k: Float[Array, "track frame"]
    pair_k: Float[Array, "pair frame"]
    mix: Float[Array, "3 frame band"]
    mix_k: Float[Array, " frame"]
    loudness_lufs: Float[Array, ""]
    """Integrated loudness of the output."""
    true_peak_dbtp: Float[Array, ""]
    """True peak of the output."""
    slew_db_per_s: Float[Array, "track zone frame"]
    """Speed of every gain curve."""


def slew(treatment: Treatment, time_s: Float[Array, " frame"], frame_s: float) -> Float[Array, "track zone frame"]:
    """Change of gain over time within each frame, dB per second; the first frame reads zero."""
    moving = effect.moving_db(treatment, time_s)
    return jnp.pad(jnp.diff(moving, axis=-1) / frame_s, ((0, 0), (0, 0), (1, 0)))


def predict(dry: Dry, treatment: Treatment) -> Measured:
    """The panel in the power domain. The true peak is the raw sum's peak-to-loudness ratio on top of loudness."""
    treated = effect.apply(dry, treatment)
    level = loudness.integrated_lufs(treated.mix_k, dry.frame_s) + treatment.master.level_db
    return Measured(
        dry,
        treatment,
        *treated,
        loudness_lufs=level,
        true_peak_dbtp=level + dry.peak_to_loudness_db,
        slew_db_per_s=slew(treatment, dry.time_s, dry.frame_s),
    )


def observe(dry: Dry, treatment: Treatment, stems: Dry, mix: Dry) -> Measured:
    """The panel of rendered audio: `stems` and `mix` measured as if they were raw, `dry` for what counts.

    Loudness and true peak are placeholders that the caller replaces by the exact meters' readings.
    """
    as_rendered = effect.apply(stems, jax.tree.map(jnp.zeros_like, treatment))
    return Measured(
        dry,
        treatment,
        track=as_rendered.track,
        track_k=as_rendered.track_k,
        pair_k=as_rendered.pair_k,
        mix=mix.power[0],
        mix_k=jnp.sum(mix.power_k[0, :2], axis=(0, 2)),
        loudness_lufs=jnp.zeros(()),
        true_peak_dbtp=jnp.zeros(()),
        slew_db_per_s=slew(treatment, dry.time_s, dry.frame_s),
    )


def bus_k(measured: Measured, member: Float[Array, "*bus track"]) -> Float[Array, "*bus frame"]:
    """K-weighted power of the sum of some tracks, by a 0/1 membership: pairs that share phase add as signals."""
    first, second = measured.dry.pairs[:, 0], measured.dry.pairs[:, 1]
    both = member[..., first] * member[..., second]
    return jnp.maximum(member @ measured.track_k + both @ measured.pair_k, 0.0)


def bus_active(dry: Dry, member: Float[Array, "*bus track"]) -> Float[Array, "*bus frame"]:
    """Where any of the members sounds, 0 to 1."""
    return jnp.max(member[..., None] * dry.active, axis=-2)
