"""Make-up gain: tone and dynamics change the sound of a track, and its level alone its loudness.

During refinement, the level of a treatment is that of the track after all other processing, so that a rule that acts on
the tone cannot use it as a fader. The result, after make-up, is an ordinary treatment again.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.treatment.curves import FAINT, LN_DB, moving_db, static_db, zone_curves
from hybrid.treatment.types import Dry, Treatment


def apply_makeup(dry: Dry, treatment: Treatment) -> Treatment:
    """Treatment whose tracks have the loudness that the levels of the given one state."""
    return _raised(treatment, -makeup_gain_db(dry, treatment))


def undo_makeup(dry: Dry, treatment: Treatment) -> Treatment:
    """Treatment that `apply_makeup` turns into the given one: its inverse."""
    return _raised(treatment, makeup_gain_db(dry, treatment))


def makeup_gain_db(dry: Dry, treatment: Treatment) -> Float[Array, " track"]:
    """K-weighted gain in dB of tone, cuts, rides and dynamics together, for each track over its active frames.

    Constant gains act on the long-term spectrum; moving ones count by their mean in dB over the active frames. A silent
    track reads 0 with zero gradient.
    """
    power = jnp.einsum("itb,it->ib", dry.power_k[:, 0] + dry.power_k[:, 1], dry.active)
    total = jnp.sum(power, axis=-1)
    audible = total > FAINT
    # the level is taken out again: make-up must not cancel it, nor depend on it, so that its inverse is exact
    fixed_db = static_db(treatment, dry) - treatment.gain.level_db[:, None]
    # both branches finite: for a silent track 0 / 0 would pass a NaN through the gradient of the next `where`
    ratio = jnp.sum(power * jnp.exp(LN_DB * fixed_db), axis=-1) / jnp.where(audible, total, 1.0)
    fixed = jnp.log(jnp.where(audible, ratio, 1.0)) / LN_DB
    share = power @ jnp.asarray(zone_curves().T, power.dtype) / jnp.where(audible, total, 1.0)[:, None]
    sounding = dry.active / jnp.maximum(jnp.sum(dry.active, axis=-1, keepdims=True), 1e-6)
    # no gradient through the shares: the raw track decides what a zone counts
    moving = jnp.einsum("izt,it,iz->i", moving_db(treatment, dry.time_s), sounding, jax.lax.stop_gradient(share))
    return fixed + moving


def _raised(treatment: Treatment, by_db: Float[Array, " track"]) -> Treatment:
    return replace(treatment, gain=treatment.gain._replace(level_db=treatment.gain.level_db + by_db))
