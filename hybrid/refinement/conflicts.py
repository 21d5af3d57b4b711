"""Which rules pulled against each other while a mix was refined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hybrid.knowledge.types import RuleType
from hybrid.refinement.refine import Refined


class Conflict(NamedTuple):
    """Two rules that pulled against each other, the share of the looks in which they did, and how squarely."""

    first: str
    second: str
    share: float
    cosine: float
    """Between their gradients, the mean over those looks: -0.5 to -1, which is head on."""


def conflicts(refined: Refined, rules: Sequence[RuleType]) -> tuple[Conflict, ...]:
    """Pairs of unsatisfied rules whose gradients opposed each other (cosine below -0.5) in a fifth of the looks."""
    if not refined.rounds:
        return ()
    unsatisfied = np.stack([look.cost > 1e-3 for look in refined.rounds])
    cosine = np.stack([look.cosine for look in refined.rounds])
    opposed = (cosine < -0.5) & unsatisfied[:, :, None] & unsatisfied[:, None, :]
    share = opposed.mean(axis=0)
    size = np.sum(cosine, axis=0, where=opposed) / np.maximum(opposed.sum(axis=0), 1)
    pairs = zip(*np.nonzero(np.triu(share > 0.2, 1)), strict=True)
    return tuple(Conflict(rules[i].id, rules[j].id, float(share[i, j]), float(size[i, j])) for i, j in pairs)
