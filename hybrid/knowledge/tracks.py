"""The rules of treated tracks, whoever treated them: no treatment is known, and rules that need one step aside."""

from __future__ import annotations

from dataclasses import replace

from hybrid.knowledge.objective import Objective, output_level_db, read
from hybrid.knowledge.readings import Panel, Reading
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types.requires import Available, why_not
from hybrid.measure.panel import Raw, predict_tracks
from hybrid.treatment.effect import Layer
from hybrid.treatment.types import Dry


def measurable(rules: RuleSet, available: Available) -> RuleSet:
    """The rules that what is known of a mix is enough to measure."""
    return replace(rules, rules=tuple(rule for rule in rules.rules if not why_not(rule.required(), available)))


def read_tracks(objective: Objective, dry: Dry, tracks: Layer, raw: Raw | None = None) -> tuple[Reading, ...]:
    """Readings of treated tracks and their sum, at the output level that the rules ask for; differentiable in `tracks`.

    `objective` holds rules that need no treatment. `acts_on` has no meaning here: gradients of all rules reach all that
    the tracks are made of. `raw` is that of `dry`, to be given where it is known.
    """
    panel = predict_tracks(dry, tracks, raw=raw)
    loudness = panel.loudness_lufs
    level = output_level_db(objective.output, loudness, panel.true_peak_dbtp)
    panel = panel._replace(
        loudness_lufs=loudness + level, true_peak_dbtp=panel.true_peak_dbtp + level, output_level_db=level
    )
    shared = Panel(*panel)
    return read(objective, lambda rule: shared)
