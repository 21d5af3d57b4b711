from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from hybrid import shelf
from hybrid.document import read
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.starter import MODELINE, SCHEMA
from hybrid.knowledge.types import TYPES
from hybrid.knowledge.types.loudness import RoleBudget, budget_sum_lu

NAMES = shelf.names("rules")


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_file_stands_on_its_own_without_a_doubt(name: str):
    rules = load_rules([name])
    assert rules.id == name.rpartition("/")[2]
    assert rules.rules
    assert rules.warnings == ()


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_rule_states_its_evidence(name: str):
    data = read(shelf.find("rules", name)).data
    assert isinstance(data, dict)
    for rule in data.get("rules", []):
        assert "evidence" in rule, rule["id"]
        assert rule["evidence"] == "guess" or "cite" in rule or "notes" in rule, rule["id"]


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_file_opens_with_its_schema_and_how_to_try_it(name: str):
    path = shelf.find("rules", name)
    text = path.read_text()
    modeline = text.partition("\n")[0]
    assert modeline == f"{MODELINE}{'../' * name.count('/')}{SCHEMA}"
    assert (path.parent / modeline.removeprefix(MODELINE)).resolve() == shelf.shipped("rules").resolve() / SCHEMA
    assert "hybrid mix" in text


UNUSED = {"masked_to_unmasked", "section_contrast"}
"""Partial loudness is for measurement alone, and sections are those of a song."""


def test_the_shipped_rules_use_every_type():
    used = {rule.type for name in NAMES for rule in load_rules([name]).rules}
    assert used == set(TYPES) - UNUSED


def test_a_mix_is_dry_unless_reverb_is_asked_for():
    assert not any(rule.opens_room for rule in load_rules(["base"]).rules)
    assert any(rule.opens_room for rule in load_rules(["base", "reverb"]).rules)


def test_genres_patch_the_base_with_reasons_and_copy_none_of_it():
    base = {rule.id for rule in load_rules(["base", "reverb"]).rules}
    genres = [name for name in NAMES if name.startswith("genres/")]
    assert len(genres) == 8
    for name in genres:
        data = read(shelf.find("rules", name)).data
        assert isinstance(data, dict) and "rules" not in data and data["patch"]
        assert {rule.id for rule in load_rules([name]).rules} <= base


def test_the_example_of_the_readme_is_valid(tmp_path: Path):
    text = (shelf.shipped("rules") / "README.md").read_text()
    example = tmp_path / "example.yaml"
    example.write_text(text.partition("```yaml\n")[2].partition("```")[0])
    assert load_rules([str(example)]).warnings == ()


def test_the_base_rules_hold_these_asks():
    asks = {rule.id: rule.bounds() for rule in load_rules(["base"]).rules}
    assert asks["out.true-peak"] == (None, -1.0)
    assert asks["lead.level"] == (-4.0, 0.0)
    assert asks["lead.centre"] == (-4.0, 4.0)
    assert asks["low.cut"] == (None, -6.0)


def test_the_base_budget_adds_up_to_a_whole():
    (budget,) = [rule for rule in load_rules(["base"]).rules if isinstance(rule, RoleBudget)]
    assert budget_sum_lu({role: share.target for role, share in budget.targets.items()}) == pytest.approx(0, abs=0.05)


def test_masking_rules_never_touch_gain():
    masking = [rule for rule in load_rules(["base"]).rules if "masking" in rule.tags]
    assert len(masking) >= 3
    assert not any(part.startswith("gain") for rule in masking for part in rule.acts_on)


WHOLE = ("base", "reference")
"""Files that hold the rules of others."""


def test_no_two_shipped_rules_share_an_id():
    ids = Counter(
        rule.id for name in NAMES if name not in WHOLE and "/" not in name for rule in load_rules([name]).rules
    )
    assert max(ids.values()) == 1
