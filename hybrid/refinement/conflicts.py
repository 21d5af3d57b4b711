"""Pairs of rules whose gradients opposed each other while a mix was refined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hybrid.knowledge.types import RuleType
from hybrid.refinement.refine import Refined


class Conflict(NamedTuple):
    """Two rules with opposed gradients, and the share of the rounds in which they were opposed."""

    first: str
    second: str
    share: float
    cosine: float
    """Between the two gradients, the mean over those rounds: -0.5 to -1, where -1 is exactly opposite."""


def conflicts(refined: Refined, rules: Sequence[RuleType]) -> tuple[Conflict, ...]:
    """Pairs of unsatisfied rules whose gradients had a cosine below -0.5 in more than a fifth of the rounds."""
    if not refined.rounds:
        return ()
    unsatisfied = np.stack([each.cost > 1e-3 for each in refined.rounds])
    cosine = np.stack([each.cosine for each in refined.rounds])
    opposed = (cosine < -0.5) & unsatisfied[:, :, None] & unsatisfied[:, None, :]
    share = opposed.mean(axis=0)
    mean_cosine = np.sum(cosine, axis=0, where=opposed) / np.maximum(opposed.sum(axis=0), 1)
    # the matrices are symmetric: each pair is read once, above the diagonal
    pairs = zip(*np.nonzero(np.triu(share > 0.2, 1)), strict=True)
    return tuple(Conflict(rules[i].id, rules[j].id, float(share[i, j]), float(mean_cosine[i, j])) for i, j in pairs)
