"""Levels that rules expect of raw tracks: where treatments start."""

from __future__ import annotations

from collections.abc import Sequence

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
from hybrid.treatment.types import Dry


def expects_levels(rule: RuleType) -> bool:
    """Whether treatments start at the levels that the rule expects."""
    return rule.enabled and rule.starts_levels


def too_loud_lu(rules: Sequence[RuleType], readings: Sequence[Reading]) -> Float[Array | np.ndarray, " track"] | None:
    """By how much each raw track is louder than rules expect, from their readings of the raw sum, LU; 0 for tracks of
    which none speaks. None if no rule expects levels.

    Readings of NumPy arrays give one, and compile nothing.
    """
    expecting = [reading for rule, reading in zip(rules, readings, strict=True) if expects_levels(rule)]
    if not expecting:
        return None
    excess_lu = 0.0 * expecting[0].value
    # the first rule that speaks of a track counts
    for reading in reversed(expecting):
        speaks = (reading.share > 0.0).astype(excess_lu.dtype)
        excess_lu = speaks * reading.value + (1.0 - speaks) * excess_lu
    return excess_lu


def start_levels_db(objective: Objective, dry: Dry) -> Float[Array, " track"]:
    """Gains that bring each raw track to the level that rules expect of it, or all to one loudness if none does, dB.

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
    excess_lu = too_loud_lu([rule for rule, _ in expecting], readings)
    gain = -level if excess_lu is None else -jnp.asarray(excess_lu)
    low, high = PARTS["gain.level"].bijector.limits
    return jnp.clip((gain - mean_over(gain, sounds)) * sounds, 0.9 * low, 0.9 * high)
