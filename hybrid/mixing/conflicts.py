"""Which rules pulled against each other while a mix was refined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hybrid.knowledge.types import RuleType
from hybrid.mixing.refine import Refined


class Conflict(NamedTuple):
    """Two rules that pulled against each other, and the share of the looks in which they did."""

    first: str
    second: str
    share: float


def conflicts(refined: Refined, rules: Sequence[RuleType]) -> tuple[Conflict, ...]:
    """Pairs of unsatisfied rules whose gradients opposed each other (cosine below -0.5) in a fifth of the looks."""
    if not refined.rounds:
        return ()
    unsatisfied = np.stack([look.cost > 1e-3 for look in refined.rounds])
    opposed = np.stack([look.cosine < -0.5 for look in refined.rounds])
    opposed &= unsatisfied[:, :, None] & unsatisfied[:, None, :]
    share = opposed.mean(axis=0)
    pairs = zip(*np.nonzero(np.triu(share > 0.2, 1)), strict=True)
    return tuple(Conflict(rules[i].id, rules[j].id, float(share[i, j])) for i, j in pairs)
