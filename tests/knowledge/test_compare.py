"""Two rule sets side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid.knowledge.compare import NOTHING, Comparison, compare
from hybrid.knowledge.resolve import load_rules

BASE = """\
schema: mixrules/1
id: a
sets: {band: {role: guitar}}
rules:
  - {id: peak, type: true_peak, max: -1 dBTP, evidence: standard}
  - {id: tone, type: timbre_change, max: 4 dB, evidence: guess}
  - {id: smooth, type: smooth_control, max: 20 dB/s, enabled: false, evidence: guess}
  - {id: gone, type: minimal_change, evidence: guess}
"""
OTHER = """\
schema: mixrules/1
id: b
sets: {band: {role: [guitar, keys]}}
rules:
  - {id: peak, type: true_peak, range: -6 to -2 dBTP, evidence: standard}
  - {id: tone, type: timbre_change, max: 4 dB, enabled: false, evidence: guess}
  - {id: smooth, type: smooth_control, max: 20 dB/s, evidence: guess}
  - {id: fresh, type: minimal_change, evidence: guess}
"""


@pytest.fixture
def found(tmp_path: Path) -> Comparison:
    for name, text in (("a", BASE), ("b", OTHER)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return compare(*(load_rules([str(tmp_path / f"{name}.yaml")]) for name in "ab"))


def test_rules_of_one_alone_are_named(found: Comparison):
    assert (found.only_first, found.only_second) == (("gone",), ("fresh",))


def test_switches_are_told_apart_from_values(found: Comparison):
    assert [change.of for change in found.switched_on] == ["smooth"]
    assert [change.of for change in found.switched_off] == ["tone"]
    assert "enabled" not in {change.key for change in found.changed}


def test_each_changed_value_has_both_places(found: Comparison):
    changes = {change.key: change for change in found.changed}
    assert set(changes) == {"max", "range"}
    assert changes["max"].first.written == "-1 dBTP"
    assert changes["max"].first.at.endswith("a.yaml:5")
    assert changes["max"].second == NOTHING
    assert changes["range"].second.written == "-6 dBTP to -2 dBTP"
    assert changes["range"].second.at.endswith("b.yaml:5")


def test_what_rules_refer_to_is_compared_as_well(found: Comparison):
    (change,) = found.shared
    assert (change.of, change.key) == ("sets", "band")
    assert (change.first.written, change.second.written) == ("{role: guitar}", "{role: [guitar, keys]}")


def test_roles_are_compared_by_what_they_match(tmp_path: Path):
    text = "schema: mixrules/1\nid: a\nroles: [{match: /x/, role: bass}]\nrules: []\n"
    (tmp_path / "a.yaml").write_text(text)
    (tmp_path / "b.yaml").write_text(text.replace("bass", "keys"))
    (change,) = compare(*(load_rules([str(tmp_path / f"{name}.yaml")]) for name in "ab")).shared
    assert (change.of, change.key, change.first.written, change.second.written) == ("roles", "/x/", "bass", "keys")


@pytest.mark.parametrize("name", ["base", "loudness"])
def test_a_rule_set_says_the_same_as_itself(name: str):
    assert compare(load_rules([name]), load_rules([name])).is_empty


def test_a_value_without_a_line_of_its_own_has_that_of_its_map(tmp_path: Path):
    rules = load_rules(["base"], ["balance.roles.targets.bass.target=-8 LU"])
    (budget,) = [rule for rule in rules.rules if rule.id == "balance.roles"]
    values = rules.values(budget)
    assert values["targets.bass.target"] == ("-8 LU", "--set")
    assert values["scale"] == ("1 LU", "default")
    assert "loudness.yaml:" in values["targets.drums.target"].at
