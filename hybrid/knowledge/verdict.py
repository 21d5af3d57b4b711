"""Verdict on a mix, as a table for people: values with units, limits, excess, where and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hybrid.tabular import Row, Tabular


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


@dataclass(frozen=True, repr=False)
class Verdict(Tabular):
    """All rules of one mix, with its integrated loudness and true peak."""

    rules: tuple[Finding, ...]
    loudness_lufs: float
    true_peak_dbtp: float

    def __repr__(self) -> str:
        used = [finding for finding in self.rules if finding.targets]
        kept = f"{sum(finding.kept for finding in used)} of {len(used)} rules kept"
        return f"Verdict({kept}, {self.loudness_lufs:.1f} LUFS, {self.true_peak_dbtp:.1f} dBTP)"

    def rows(self) -> list[Row]:
        """A row for each rule, with its worst target; `kept` is None for a rule that matched nothing."""
        return [_row(finding) for finding in self.rules]


def _row(finding: Finding) -> Row:
    worst = finding.targets[0] if finding.targets else None
    from_s, to_s = worst.when if worst and worst.when else (None, None)
    return {
        "rule": finding.id,
        "kept": finding.kept if worst else None,
        "value": worst and worst.value,
        "low": worst and worst.low,
        "high": worst and worst.high,
        "unit": finding.unit,
        "excess": worst and worst.excess,
        "worst": worst and worst.name,
        "from_s": from_s,
        "to_s": to_s,
        "penalty": finding.penalty,
        "kind": finding.kind,
        "evidence": finding.evidence,
    }
