"""The cheat audit on a made-up song: a few rules alone, and what each does to the others."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import numpy as np
import pytest

from benchmarks import cheat_audit
from benchmarks.cheat_audit import Audit, Case, Run
from hybrid.knowledge import objective as objectives
from hybrid.testing.songs import random_dry, random_song, rule_set
from hybrid.treatment.types import treatment_parts
from tests.knowledge.made import RULES, rule_of

pytestmark = pytest.mark.long

ASKED: dict[str, dict] = {
    "lead_to_rest_ratio": {"target": "12 LU"},
    "role_budget": {},
    "left_right_balance": {},
    "masker_to_signal": {"scale": "0.5 dB"},
    "true_peak": {},
    "masked_to_unmasked": {},
    "minimal_change": {},
}
LEAD, BALANCE = "lead-to-rest-ratio", "left-right-balance"


@pytest.fixture(scope="module")
def case() -> Case:
    """Four tracks of 1.6 s, and a lead that is asked far forward while the budget wants it back."""
    rules = [rule_of(name, {**RULES[name][0], **more}, name.replace("_", "-")) for name, more in ASKED.items()]
    return cheat_audit.made_case("made", random_song(4, 16), random_dry(1, 4, 16), rule_set(*rules))


@pytest.fixture(scope="module")
def audit(case: Case) -> Audit:
    """150 steps from one start."""
    return cheat_audit.audit_song(case, 150, [1])


@pytest.fixture(scope="module")
def runs(audit: Audit) -> dict[str, Run]:
    """Runs by rule."""
    return {run.rule: run for run in audit.runs}


def test_a_rule_alone_gets_what_it_asks(runs: dict[str, Run]):
    assert runs[LEAD].before > cheat_audit.BROKEN
    assert runs[LEAD].after < cheat_audit.REACHED


def test_a_rule_alone_moves_only_what_it_acts_on(runs: dict[str, Run]):
    assert runs[LEAD].change.level_max_db > 1.0
    assert runs[LEAD].change.tone_rms_db == 0.0 and runs[LEAD].change.place == 0.0
    assert runs["masker-to-signal"].change.level_max_db == 0.0
    assert runs["masker-to-signal"].change.tone_rms_db > 0.1


def test_the_excess_that_a_rule_adds_to_others_is_in_scales(runs: dict[str, Run]):
    lead = runs[LEAD]
    assert lead.worsened["role-budget"] > 0.5
    assert lead.others_after - lead.others_before > 0.5
    assert "minimal-change" not in lead.worsened  # it has no limit to break


def test_rules_that_are_solved_or_only_measured_are_not_followed(case: Case, runs: dict[str, Run]):
    assert not {"true-peak", "masked-to-unmasked"} & set(runs)
    followed = cheat_audit.followed_alone(case, cheat_audit.random_start(case.nothing, 1))
    assert {case.rules[index].id for index in followed} == set(runs)


def test_rules_with_opposed_gradients_are_listed_with_cosine_and_share(audit: Audit):
    by_pair = {(each.first, each.second): each for each in audit.conflicts["made"]}
    conflict = by_pair[LEAD, "role-budget"]
    assert -1.0 <= conflict.cosine < -0.5
    assert 0.0 < conflict.share <= 1.0


def test_another_rule_another_weight_and_another_number_of_steps_compile_nothing_anew(
    case: Case, audit: Audit, monkeypatch: pytest.MonkeyPatch
):
    def traced_again(*given: object) -> NoReturn:
        raise AssertionError("the rules were traced again")

    assert audit.runs
    monkeypatch.setattr(objectives, "readings", traced_again)
    heavier = case._replace(objective=replace(case.objective, weight=2.0 * case.objective.weight))
    assert cheat_audit.audit_song(heavier, 2, [2]).runs


def test_the_tables_have_a_row_per_rule_and_pair(audit: Audit, runs: dict[str, Run]):
    rows = cheat_audit.table(audit).splitlines()
    assert len(rows) == 2 + len(runs)
    assert len({row.count("|") for row in rows}) == 1
    assert f"| {LEAD} | 1/1 |" in cheat_audit.table(audit)
    assert f"{LEAD}, role-budget" in cheat_audit.conflict_table(audit)
    assert cheat_audit.as_json(audit)["conflicts"]["made"][0]["cosine"] < -0.5  # pyright: ignore


def test_the_same_seed_starts_at_the_same_treatment(case: Case):
    first, again, other = (treatment_parts(cheat_audit.random_start(case.nothing, seed)) for seed in (1, 1, 2))
    for part, value in first.items():
        np.testing.assert_array_equal(value, again[part])
    assert np.any(first["gain.level"] != other["gain.level"])
