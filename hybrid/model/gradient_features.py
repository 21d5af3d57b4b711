"""What the rules would have changed in a proposal: the network feels it beside what it hears, and says how far to go.

A network knows nothing of rules; who asks it for a proposal hands it a function that tells how they pull. That what is
inferred is mended by the gradient of what it is judged by: iterative amortised inference, Marino, Yue and Mandt 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.treatment.parts import N_TONE, N_ZONES
from hybrid.treatment.types import Treatment

NegativeGradient = Callable[[Treatment], tuple[Array, Treatment]]
"""From whitened moves, before make-up, to what they cost by the rules and the way in which that falls."""
N_FIXED = N_TONE + 5
N_GRADIENT = N_FIXED + 1 + N_ZONES
LOUDNESS_DB = 3.0
"""What one unit of a change in loudness is worth."""
FULL = 0.1
"""A slope of the cost per unit of a move that is felt as about one; larger ones by their logarithm. A guess."""


class GradientFeatures(NamedTuple):
    """Numbers of about unit size, positive where more is wanted."""

    fixed: Float[Array, "track fixed"]
    """Of tone, loudness, low cut, position, width and send."""
    ride: Float[Array, "track frame"]
    zone: Float[Array, "track zone frame"]

    @property
    def track(self) -> Float[Array, "track felt"]:
        """All of it, once for each track: of what moves, how much, and the mean."""
        strength = jnp.sqrt(jnp.mean(jnp.square(self.ride), axis=-1, keepdims=True) + 1e-9)
        return jnp.concatenate([self.fixed, strength, jnp.mean(self.zone, axis=-1)], axis=-1)
