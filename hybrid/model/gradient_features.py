"""Gradient features: negative gradient of the rules' cost with respect to a proposal, an input of the refine step.

The network has no access to rules; its caller passes a function that returns their cost and negative gradient. Refining
a prediction by the gradient of its objective: iterative amortised inference, Marino, Yue and Mandt 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.treatment.parts import N_TONE, N_ZONES
from hybrid.treatment.types import Treatment

NegativeGradient = Callable[[Treatment], tuple[Array, Treatment]]
"""From unconstrained values, before make-up, to their cost by the rules and its negative gradient."""
N_FIXED = N_TONE + 5
N_GRADIENT = N_FIXED + 1 + N_ZONES
LEVEL_DB = 3.0
"""Scale of changes in level, dB per unit."""
GRADIENT_SCALE = 0.1
"""Gradient, in cost per unconstrained unit, of a feature of about one; larger ones grow as logarithms. A guess."""


class GradientFeatures(NamedTuple):
    """Features of about unit size, positive where an increase lowers the cost."""

    fixed: Float[Array, "track fixed"]
    """Negative gradient of tone, level, low cut, position, width and send."""
    ride: Float[Array, "track frame"]
    zone: Float[Array, "track zone frame"]

    @property
    def track(self) -> Float[Array, "track gradient"]:
        """Features per track: the fixed ones, RMS over time of the ride's, and mean over time of the zones'."""
        # not a mean: make-up cancels a lift of the whole ride, so that its gradient sums to about zero over time
        strength = jnp.sqrt(jnp.mean(jnp.square(self.ride), axis=-1, keepdims=True) + 1e-9)
        return jnp.concatenate([self.fixed, strength, jnp.mean(self.zone, axis=-1)], axis=-1)
