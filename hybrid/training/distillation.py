"""Distillation targets: level, spectrum and balance of every track of a mix, and the spectrum of their sum."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.signal import bands
from hybrid.treatment import effect
from hybrid.treatment.types import Dry, Treatment

_FLOOR = 1e-12
"""A power, 120 dB below full scale."""


UNDECIDED = -1.0
"""Balance of a track that does not count."""


class DistillationTarget(NamedTuple):
    """Features of a mix to imitate. Sides are not distinguished: a mix and its mirror image have the same features."""

    loudness_db: Float[Array, " track"]
    """K-weighted, while the track is active; only differences between tracks count."""
    band_db: Float[Array, "track band"]
    """Relative to the track's whole power."""
    balance: Float[Array, " track"]
    """Distance of the track from the centre, 0 to 1; `UNDECIDED` where nobody chose it."""
    mix_db: Float[Array, " band"]
    """The sum of all tracks, relative to its whole power."""
    exists: Float[Array, ""]
    """1 if there is a mix to imitate, else 0."""


def no_target(n_tracks: int) -> DistillationTarget:
    """A target that does not exist: its distance to every mix is 0."""
    blank = jnp.zeros((n_tracks, bands.N_BANDS))
    nothing = DistillationTarget(blank[:, 0], blank, blank[:, 0], blank[0], jnp.zeros(()))
    return jax.tree.map(np.asarray, nothing)


def target_of(dry: Dry, treatment: Treatment) -> DistillationTarget:
    """The features of a recording's tracks under a treatment."""
    layer = effect.treated(dry, treatment)
    power = effect.over_time(layer, dry.active)
    channel_sum = power[:, 0] + power[:, 1]
    whole = jnp.sum(channel_sum, axis=-1)
    k_power = channel_sum @ dry.k_weight
    mix = jnp.einsum("tb,t->b", effect.mix_power(layer), dry.inside)
    left, right = jnp.sum(power[:, 0], axis=-1), jnp.sum(power[:, 1], axis=-1)
    return DistillationTarget(
        loudness_db=_db(k_power),
        band_db=_db(channel_sum / jnp.maximum(whole, _FLOOR)[:, None]),
        # absolute: which side a track is on is arbitrary
        balance=jnp.abs(left - right) / jnp.maximum(whole, _FLOOR),
        mix_db=_db(mix / jnp.maximum(jnp.sum(mix), _FLOOR)),
        exists=jnp.ones(()),
    )


def _db(power: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return 10.0 * jnp.log10(power + _FLOOR)
