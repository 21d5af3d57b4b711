"""Effects computed by hand from rows: which rules act, which help, and which differences cannot be shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from hybrid.judging.table import METRICS
from hybrid.knowledge.resolve import load_rules
from hybrid.study.arm import FULL, Arm
from hybrid.study.arms import arms_of
from hybrid.study.effects import TOTAL, ArmEffects, Effects, effects_of
from hybrid.study.report import report_html
from hybrid.study.rows import Row, Unit
from hybrid.study.schema import Study, read_study
from hybrid.study.tables import effects_markdown, effects_table, power_notes
from tests.study.planted import row, write_study

HELPS, USELESS = "without lead.helps", "without width.useless"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return read_study(str(write_study(tmp_path_factory.mktemp("study"))))


def _effects(study: Study, rows: Sequence[Row]) -> tuple[Effects, dict[str, ArmEffects]]:
    rules = load_rules(list(study.rules), [])
    by_arm = effects_of(rows, arms_of(study, rules, 0), study, rules)
    return by_arm, {each.arm.id: each for each in by_arm.arms}


def _conclusions(each: ArmEffects) -> dict[str, str]:
    return {name: each.metrics[name].conclusion(name) for name in each.primary if name in each.metrics}


def _rows(n: int = 8) -> list[Row]:
    """The one rule is missed by 1 to 2 LU in every song, the other by nothing but a little noise."""
    rows = []
    for k in range(n):
        rows.append(row(f"s{k}", FULL, 1.0 + 0.1 * k))
        rows.append(row(f"s{k}", HELPS, 2.0 + 0.2 * k, own=0.8))
        rows.append(row(f"s{k}", USELESS, 1.0 + 0.1 * k + 0.01 * (-1) ** k))
    return rows


def test_a_rule_that_is_missed_acts_and_helps_and_one_that_is_not_does_neither(study: Study):
    _, by_arm = _effects(study, _rows())
    helps, useless = by_arm[HELPS], by_arm[USELESS]
    assert helps.does_act and helps.acts and helps.acts.mean == pytest.approx(0.8)
    assert helps.primary == ("level_lu",) and _conclusions(helps) == {"level_lu": "helps"}
    assert helps.metrics["level_lu"].effect.mean == pytest.approx(1.0 + 0.1 * 3.5)
    # two arms: Holm doubles the smallest p of eight songs
    assert helps.metrics["level_lu"].p == pytest.approx(2.0 * 2.0**-7)
    assert not useless.does_act and _conclusions(useless) == {"crest_db": "no difference that matters"}
    assert useless.metrics["level_lu"].is_equivalent


def test_a_rule_that_makes_mixes_worse_hurts(study: Study):
    rows = [row(f"s{k}", arm, level) for k in range(8) for arm, level in ((FULL, 4.0 + 0.1 * k), (HELPS, 1.0))]
    assert _conclusions(_effects(study, rows)[1][HELPS]) == {"level_lu": "hurts"}


def test_with_four_songs_nothing_can_be_shown_and_a_note_says_so(study: Study):
    effects, by_arm = _effects(study, _rows(4))
    assert _conclusions(by_arm[HELPS]) == {"level_lu": "nothing shown"}
    (line,) = [line for line in power_notes(effects) if line.startswith("level_lu")]
    assert "4 songs can detect" in line and "no arm can be shown to differ" in line


def test_seeds_are_averaged_within_a_song_and_add_no_songs(study: Study):
    rows = [each._replace(seed=seed) for seed in range(3) for each in _rows()]
    _, by_arm = _effects(study, rows)
    assert by_arm[HELPS].metrics["level_lu"].effect.songs == 8
    assert by_arm[HELPS].metrics["level_lu"].p == pytest.approx(2.0 * 2.0**-7)


def test_a_metric_that_a_family_measures_itself_is_a_control(study: Study):
    rows = [each._replace(metrics={**each.metrics, "width_db": 1.0}) for each in _rows()]
    _, by_arm = _effects(study, rows)
    assert by_arm[USELESS].metrics["width_db"].is_control and not by_arm[HELPS].metrics["width_db"].is_control
    assert "width_db" not in by_arm[USELESS].primary


def test_songs_without_a_target_do_not_dilute_an_arm(study: Study):
    rows = [each._replace(touches=each.song not in ("s0", "s1")) if each.arm == HELPS else each for each in _rows()]
    _, by_arm = _effects(study, rows)
    assert by_arm[HELPS].songs == tuple(f"s{k}" for k in range(2, 8))
    assert by_arm[USELESS].metrics["level_lu"].effect.songs == 8


def test_mixes_that_diverge_are_counted_and_never_judged(study: Study):
    none = {"state": "diverged", "metrics": {}, "penalty": {}, "total": None}
    rows = [each._replace(**none) if (each.arm, each.song) == (HELPS, "s0") else each for each in _rows()]
    _, by_arm = _effects(study, rows)
    assert by_arm[HELPS].diverged == 1 and by_arm[HELPS].metrics["level_lu"].effect.songs == 7


def test_the_cost_of_a_rule_is_its_effect_on_the_others(study: Study):
    rows = []
    for k in range(6):
        rows.append(row(f"s{k}", FULL, 1.0)._replace(penalty={"lead.helps": 0.0, "width.useless": 0.5}))
        rows.append(row(f"s{k}", HELPS, 1.0)._replace(penalty={"lead.helps": 0.7, "width.useless": 0.1}))
    _, by_arm = _effects(study, rows)
    assert by_arm[HELPS].acts and by_arm[HELPS].acts.mean == pytest.approx(0.7)
    assert by_arm[HELPS].costs and by_arm[HELPS].costs.mean == pytest.approx(-0.4)
    assert by_arm[HELPS].rules == {"lead.helps": pytest.approx(0.7), "width.useless": pytest.approx(-0.4)}


def test_a_rule_without_limits_does_not_outweigh_its_family(study: Study):
    """Of two rules, one has no limits: its penalty does not count as the family's own. A control costs all rules."""
    rules = load_rules(["base"], [])
    base = Study.model_validate(
        {"schema": "study/1", "title": "t", "arms": [{"leave_family_out": ["fidelity"]}, {"controls": ["no_rules"]}]}
    )
    rows = []
    for k in range(5):
        rows.append(row(f"s{k}", FULL, 1.0)._replace(penalty={"keep.simple": 10.0, "keep.timbre": 0.1}))
        for arm in ("without fidelity", "no rules"):
            rows.append(row(f"s{k}", arm, 1.0)._replace(penalty={"keep.simple": 60.0, "keep.timbre": 0.4}))
    by_arm = {each.arm.id: each for each in effects_of(rows, arms_of(base, rules, 0), base, rules).arms}
    family, control = by_arm["without fidelity"], by_arm["no rules"]
    assert family.acts and family.acts.mean == pytest.approx(0.3)
    weight = {rule.id: rule.weight for rule in rules.rules}
    assert control.acts is None and control.costs
    assert control.costs.mean == pytest.approx(50.0 * weight["keep.simple"] + 0.3 * weight["keep.timbre"])


def test_a_metric_that_is_better_higher_is_read_that_way(study: Study):
    rows = [each._replace(metrics={"heard": 0.3 if each.arm == FULL else 0.2}) for each in _rows()]
    _, by_arm = _effects(study, rows)
    assert METRICS["heard"].better == "higher"
    assert by_arm[HELPS].metrics["heard"].conclusion("heard") == "helps"


def _with_arms(study: Study, *arms: dict) -> Study:
    return Study.model_validate({**study.model_dump(by_alias=True), "arms": list(arms)})


def test_a_rule_that_is_added_is_compared_with_its_baseline(study: Study):
    """Alone it brings 3 of the 4 LU that all rules bring, compared with the baseline: it helps."""
    added = _with_arms(study, {"add_one_in": ["lead.helps"], "to": []})
    level, own = {FULL: 1.0, "baseline alone": 5.0, "with lead.helps": 2.0}, {FULL: 0.0, "baseline alone": 0.9}
    rows = [
        row(f"s{k}", arm, value + 0.05 * k * value, own=own.get(arm, 0.04))
        for k in range(8)
        for arm, value in level.items()
    ]
    _, by_arm = _effects(added, rows)
    alone = by_arm["with lead.helps"]
    assert _conclusions(alone) == {"level_lu": "helps"} and alone.does_act
    assert alone.acts and alone.acts.mean == pytest.approx(0.86)
    assert alone.metrics["level_lu"].effect.mean == pytest.approx(3.0 + 0.05 * 3.5 * 3.0)


def _shapley_rows(study: Study, value: dict[tuple[str, ...], float]) -> list[Row]:
    rules = load_rules(list(study.rules), [])
    rows = []
    for arm in arms_of(study, rules, 0):
        included = ("loudness", "space") if arm.id == FULL else _included(arm)
        rows += [row(f"s{k}", arm.id, value[included] + 0.1 * k)._replace(total=value[included]) for k in range(3)]
    return rows


def _included(arm: Arm) -> tuple[str, ...]:
    return tuple(family for family in ("loudness", "space") if family not in arm.families)


def test_shapley_values_add_up_to_the_whole(study: Study):
    both = _with_arms(study, {"shapley": ["loudness", "space"]})
    value = {(): 10.0, ("loudness",): 6.0, ("space",): 9.0, ("loudness", "space"): 3.0}
    effects, _ = _effects(both, _shapley_rows(both, value))
    share = {each.family: each.effect.mean for each in effects.shares if each.metric == TOTAL}
    # loudness: mean of 6-10 and 3-9; space: mean of 9-10 and 3-6
    assert share == {"loudness": pytest.approx(-5.0), "space": pytest.approx(-2.0)}
    assert sum(share.values()) == pytest.approx(value["loudness", "space"] - value[()])


def test_the_interaction_of_a_pair_is_its_effect_beyond_the_sum(study: Study):
    pair = _with_arms(study, {"pairs": [["lead.helps", "width.useless"]]})
    both = "without lead.helps and width.useless"
    level = {FULL: 1.0, HELPS: 2.0, USELESS: 1.5, both: 4.0}
    rows = [row(f"s{k}", arm, value + 0.01 * k) for k in range(5) for arm, value in level.items()]
    effects, _ = _effects(pair, rows)
    (joint,) = [each for each in effects.joint if each.metric == "level_lu"]
    assert joint.effect.mean == pytest.approx(3.0 - 1.0 - 0.5)


def _unit(rows: Sequence[Row]) -> Unit:
    return Unit("y", 0.9, (10, 0), (), tuple(rows))


def test_report_and_tables_agree_and_the_page_loads_nothing(study: Study, tmp_path: Path):
    rows = _rows()
    effects, _ = _effects(study, rows)
    page = report_html(study, effects, [_unit(rows)], {"broken song": "is silent"}, {"hybrid": "0"})
    assert page == report_html(study, effects, [_unit(rows)], {"broken song": "is silent"}, {"hybrid": "0"})
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    for line in ("helps", "no difference that matters", "broken song could not be mixed: is silent", "Song by song"):
        assert line in page
    lines = effects_table(effects).to_csv().splitlines()
    assert len({line.count(",") for line in lines}) == 1
    (level,) = [line for line in lines if line.startswith(f"{HELPS},without,level_lu,LU,primary,8,1.35,")]
    assert level.endswith(",helps")
    text = effects_markdown(effects)
    assert f"| {HELPS} | 8 | 0.800 (0.800 to 0.800) | level_lu |" in text and "helps" in text
