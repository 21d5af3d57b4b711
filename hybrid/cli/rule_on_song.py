"""Readings of a rule on a song and the changes that would satisfy it, as text and as JSON."""

from __future__ import annotations

import math

from hybrid.explain.why import MOST_TARGETS, Other, RuleTarget, Why, spare
from hybrid.knowledge.verdict import Finding
from hybrid.pages.table import text_table
from hybrid.pages.words import difference, interval, quantity, span


def why_text(why: Why) -> str:
    """The rule's readings, the moves that would satisfy it, and the rules that support or oppose it."""
    head = f"on {why.song}, at the start of refinement: each role at its usual level, all else unchanged"
    if not why.targets:
        return f"{head}\n\nthe rule matches nothing there"
    parts = [head, *(_target_text(target, why.rule) for target in why.targets)]
    if why.is_flat:
        return "\n\n".join([*parts, "no part of the treatment that refinement moves changes it here"])
    if why.n_broken > MOST_TARGETS:
        parts.append(f"and {why.n_broken - MOST_TARGETS} more readings out of bounds")
    return "\n\n".join([*parts, _others_text(why.others)])


def why_json(why: Why) -> dict[str, object]:
    """The same as JSON values; numbers are in the rule's unit, and null where not finite."""
    return {
        "name": why.song,
        "kept_by_raw_sum": why.raw_kept,
        "kept_at_start": why.rule.kept,
        "penalty_at_start": why.rule.penalty,
        "n_broken": why.n_broken,
        "targets": [_target_json(target) for target in why.targets],
        "others": [{**other._asdict(), "relation": other.relation} for other in why.others],
    }


def _target_text(target: RuleTarget, rule: Finding) -> str:
    now, unit = target.start, rule.unit
    raw = f" ({quantity(target.raw, unit)} in the raw sum)" if target.raw is not None else ""
    limits = "" if now.low is None and now.high is None else f", asked {interval(now.low, now.high, unit)}"
    head = f"{target.name}: {quantity(now.value, unit)}{raw}{limits}: {_state(target, rule)}"
    if not target.moves or now.excess <= 0.0:
        return head
    rows = [(f"  {move}", "" if move.is_enough else "not enough alone", f"{move.share:.0%}") for move in target.moves]
    note = "  each alone, extrapolated from the slope here; last, its share of the steepest descent"
    return "\n".join([head, note, text_table(rows)])


def _state(target: RuleTarget, rule: Finding) -> str:
    now = target.start
    if now.excess > 0.0:
        low, high = ("far left", "far right") if rule.unit == "pan" else ("low", "high")
        side = low if now.low is not None and now.value < now.low else high
        when = f", most at {span(now.when)}" if now.when else ""
        return f"{difference(now.excess, rule.unit)} too {side}{when}"
    room = spare(now)
    return f"kept with {difference(room, rule.unit)} to spare" if math.isfinite(room) else "there is no limit"


def _others_text(others: tuple[Other, ...]) -> str:
    """A table of the unsatisfied rules that share a control with the rule, and the names of those that do not."""
    if not others:
        return "no other rule is unsatisfied here"
    head = ("cosine", "", "unsatisfied rule", "penalty", "most over")
    rows = [
        (f"{other.cosine:+.2f}", other.relation, other.id, f"{other.penalty:.2f}", other.over)
        for other in others
        if other.over
    ]
    apart = ", ".join(other.id for other in others if not other.over)
    parts = [
        text_table([head, *rows]) if rows else "",
        f"unsatisfied, moving nothing in common: {apart}" if apart else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _target_json(target: RuleTarget) -> dict[str, object]:
    now = target.start
    start_s, end_s = now.when or (None, None)
    return {
        "name": target.name,
        "raw": _finite(target.raw),
        "start": _finite(now.value),
        "low": now.low,
        "high": now.high,
        "excess": _finite(now.excess),
        "worst_from_s": start_s,
        "worst_to_s": end_s,
        "moves": [{**move._asdict(), "says": str(move)} for move in target.moves],
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
