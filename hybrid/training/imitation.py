"""How far a mix is from one that is imitated.

Apart from `target`, which targets on disk follow from: the penalty of rules does not change what a mix to imitate is.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.knowledge.objective import penalty
from hybrid.training.target import Target

_DB, _ASIDE = 3.0, 0.2
"""What counts as one unit of distance: decibels of a level, and of balance, 0 in the middle to 1 at a side."""
_HEARD_DB = 30.0
"""Bands further below a track's strongest band do not count."""


def distance(found: Target, wanted: Target, present: Float[Array, " track"]) -> Float[Array, ""]:
    """How far one mix is from another: means over the tracks that are there, of levels, bands and places, and the
    bands of the sum; 0 where nothing is wanted."""
    strongest = jnp.max(wanted.band_db, axis=-1, keepdims=True)
    counts = (wanted.band_db > strongest - _HEARD_DB) * present[:, None]
    louder = (found.loudness_db - wanted.loudness_db) * present
    parts = (
        _mean(penalty((louder - _mean(louder, present)) / _DB), present),
        _mean(penalty((found.band_db - wanted.band_db) / _DB), counts),
        _mean(penalty((found.aside - wanted.aside) / _ASIDE), present),
        _mean(penalty((found.mix_db - wanted.mix_db) / _DB), wanted.mix_db > jnp.max(wanted.mix_db) - _HEARD_DB),
    )
    return wanted.given * sum(parts, jnp.zeros(()))


def _mean(x: Float[Array, "*shape"], weight: Array) -> Float[Array, ""]:
    return jnp.sum(x * weight) / jnp.maximum(jnp.sum(weight), 1.0)
