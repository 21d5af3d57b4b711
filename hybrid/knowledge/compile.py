"""The objective of a rule set for a song, with a report of the tracks that each rule matches."""

from __future__ import annotations

from collections.abc import Iterable

import jax
import numpy as np
from jaxtyping import Array, Float

from hybrid.audio.song import Song
from hybrid.knowledge.matches import MatchReport, match_report
from hybrid.knowledge.objective import NO_LIMIT, Ask, Objective, Output, Program, Timing
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.scoping import scope_of
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.types.lookup import SongLookup
from hybrid.treatment.parts import GROUPS, PARTS

DEFAULT_AIM_LUFS = -23.0
"""Where no rule asks for a loudness: EBU R 128."""
DEFAULT_CEILING_DBTP = -1.0
"""Where no rule asks for a true peak: EBU R 128."""


def compile_rules(
    rules: RuleSet, song: Song, n_tracks: int, time_s: Float[np.ndarray, " frame"]
) -> tuple[Objective, MatchReport]:
    """The objective of `song`, padded to `n_tracks`, and the report.

    Rules that are off are compiled with a weight of zero, so that they are still measured. Raises `InputError` for
    a rule with `on_empty: error` that matches no track.
    """
    report = match_report(rules, song)
    sections = {name: [(span.from_, span.to) for span in spans] for name, spans in rules.sections.items()}
    lookup = SongLookup(song.tracks, rules.sets, sections, n_tracks, time_s, song.levels_are_recorded)
    objective = Objective(
        scopes=tuple(scope_of(rule, song, lookup) for rule in rules.rules),
        ask=_ask(rules.rules, n_tracks, 60.0 / song.tempo_bpm if song.tempo_bpm else None),
        weight=_row(rule.weight if rule.enabled and rule.optimised else 0.0 for rule in rules.rules),
        timing=_timing(rules.rules),
        output=output_of(rules.rules),
        program=Program.of(rules.rules),
    )
    return objective, report


def _row(values: Iterable[float]) -> Float[Array, " rule"]:
    return jax.device_put(np.array(list(values), np.float32))


def limits(
    rule: RuleType, n_tracks: int, beat_s: float | None = None
) -> tuple[Float[np.ndarray, " target"], Float[np.ndarray, " target"]]:
    """The lowest and the highest value allowed for each target, in the rule's unit; a missing limit is very far."""
    shared = rule.bounds(beat_s) if rule.asks else (None, 0.0)
    bounds = list(rule.entries().values()) or [shared] * rule.n_targets(n_tracks)
    low = np.array([-NO_LIMIT if end is None else end for end, _ in bounds], np.float32)
    return low, np.array([NO_LIMIT if end is None else end for _, end in bounds], np.float32)


def _ask(rules: tuple[RuleType, ...], n_tracks: int, beat_s: float | None) -> Ask:
    ends = [limits(rule, n_tracks, beat_s) for rule in rules]
    return Ask(
        low=tuple(jax.device_put(low) for low, _ in ends),
        high=tuple(jax.device_put(high) for _, high in ends),
        scale=_row(rule.scale for rule in rules),
        worst_share=_row(rule.aggregate.share for rule in rules),
        summed=_row(rule.aggregate.how == "sum" for rule in rules),
    )


def _timing(rules: tuple[RuleType, ...]) -> Timing:
    plans = [rule.schedule for rule in rules]
    return Timing(
        start=_row(plan.start if plan else 0.0 for plan in plans),
        ramp=_row(plan.ramp if plan else 0.0 for plan in plans),
        stop=_row(plan.stop if plan else 1.0 for plan in plans),
        widen=_row(_widening(rule) for rule in rules),
        weight_from=_row(_weight_from(rule) for rule in rules),
    )


def _widening(rule: RuleType) -> float:
    """Widening of the interval at the start: `tolerance_from` less the rule's own tolerance, in the rule's unit."""
    wide = rule.tolerance_from()
    return 0.0 if wide is None else max(0.0, wide - rule.tolerance)


def _weight_from(rule: RuleType) -> float:
    if rule.schedule is None or rule.schedule.weight_from is None:
        return 0.0 if rule.schedule and rule.schedule.ramp and rule.tolerance_from() is None else 1.0
    return rule.schedule.weight_from / rule.weight if rule.weight else 0.0


def optional_parts(rules: Iterable[RuleType]) -> tuple[str, ...]:
    """Optional parts of the treatment: those that a rule acts on by name, on or off, so that switching it changes no
    program; and the whole room where a rule that is on is about reverb, since a room costs much."""
    rules = tuple(rules)
    on = [rule for rule in rules if rule.enabled and rule.weight > 0.0]
    alone = [part.name for part in PARTS.values() if part.optional and not GROUPS[part.group].is_optional]
    named = [name for name in alone if any(name in rule.acts_on for rule in rules)]
    return (*named, *(["reverb"] if any(rule.opens_room for rule in on) else []))


def output_of(rules: tuple[RuleType, ...]) -> Output:
    """The loudness that the output is brought to (LUFS), and the ceiling of its true peak (dBTP)."""
    on = [rule for rule in rules if rule.enabled]
    aims = [aim for rule in on if (aim := rule.aim_lufs()) is not None]
    ceilings = [ceiling for rule in on if (ceiling := rule.ceiling_dbtp()) is not None]
    return Output(
        jax.device_put(np.float32(aims[-1] if aims else DEFAULT_AIM_LUFS)),
        jax.device_put(np.float32(min(ceilings, default=DEFAULT_CEILING_DBTP))),
    )
