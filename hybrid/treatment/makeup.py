"""Make-up: tone and movement change what a track is like, its level how loud it is.

While a treatment is sought, its level is that of the track after everything else, so that a rule that may only change
the tone cannot use it as a fader. What results is an ordinary treatment again.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.treatment.curves import FAINT, LN_DB, moving_db, static_db, zone_curves
from hybrid.treatment.types import Dry, Treatment


def apply_makeup(dry: Dry, treatment: Treatment) -> Treatment:
    """The treatment whose tracks are as loud as the levels of the given one say."""
    return _raised(treatment, -louder_db(dry, treatment))


def undo_makeup(dry: Dry, treatment: Treatment) -> Treatment:
    """The treatment that `apply_makeup` turns into the given one."""
    return _raised(treatment, louder_db(dry, treatment))


def louder_db(dry: Dry, treatment: Treatment) -> Float[Array, " track"]:
    """What tone, low cut, rides and dynamics add to the level of each track while it sounds, K-weighted, dB.

    Fixed gains act on the track's long-term spectrum; moving ones count by their mean over the frames that sound.
    """
    power = jnp.einsum("itb,it->ib", dry.power_k[:, 0] + dry.power_k[:, 1], dry.active)
    total = jnp.sum(power, axis=-1)
    heard = total > FAINT
    fixed_db = static_db(treatment, dry) - treatment.gain.level_db[:, None]
    ratio = jnp.sum(power * jnp.exp(LN_DB * fixed_db), axis=-1) / jnp.where(heard, total, 1.0)
    fixed = jnp.log(jnp.where(heard, ratio, 1.0)) / LN_DB
    share = power @ jnp.asarray(zone_curves().T, power.dtype) / jnp.where(heard, total, 1.0)[:, None]
    sounding = dry.active / jnp.maximum(jnp.sum(dry.active, axis=-1, keepdims=True), 1e-6)
    moving = jnp.einsum("izt,it,iz->i", moving_db(treatment, dry.time_s), sounding, jax.lax.stop_gradient(share))
    return fixed + moving


def _raised(treatment: Treatment, by_db: Float[Array, " track"]) -> Treatment:
    return replace(treatment, gain=treatment.gain._replace(level_db=treatment.gain.level_db + by_db))
