"""The distance of a mix from a distillation target.

Apart from `distillation`, on which targets on disk depend: a change of the penalty must not invalidate them.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.knowledge.objective import penalty
from hybrid.training.distillation import UNDECIDED, DistillationTarget

_LEVEL_SCALE_DB, _BALANCE_SCALE = 3.0, 0.2
"""One unit of distance: 3 dB of a level, and 0.2 of balance, which is 0 in the centre and 1 at a side."""
_RELEVANT_DB = 30.0
"""Bands further below the strongest band of a track do not count."""


def distillation_loss(
    mix: DistillationTarget, target: DistillationTarget, present: Float[Array, " track"]
) -> Float[Array, ""]:
    """The distance of a mix from a target: means over the present tracks of the penalties of level, bands and balance,
    plus that of the bands of the sum. 0 where no target exists."""
    # bands that are inaudible in the target have no meaningful level
    strongest = jnp.max(target.band_db, axis=-1, keepdims=True)
    counts = (target.band_db > strongest - _RELEVANT_DB) * present[:, None]
    # only level differences between tracks count: the output level is removed as their mean
    level_difference_db = (mix.loudness_db - target.loudness_db) * present
    parts = (
        _mean(penalty((level_difference_db - _mean(level_difference_db, present)) / _LEVEL_SCALE_DB), present),
        _mean(penalty((mix.band_db - target.band_db) / _LEVEL_SCALE_DB), counts),
        _mean(penalty((mix.balance - target.balance) / _BALANCE_SCALE), present * (target.balance > UNDECIDED)),
        _mean(
            penalty((mix.mix_db - target.mix_db) / _LEVEL_SCALE_DB),
            target.mix_db > jnp.max(target.mix_db) - _RELEVANT_DB,
        ),
    )
    return target.exists * sum(parts, jnp.zeros(()))


def _mean(x: Float[Array, "*shape"], weight: Array) -> Float[Array, ""]:
    return jnp.sum(x * weight) / jnp.maximum(jnp.sum(weight), 1.0)
