"""The rules of a mix as a table for people: value with unit, what was asked, excess, where and when."""

from __future__ import annotations

from typing import NamedTuple


class TargetFinding(NamedTuple):
    """One target of a rule: a track, a bus, a band or a pair. `when` is where it is worst, in seconds."""

    name: str
    value: float
    low: float | None
    high: float | None
    excess: float
    when: tuple[float, float] | None


class Finding(NamedTuple):
    """One rule. `penalty` is weighted, after aggregation; `targets` are worst first, none if it matched none."""

    id: str
    type: str
    kind: str
    tier: int
    weight: float
    unit: str
    scale: float
    evidence: str
    penalty: float
    kept: bool
    """No target exceeds by more than a tenth of the scale."""
    targets: tuple[TargetFinding, ...]
    reason: str
    """What the rule says, in one sentence."""


class Verdict(NamedTuple):
    """All rules of one mix, with its integrated loudness and true peak."""

    rules: tuple[Finding, ...]
    loudness_lufs: float
    true_peak_dbtp: float
