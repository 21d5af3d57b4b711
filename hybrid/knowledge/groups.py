"""The rules of an objective in groups that are compiled by themselves.

A rule that is added or changed compiles the rules of its group anew, and no others; groups compile side by side.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from hybrid.knowledge.objective import Ask, Objective, Program, Timing

LARGEST = 8
"""Rules in a group at most. More make fewer calls and share more of what they measure; fewer compile sooner."""


class Group(NamedTuple):
    """Rules of one family."""

    objective: Objective
    at: tuple[int, ...]
    """Their indices among all rules."""


def groups_of(objective: Objective) -> tuple[Group, ...]:
    """All rules, in groups of one family and of `LARGEST` at most, each in the order of the rules."""
    families: dict[str, list[int]] = {}
    for index, rule in enumerate(objective.program.rules):
        families.setdefault(rule.family_name(), []).append(index)
    at = [tuple(each[k : k + LARGEST]) for each in families.values() for k in range(0, len(each), LARGEST)]
    return tuple(Group(part_of(objective, each), each) for each in at)


def part_of(objective: Objective, at: tuple[int, ...]) -> Objective:
    """The rules of these indices alone."""
    ask, timing, index = objective.ask, objective.timing, list(at)
    return replace(
        objective,
        scopes=tuple(objective.scopes[k] for k in at),
        ask=Ask(
            tuple(ask.low[k] for k in at),
            tuple(ask.high[k] for k in at),
            *(_at(each, index) for each in (ask.scale, ask.worst_share, ask.summed)),
        ),
        weight=_at(objective.weight, index),
        timing=Timing(*(_at(each, index) for each in timing)),
        program=Program.of(tuple(objective.program.rules[k] for k in at)),
    )


def _at(by_rule: Float[Array, " rule"], index: list[int]) -> Float[Array, " own"]:
    # by NumPy: an index into an array on a device would compile a program for every number of rules
    return jax.device_put(np.asarray(by_rule)[index])
