"""A mix to imitate, as powers tell it: how loud each track is, how it sounds and where it stands, and their sum."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.signal import bands
from hybrid.treatment import effect
from hybrid.treatment.types import Dry, Treatment

_FAINT = 1e-12


class Target(NamedTuple):
    """What is imitated. Sides are not told apart: a mix and its mirror image are as good."""

    loudness_db: Float[Array, " track"]
    """K-weighted, while the track sounds; only differences between tracks count."""
    band_db: Float[Array, "track band"]
    """Relative to the track's whole power."""
    aside: Float[Array, " track"]
    """How far the track is from the centre, 0 to 1."""
    mix_db: Float[Array, " band"]
    """The sum of all tracks, relative to its whole power."""
    given: Float[Array, ""]
    """1 if there is such a mix, else 0."""


def no_target(n_tracks: int) -> Target:
    """Nothing to imitate."""
    blank = jnp.zeros((n_tracks, bands.N_BANDS))
    nothing = Target(blank[:, 0], blank, blank[:, 0], blank[0], jnp.zeros(()))
    return jax.tree.map(np.asarray, nothing)


def target_of(dry: Dry, treatment: Treatment) -> Target:
    """What these tracks are like under a treatment."""
    layer = effect.treated(dry, treatment)
    power = effect.over_time(layer, dry.active)
    both = power[:, 0] + power[:, 1]
    whole = jnp.sum(both, axis=-1)
    k_power = both @ dry.k_weight
    mix = jnp.sum(effect.mix_over_time(layer, dry.inside)[:2], axis=0)
    left, right = jnp.sum(power[:, 0], axis=-1), jnp.sum(power[:, 1], axis=-1)
    return Target(
        loudness_db=_db(k_power),
        band_db=_db(both / jnp.maximum(whole, _FAINT)[:, None]),
        aside=jnp.abs(left - right) / jnp.maximum(whole, _FAINT),
        mix_db=_db(mix / jnp.maximum(jnp.sum(mix), _FAINT)),
        given=jnp.ones(()),
    )


def _db(power: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    return 10.0 * jnp.log10(power + _FAINT)
