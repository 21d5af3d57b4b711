"""Goal features: what a goal asks of a mix, as changes of what the network's first prediction has.

Changes rather than values: how bright a reference is says nothing of what to do before one knows how bright the mix is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.signal import bands

QUANTITIES: Mapping[str, int] = {
    "goal.tone": bands.N_BANDS,
    "goal.tone.side": bands.N_BANDS,
    "goal.low": 1,
    "goal.width": 8,
    "goal.place": 5,
    "goal.peaks": 1,
    "goal.range": 1,
}
"""Numbers of targets of the quantities that a network is told of, by the rules of `rules/reference.yaml`."""
N_GOAL = 2 * sum(QUANTITIES.values())


class AskedChange(NamedTuple):
    """The change that is asked of one quantity, in scales of its rule."""

    change: Float[Array, " target"]
    """From what the first prediction has to what is asked."""
    is_asked: Float[Array, " target"]
    """1 where something is asked, be it to stay; 0 where the quantity is free."""


def goal_features(asked: Mapping[str, AskedChange]) -> Float[Array, " goal"]:
    """Features of about unit size; zeros for quantities that are missing or have another number of targets."""
    parts = []
    for name, n in QUANTITIES.items():
        here = asked.get(name)
        if here is None or here.change.shape != (n,):
            parts.append(jnp.zeros(2 * n))
            continue
        # as with gradients: linear for small changes, logarithmic for large ones of either sign
        parts += [jnp.arcsinh(here.change) * here.is_asked, here.is_asked]
    return jnp.concatenate(parts)
