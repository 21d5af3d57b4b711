from __future__ import annotations

import json
from pathlib import Path

import pytest

from hybrid import shelf
from hybrid.knowledge.compare import compare
from hybrid.knowledge.resolve import load_rules


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("parent", shelf.names("rules"))
def test_a_new_file_is_valid_and_changes_nothing_yet(hybrid, here: Path, parent: str):
    code, out, err = hybrid("rules", "new", "my-metal.yaml", "--extends", parent)
    assert (code, err) == (0, "")
    assert out.startswith(f"wrote my-metal.yaml, which extends {parent}")
    # the schema that its first line names is there, or its editor would know nothing
    assert {path.name for path in here.iterdir()} == {"my-metal.yaml", "mixrules.schema.json"}
    assert "lead_to_rest_ratio" in (here / "mixrules.schema.json").read_text()
    mine = load_rules(["my-metal.yaml"])
    assert (mine.id, mine.warnings) == ("my-metal", ())
    comparison = compare(load_rules([parent]), mine)
    assert comparison.only_second == ("my-metal.lead-over-accompaniment",)
    assert not comparison.changed and not comparison.switched_on and not comparison.switched_off
    assert [rule.id for rule in mine.enabled] == [rule.id for rule in load_rules([parent]).enabled]


def test_it_has_a_patch_a_rule_sections_and_sets_and_opens_with_its_schema(hybrid, here: Path):
    hybrid("rules", "new", "mine.yaml")
    text = (here / "mine.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=mixrules.schema.json\n")
    assert "\npatch:\n  lead.level: {target: -2 LU, tolerance: 2 LU, weight: 3.0}\n" in text
    assert all(f"\n{key}:" in text for key in ("extends", "disable", "sections", "sets", "rules"))


def test_the_rule_works_once_it_is_switched_on(hybrid, here: Path):
    hybrid("rules", "new", "mine.yaml")
    text = (here / "mine.yaml").read_text().replace("enabled: false", "enabled: true ")
    (here / "mine.yaml").write_text(text)
    mine = load_rules(["mine.yaml"])
    assert mine.warnings == ()
    assert "mine.lead-over-accompaniment" in {rule.id for rule in mine.enabled}


def test_the_schema_is_found_in_folders_above_the_file(hybrid, here: Path):
    (here / "mixrules.schema.json").write_text("{}")
    (here / "genres" / "metal").mkdir(parents=True)
    hybrid("rules", "new", "genres/metal/doom.yaml")
    first = (here / "genres" / "metal" / "doom.yaml").read_text().partition("\n")[0]
    assert first == "# yaml-language-server: $schema=../../mixrules.schema.json"


def test_a_file_beside_or_below_may_be_extended(hybrid, here: Path):
    (here / "my rules").mkdir()
    hybrid("rules", "new", "my rules/one, two.yaml")
    code, _, _ = hybrid("rules", "new", "three.yaml", "--extends", "my rules/one, two.yaml", "--extends", "base")
    assert code == 0
    assert {path.name for path in load_rules(["three.yaml"]).files} >= {"one, two.yaml", "base.yaml"}


def test_the_id_is_the_name_of_the_file_unless_given(hybrid, here: Path):
    hybrid("rules", "new", "My Metal (2).yaml")
    assert load_rules(["My Metal (2).yaml"]).id == "my-metal-2"
    code, out, _ = hybrid("rules", "new", "other.yaml", "--id", "doom.v2", "--json")
    assert code == 0
    assert json.loads(out) == {"file": "other.yaml", "id": "doom.v2", "extends": ["base"]}
    assert load_rules(["other.yaml"]).id == "doom.v2"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mine.txt"], "mine.txt: expected a name that ends with .yaml"),
        (["none/mine.yaml"], "there is no folder none"),
        (["mine.yaml", "--extends", "bse"], "did you mean base?"),
        (["mine.yaml", "--id", "My Metal"], "--id: expected a name, got 'My Metal'"),
        (["ÄÖ.yaml"], "--id: expected a name, got ''"),
        (["base.yaml"], "base.yaml: would itself be the parent 'base'"),
        (["folder.yaml", "--overwrite"], "folder.yaml: exists"),
        ([f"{'long' * 80}.yaml"], "File name too long"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused(hybrid, here: Path, arguments: list[str], message: str):
    (here / "folder.yaml").mkdir()
    code, out, err = hybrid("rules", "new", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert [path.name for path in here.iterdir()] == ["folder.yaml"]


def test_a_file_that_exists_is_not_overwritten_without_the_option(hybrid, here: Path):
    (here / "mine.yaml").write_text("precious")
    code, out, err = hybrid("rules", "new", "mine.yaml")
    assert (code, out) == (2, "")
    assert "mine.yaml: exists" in err and "--overwrite" in err
    assert (here / "mine.yaml").read_text() == "precious"
    assert hybrid("rules", "new", "mine.yaml", "--overwrite")[0] == 0
    assert load_rules(["mine.yaml"]).id == "mine"


def test_a_file_is_never_its_own_parent(hybrid, here: Path):
    hybrid("rules", "new", "mine.yaml")
    before = (here / "mine.yaml").read_text()
    code, _, err = hybrid("rules", "new", "mine.yaml", "--overwrite", "--extends", "mine.yaml")
    assert code == 2
    assert "one of the files that it would extend" in err
    assert (here / "mine.yaml").read_text() == before
