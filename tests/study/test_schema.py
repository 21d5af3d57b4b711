"""Studies that can be read, and mistakes that are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid import shelf
from hybrid.errors import InputError
from hybrid.knowledge.resolve import load_rules
from hybrid.study.arm import FULL
from hybrid.study.arms import arms_of
from hybrid.study.schema import KIND, read_study
from tests.study.planted import write_study


@pytest.mark.parametrize("name", shelf.names(KIND))
def test_every_shipped_study_can_be_made(name: str):
    study = read_study(name)
    rules = load_rules(list(study.rules), list(study.sets))
    arms = arms_of(study, rules, 0)
    assert arms[0].id == FULL and len(arms) > 2
    assert shelf.find(KIND, name).read_text().splitlines()[1].startswith(f"# hybrid ablate {name}")


def test_recipes_and_studies_are_not_taken_for_each_other():
    assert set(shelf.names(KIND)) >= {"leave_one_out", "by_family", "placebo", "tiny"}
    assert not [name for name in shelf.names("train") if "/" in name]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seeds: [0]", "seeds: []", "seeds"),
        ("seeds: [0]", "seeds: [0, 0]", "seeds: expected each once"),
        ("seeds: [0]", "sedes: [0]", "unknown key; did you mean seeds?"),
        ("metrics: [level_lu", "metrics: [levle_lu", "unknown levle_lu"),
        ("{space: crest_db}", "{space: width_db}", "is measured by these rules themselves"),
        ("{space: crest_db}", "{spaec: crest_db}", ":8:18: primary.spaec: unknown family; did you mean space?"),
        ("{space: crest_db}", "{space: crest}", "unknown metric crest; did you mean crest_db?"),
        ("model: none", "model: none\nmode: train", "recipe: belongs to `mode: train`"),
        ("{space: crest_db}", "{loudness: pan}", "pan is not among the metrics of the study"),
        (
            "- leave_one_out: all",
            "- pairs: [[lead.helps, lead.helps]]",
            ":10:5: arms[0]: a pair or a set must not name anything twice",
        ),
        ("- leave_one_out: all", "- shapley: [space, space]", "must not name anything twice"),
        ("- leave_one_out: all", "- {}", "arms[0]: expected a map with one of name, leave_one_out, leave_family_out"),
        ("- leave_one_out: all", "- leave_one_ot: all", "did you mean leave_one_out?"),
        ("- leave_one_out: all", "- {name: mine, disable: []}", "mine: nothing differs"),
        ("- leave_one_out: all", "- shapley: [space]", "arms[0].shapley: expected at least 2, got a list"),
        ("- leave_one_out: all", "- leave_one_out: al", "expected `all` or a list of names, got 'al'"),
        ("- leave_one_out: all", "- sweep: lead.helps", "expected values by rule.key, such as {lead.level.weight:"),
        (
            "- leave_one_out: all",
            "- sweep: {lead.helps.weight: [true]}",
            "expected a number, with its unit if it has one",
        ),
        ("- leave_one_out: all", "- sweep: {lead.helps.weight: []}", "is empty"),
        (
            "- leave_one_out: all",
            "- sweep: {a.b: {from: 1 dB, to: 2 LU, n: 3}}",
            "two different numbers of the same unit",
        ),
        ("- leave_one_out: all", "- sweep: {a.b: {from: 0, to: 2, n: 3, log: true}}", "neither of them 0"),
        ("- leave_one_out: all", "- sweep: {a.b: {from: 1, to: 2, n: 100}, c.d: {from: 1, to: 2, n: 11}}", "got 1100"),
        ("- leave_one_out: all", "- {name: mine}", "mine: nothing differs"),
        ("- leave_one_out: all", "- {name: mine, step: 3}", "unknown key; did you mean steps?"),
        ("metrics: [level_lu, heard, crest_db, width_db]", "metrics: level_lu", "expected `all` or a list of names"),
        ("seeds: [0]", "seeds: [0]\nsongs: [{dataset: x, seeds: [1, 1]}]", "seeds: expected each once, got [1, 1]"),
    ],
)
def test_mistakes_in_a_study_are_reported(tmp_path: Path, old: str, new: str, message: str):
    path = write_study(tmp_path)
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError) as refused:
        read_study(str(path))
    assert message in str(refused.value) and str(path) in str(refused.value)
    assert len(refused.value.problems) <= 2
