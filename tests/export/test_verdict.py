from __future__ import annotations

import json
import math

from hybrid.export.verdict import verdict_json, verdict_table
from hybrid.knowledge.verdict import Finding, TargetFinding, Verdict


def finding(rule: str, *targets: TargetFinding, kept: bool = True, unit: str = "LU", kind: str = "prefer") -> Finding:
    return Finding(
        id=rule,
        type="any",
        kind=kind,
        tier=2,
        weight=1.0,
        unit=unit,
        scale=1.0,
        evidence="guess",
        penalty=0.0 if kept else 2.0,
        kept=kept,
        targets=targets,
        reason="It is so.",
    )


VERDICT = Verdict(
    (
        finding("a.kept", TargetFinding("mix", 0.03, -0.05, 0.02, 0.01, None), unit="plain"),
        finding("b.unused"),
        finding(
            "c.broken",
            TargetFinding("mix", -12.0, -23.0, -16.0, 4.0, (65.0, 68.0)),
            kept=False,
            unit="LUFS",
            kind="require",
        ),
    ),
    -12.0,
    math.inf,
)


def test_the_table_lists_broken_rules_first_with_value_and_unit() -> None:
    head, *rows = [line.split("  ") for line in verdict_table(VERDICT).splitlines()[:4]]
    cells = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert [cell.strip() for cell in head if cell] == ["rule", "value", "asked", "excess", "worst", "when"]
    assert cells[0] == ["broken!", "c.broken", "−12.0 LUFS", "−23 to −16 LUFS", "4.00 LU", "mix", "1:05–1:08"]
    assert cells[1] == ["kept", "a.kept", "0.03", "−0.05 to 0.02", "mix"]
    assert cells[2] == ["unused", "b.unused", "matched nothing"]


def test_the_table_counts_rules_that_matched_something_and_ends_with_the_levels() -> None:
    assert verdict_table(VERDICT).splitlines()[-1] == "1 of 2 rules kept; −12.0 LUFS, –"


def test_doubtful_findings_are_marked() -> None:
    assert "broken!?" in verdict_table(VERDICT, ("c.broken",))
    marks = [rule["reliable"] for rule in verdict_json(VERDICT, ("c.broken",))["rules"]]
    assert marks == [True, True, False]


def test_json_holds_every_number_with_its_unit_and_no_infinity() -> None:
    said = json.loads(json.dumps(verdict_json(VERDICT), allow_nan=False))
    assert (said["loudness_lufs"], said["true_peak_dbtp"]) == (-12.0, None)
    assert (said["kept"], said["broken"], said["unused"]) == (1, 1, 1)
    broken = said["rules"][2]
    assert (broken["state"], broken["unit"], broken["excess_unit"]) == ("broken", "LUFS", "LU")
    assert broken["targets"] == [
        {
            "name": "mix",
            "value": -12.0,
            "low": -23.0,
            "high": -16.0,
            "excess": 4.0,
            "worst_from_s": 65.0,
            "worst_to_s": 68.0,
        }
    ]


def test_an_empty_verdict_is_a_table_too() -> None:
    assert verdict_table(Verdict((), -20.0, -1.5)).splitlines()[-1] == "0 of 0 rules kept; −20.0 LUFS, −1.50 dBTP"
