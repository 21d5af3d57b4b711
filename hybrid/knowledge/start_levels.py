"""Levels that rules expect of raw tracks: where treatments start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.knowledge.objective import Objective
from hybrid.knowledge.readings import Panel, Reading, measured
from hybrid.knowledge.types import RuleType
from hybrid.measure.balance import raw_lufs
from hybrid.measure.decibel import mean_over
from hybrid.measure.loudness import ABSOLUTE_GATE_LUFS
from hybrid.measure.panel import predict_tracks
from hybrid.treatment.effect import untreated
from hybrid.treatment.parts import PARTS
from hybrid.treatment.types import Dry, Treatment


def expects_levels(rule: RuleType) -> bool:
    """Whether treatments start at the levels that the rule expects."""
    return rule.enabled and rule.starts_levels


class Beyond(NamedTuple):
    """How the raw tracks lie to the levels that rules expect."""

    too_loud_lu: Float[Array | np.ndarray, " track"]
    """Loudness of each raw track less what is expected of it, LU; 0 for tracks of which no rule speaks."""
    is_expected: Float[Array | np.ndarray, " track"]
    """1 for the tracks of which a rule speaks."""


def beyond_expected(rules: Sequence[RuleType], readings: Sequence[Reading]) -> Beyond | None:
    """The raw tracks against what rules expect, from their readings of the raw sum; None if no rule expects levels.

    Readings of NumPy arrays give NumPy arrays, and compile nothing.
    """
    expecting = [reading for rule, reading in zip(rules, readings, strict=True) if expects_levels(rule)]
    if not expecting:
        return None
    too_loud_lu, is_expected = 0.0 * expecting[0].value, 0.0 * expecting[0].share
    # the first rule that speaks of a track counts
    for reading in reversed(expecting):
        speaks = (reading.share > 0.0).astype(is_expected.dtype)
        too_loud_lu = speaks * reading.value + (1.0 - speaks) * too_loud_lu
        is_expected = speaks + (1.0 - speaks) * is_expected
    return Beyond(too_loud_lu, is_expected)


def at_expected_levels(objective: Objective, dry: Dry, start: Treatment) -> Treatment:
    """`start` with gains that bring each raw track to the level that rules expect of it, or all to one loudness if none
    does, dB.

    Their mean is 0, and they are a little within their bounds, where the bijector has a gradient. 0 for silent tracks.
    """
    expecting = [
        (rule, scope)
        for rule, scope in zip(objective.program.rules, objective.scopes, strict=True)
        if expects_levels(rule)
    ]
    level = raw_lufs(dry)
    sounds = (level > ABSOLUTE_GATE_LUFS).astype(level.dtype)
    panel = Panel(*predict_tracks(dry, untreated(dry)))
    readings = [measured(rule, panel, scope) for rule, scope in expecting]
    found = beyond_expected([rule for rule, _ in expecting], readings)
    gain = -level if found is None else -jnp.where(jnp.any(found.is_expected > 0.0), found.too_loud_lu, level)
    low, high = PARTS["gain.level"].bijector.limits
    level_db = jnp.clip((gain - mean_over(gain, sounds)) * sounds, 0.9 * low, 0.9 * high)
    return replace(start, gain=start.gain._replace(level_db=level_db))
