from __future__ import annotations

import json
from pathlib import Path

import pytest

from hybrid.knowledge.resolve import load_rules

MINE = """\
schema: mixrules/1
id: mine
extends: [base]
patch:
  lead.level: {target: -4 LU}
disable: [spectrum.curve]
rules:
  - {id: fresh, type: timbre_change, max: 2 dB, notes: A long story of why this is asked for at all., evidence: guess}
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    (tmp_path / "mine.yaml").write_text(MINE)
    return str(tmp_path / "mine.yaml")


def rows(out: str) -> list[list[str]]:
    return [line.split() for line in out.splitlines()]


def test_differences_are_listed_with_both_places(hybrid, mine: str):
    code, out, err = hybrid("rules", "diff", "base", mine)
    assert (code, err) == (0, "")
    place = load_rules(["base"]).provenance["lead.level"]["target"].rpartition("/")[2]
    assert ["lead.level.target", "-2", "LU", place, "-4", "LU", "mine.yaml:5"] in rows(out)
    assert ["changed", "base", "from", "mine.yaml", "from"] in rows(out)
    assert f"only in {mine}\n  fresh\n" in out
    assert f"switched off in {mine}\n  spectrum.curve (mine.yaml:6)\n" in out
    assert "switched on" not in out


def test_swapped_arguments_give_the_mirror_image(hybrid, mine: str):
    code, out, _ = hybrid("rules", "diff", mine, "base")
    assert code == 0
    assert f"only in {mine}\n  fresh\n" in out
    assert "switched on in base\n  spectrum.curve (default)\n" in out


def test_equal_rule_sets_are_reported_as_equal(hybrid):
    assert hybrid("rules", "diff", "base", "base") == (0, "base and base are the same\n", "")


def test_as_json_it_is_one_document(hybrid, mine: str):
    code, out, _ = hybrid("rules", "diff", "base", mine, "--json")
    document = json.loads(out)
    assert code == 0
    assert (document["first"]["id"], document["second"]["id"]) == ("base", "mine")
    assert (document["only_first"], document["only_second"]) == ([], ["fresh"])
    (switch,) = document["switched_off"]
    assert (switch["of"], switch["second"]["written"]) == ("spectrum.curve", "false")
    target = next(change for change in document["changed"] if change["key"] == "target")
    assert (target["first"]["written"], target["second"]["at"]) == ("-2 LU", f"{mine}:5")


@pytest.mark.parametrize("pair", [("base", "bse"), ("bse", "base")])
def test_an_unknown_set_is_refused(hybrid, pair: tuple[str, str]):
    code, out, err = hybrid("rules", "diff", *pair)
    assert (code, out) == (2, "")
    assert "did you mean base?" in err


def test_a_file_with_mistakes_is_refused(hybrid, mine: str):
    Path(mine).write_text(MINE.replace("-4 LU", "-4 Hz"))
    code, out, err = hybrid("rules", "diff", "base", mine)
    assert (code, out) == (2, "")
    assert "mine.yaml:5:24: patch.lead.level.target: expected a loudness difference" in err
