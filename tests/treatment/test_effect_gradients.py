"""Gradients of treated powers, against finite differences in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.signal import bands
from hybrid.treatment import effect
from hybrid.treatment.bounds import constrain
from hybrid.treatment.types import Dry, Treatment, treatment_parts
from tests.treatment.made import dry_of, mono, random_dry, random_mono, random_moves

MONO = random_mono(np.random.default_rng(0))
SONGS = {
    "silence": dry_of(np.zeros((2, 3, 3, bands.N_BANDS)), ((0, 1, np.zeros((2, 2, 3, bands.N_BANDS))),)),
    "cancelling pair": dry_of(
        np.stack([mono(MONO[0, :3])] * 2), ((0, 1, -np.broadcast_to(MONO[0, :3], (2, 2, *MONO[0, :3].shape))),)
    ),
    "one track": dry_of(
        np.stack([random_dry(1, 3).power[0], np.zeros((3, 3, bands.N_BANDS))]),
        ((1, 1, np.zeros((2, 2, 3, bands.N_BANDS))),),
    ),
    "0.3 s": random_dry(2, 3),
    "many tracks": random_dry(60, 3),
}


def reading_db(dry: Dry, unconstrained: Treatment) -> jax.Array:
    """A smooth number that depends on every part: levels of tracks and mix."""
    layer = effect.treated(dry, constrain(unconstrained))
    powers = (effect.track_k(layer), effect.mix_power(layer), jnp.sum(effect.mixture(layer), axis=1))
    return sum(jnp.mean(10.0 * jnp.log10(jnp.maximum(p, 0.0) + 1e-8)) for p in powers)


@jax.jit
def slopes(dry: Dry, unconstrained: Treatment, direction: Treatment) -> tuple[Treatment, jax.Array, jax.Array]:
    """The gradient, its slope in a direction, and the same from central differences."""
    step = 1e-5
    gradient = jax.grad(reading_db, argnums=1)(dry, unconstrained)
    ends = jnp.asarray([step, -step])
    ahead, behind = jax.vmap(lambda s: reading_db(dry, jax.tree.map(lambda m, d: m + s * d, unconstrained, direction)))(
        ends
    )
    parts = zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
    return gradient, sum(jnp.vdot(g, d) for g, d in parts), (ahead - behind) / (2.0 * step)


@pytest.mark.long
@pytest.mark.parametrize("dry", SONGS.values(), ids=SONGS)
def test_gradients_are_finite_and_equal_to_finite_differences_in_float64(dry):
    def wide(tree):
        return jax.tree.map(lambda x: x if x.dtype == np.int32 else jnp.asarray(np.asarray(x, np.float64)), tree)

    with jax.enable_x64(True):
        gradient, slope, differences = slopes(wide(dry), wide(random_moves(dry, 1)), wide(random_moves(dry, 2)))
    assert all(np.isfinite(g).all() for g in treatment_parts(gradient).values())
    # central differences are good to the square of their step, and to rounding over it
    assert float(slope) == pytest.approx(float(differences), rel=1e-5, abs=1e-6)
