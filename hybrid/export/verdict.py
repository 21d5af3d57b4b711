"""A verdict as JSON, and as a plain table for a terminal."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from hybrid.knowledge.verdict import Finding, TargetFinding, Verdict
from hybrid.pages.table import text_table
from hybrid.pages.words import count, difference, interval, quantity, shortened, span
from hybrid.quantity import difference_unit

_STATES = ("broken", "kept", "unused")
_HEAD = ("", "rule", "value", "asked", "excess", "worst", "when")
_LONGEST_NAME = 36


def state(finding: Finding) -> str:
    """kept, broken, or unused: it matched nothing."""
    if not finding.targets:
        return "unused"
    return "kept" if finding.kept else "broken"


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """By tier, the broken ones first, the highest penalty first."""
    return sorted(findings, key=lambda f: (f.tier, _STATES.index(state(f)), -f.penalty, f.id))


def n_kept(findings: Iterable[Finding]) -> tuple[int, int]:
    """Number of rules that are kept, and of those that matched anything."""
    used = [finding for finding in findings if finding.targets]
    return sum(finding.kept for finding in used), len(used)


def verdict_json(verdict: Verdict, doubtful: Collection[str] = ()) -> dict[str, object]:
    """The verdict as JSON values; numbers are in the unit that their rule states, and null where not finite.

    Rules whose ids are in `doubtful` are marked as not reliable.
    """
    return {
        "loudness_lufs": _finite(verdict.loudness_lufs),
        "true_peak_dbtp": _finite(verdict.true_peak_dbtp),
        **{name: sum(state(finding) == name for finding in verdict.rules) for name in _STATES},
        "rules": [_rule_json(finding, finding.id not in doubtful) for finding in verdict.rules],
    }


def _rule_json(finding: Finding, reliable: bool) -> dict[str, object]:
    return {
        "id": finding.id,
        "state": state(finding),
        "reliable": reliable,
        "says": finding.reason,
        "type": finding.type,
        "kind": finding.kind,
        "tier": finding.tier,
        "evidence": finding.evidence,
        "weight": finding.weight,
        "penalty": _finite(finding.penalty),
        "unit": finding.unit,
        "excess_unit": difference_unit(finding.unit),
        "scale": finding.scale,
        "targets": [_target_json(target) for target in finding.targets],
    }


def _target_json(target: TargetFinding) -> dict[str, object]:
    start_s, end_s = target.when or (None, None)
    return {
        "name": target.name,
        "value": _finite(target.value),
        "low": target.low,
        "high": target.high,
        "excess": _finite(target.excess),
        "worst_from_s": start_s,
        "worst_to_s": end_s,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def verdict_table(verdict: Verdict, doubtful: Collection[str] = ()) -> str:
    """The verdict as lines of text: rules by tier, the broken ones first, the highest penalty first.

    Each row shows the target that is worst. "!" marks broken rules that are required, "?" those in `doubtful`.
    """
    kept, used = n_kept(verdict.rules)
    levels = f"{quantity(verdict.loudness_lufs, 'LUFS')}, {quantity(verdict.true_peak_dbtp, 'dBTP')}"
    rows = [_row(finding, finding.id in doubtful) for finding in ordered(verdict.rules)]
    return "\n".join([text_table([_HEAD, *rows]), "", f"{kept} of {count(used, 'rule')} kept; {levels}"])


def _row(finding: Finding, doubtful: bool) -> tuple[str, ...]:
    what = state(finding)
    mark = what + ("!" if what == "broken" and finding.kind == "require" else "") + ("?" if doubtful else "")
    if not finding.targets:
        return mark, finding.id, "", "", "", "matched nothing", ""
    unit = finding.unit
    worst = finding.targets[0]
    over = difference(worst.excess, unit) if not finding.kept else ""
    name = shortened(worst.name, _LONGEST_NAME)
    return (
        mark,
        finding.id,
        quantity(worst.value, unit),
        interval(worst.low, worst.high, unit),
        over,
        name,
        span(worst.when),
    )
