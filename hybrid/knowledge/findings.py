"""Verdicts from readings: the rules of a mix as a table for people."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Float

from hybrid.knowledge import objective as objectives
from hybrid.knowledge.objective import NO_LIMIT, Objective
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.verdict import Finding, TargetFinding, Verdict
from hybrid.signal import bands

BROKEN = 0.1
"""Excess in scales from which a rule counts as broken: smaller differences are not audible, or not meant."""
_SPAN_S = 3.0


def verdict_of(
    objective: Objective,
    read_of: Sequence[Reading],
    track_ids: Sequence[str],
    time_s: Float[np.ndarray, " frame"],
    levels: tuple[float, float],
) -> Verdict:
    """The verdict on readings of one mix; `levels` are its integrated loudness and true peak.

    `time_s` are the frames that lie in the song. Rules that are off are left out.
    """
    costs = np.asarray(objectives.penalties(objective, tuple(read_of), np.zeros(len(read_of), np.float32)))
    read_of = jax.tree.map(np.asarray, tuple(read_of))
    rows = enumerate(zip(objective.program.rules, read_of, strict=True))
    findings = [
        _finding(objective, index, rule, reading, float(costs[index]), track_ids, time_s)
        for index, (rule, reading) in rows
        if rule.enabled
    ]
    return Verdict(tuple(findings), *levels)


def _finding(
    objective: Objective,
    index: int,
    rule: RuleType,
    reading: Reading,
    cost: float,
    track_ids: Sequence[str],
    time_s: Float[np.ndarray, " frame"],
) -> Finding:
    value, share = np.asarray(reading.value, np.float64), np.asarray(reading.share)
    low, high = np.asarray(objective.ask.low[index]), np.asarray(objective.ask.high[index])
    if not has_limits(rule):
        low, high = np.full_like(low, -NO_LIMIT), np.full_like(high, NO_LIMIT)
    # negative inside: among targets that all hold, the worst is the nearest to its limit
    margin = np.maximum(low - value, value - high)
    beyond = np.maximum(margin, 0.0)
    names = target_names(rule, track_ids, len(value), objective)
    targets = [
        TargetFinding(
            name=names[k],
            value=float(value[k]),
            low=_limit(float(low[k])),
            high=_limit(float(high[k])),
            excess=float(beyond[k]),
            when=_worst_span(reading, int(k), float(low[k]), float(high[k]), time_s) if beyond[k] > 0.0 else None,
        )
        for k in np.argsort(-margin, kind="stable")
        if share[k] > 0.0
    ]
    weight = float(np.asarray(objective.weight[index]))
    return Finding(
        id=rule.id,
        type=rule.type,
        kind=rule.kind,
        tier=rule.tier,
        weight=weight,
        unit=rule.unit,
        scale=rule.scale,
        evidence=rule.evidence,
        penalty=weight * cost,
        kept=all(t.excess <= BROKEN * rule.scale for t in targets),
        targets=tuple(targets),
        reason=rule.says(),
    )


def has_limits(rule: RuleType) -> bool:
    """Whether a rule has an interval that it can be outside of; a mere regulariser has none."""
    return rule.asks or bool(rule.entries())


def _limit(end: float) -> float | None:
    return None if abs(end) >= NO_LIMIT else end


def target_names(rule: RuleType, track_ids: Sequence[str], n_targets: int, objective: Objective) -> list[str]:
    """Names of the targets of a rule, padding included."""
    if rule.entries():
        return list(rule.entries())
    if rule.target_kind == "mix":
        return ["mix"]
    if rule.target_kind == "band":
        return [_hertz(f) for f in bands.band_centres_hz()]
    if rule.target_kind == "bus":
        index = objective.program.rules.index(rule)
        member = np.asarray(objective.scopes[index].member)
        return [" + ".join(name for name, m in zip(track_ids, member, strict=False) if m) or "none"]
    padded = [*track_ids, *[""] * n_targets]
    if rule.target_kind == "pair":
        n = round(n_targets**0.5)
        return [f"{padded[i]} / {padded[j]}" for i in range(n) for j in range(n)]
    return padded[:n_targets]


def _hertz(frequency_hz: float) -> str:
    return f"{frequency_hz / 1000:.1f} kHz" if frequency_hz >= 1000 else f"{frequency_hz:.0f} Hz"


def _worst_span(
    reading: Reading, target: int, low: float, high: float, time_s: Float[np.ndarray, " frame"]
) -> tuple[float, float] | None:
    """The three seconds around the frame where the course is furthest outside; None where it has no course."""
    if reading.course is None:
        return None
    course = reading.course[target, : len(time_s)]
    beyond = np.maximum(low - course, 0.0) + np.maximum(course - high, 0.0)
    worst = float(time_s[int(np.argmax(beyond))])
    end = float(time_s[-1])
    start = min(max(0.0, worst - _SPAN_S / 2), max(0.0, end - _SPAN_S))
    return start, min(start + _SPAN_S, end)
