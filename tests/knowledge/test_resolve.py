from __future__ import annotations

from pathlib import Path

import pytest

from hybrid.errors import InputError
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet

PARENT = """\
schema: mixrules/1
id: parent
title: Parent
bands: {low: 20-120 Hz}
sets: {core: {role: [bass, drums.kick]}}
defaults: {tier: 3, weight: weak}
rules:
  - {id: peak, type: true_peak, max: -1 dBTP, tags: [out]}
  - id: cut
    type: low_energy_ratio
    cutoff: {vocal: 80 Hz, guitar: 90 Hz}
    max: -30 dB
    tier: 1
  - {id: low.side, type: side_energy, band: low, max: -20 dB}
  - {id: low.side.wide, type: side_energy, band: 20-300 Hz, max: -10 dB, tags: [out, wide]}
"""
CUTOFFS = {"vocal": "80 Hz", "guitar": "90 Hz"}
CHILD = """\
schema: mixrules/1
id: child
extends: [parent]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "parent.yaml").write_text(PARENT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _load(folder: Path, text: str, *sets: str) -> RuleSet:
    (folder / "child.yaml").write_text(CHILD + text)
    return load_rules(["child.yaml"], sets)


def _problems(folder: Path, text: str, *sets: str) -> str:
    with pytest.raises(InputError) as error:
        _load(folder, text, *sets)
    return str(error.value)


def _rule(rules: RuleSet, name: str) -> dict[str, object]:
    return next(rule for rule in rules.rules if rule.id == name).written()


def test_a_file_has_the_rules_of_its_parents_in_their_order(folder: Path):
    rules = _load(folder, "rules: [{id: mine, type: timbre_change, max: 4 dB}]\n")
    assert [rule.id for rule in rules.rules] == ["peak", "cut", "low.side", "low.side.wide", "mine"]
    assert [path.name for path in rules.files] == ["parent.yaml", "child.yaml"]
    assert (rules.id, rules.bands["low"]) == ("child", (20.0, 120.0))


def test_defaults_hold_for_the_rules_of_their_file_only(folder: Path):
    rules = _load(folder, "rules: [{id: mine, type: timbre_change, max: 4 dB}]\n")
    tiers = {rule.id: (rule.tier, rule.weight) for rule in rules.rules}
    assert (tiers["peak"], tiers["cut"], tiers["mine"]) == ((3, 0.3), (1, 0.3), (2, 1.0))


def test_a_patch_merges_maps_and_replaces_the_rest(folder: Path):
    rules = _load(folder, "patch:\n  cut: {cutoff: {guitar: 110 Hz}, max: -26 dB}\n  peak: {tags: [loud]}\n")
    assert _rule(rules, "cut")["cutoff"] == {"vocal": "80 Hz", "guitar": "110 Hz"}
    assert _rule(rules, "cut")["max"] == "-26 dB"
    assert _rule(rules, "peak")["tags"] == ["loud"]


def test_a_patch_of_nothing_takes_a_value_away(folder: Path):
    rules = _load(folder, "patch: {peak: {max: null, target: -2 dBTP}}\n")
    assert rules.rules[0].bounds() == (-2.0, -2.0)


@pytest.mark.parametrize(
    ("ask", "bounds"),
    [
        ("range: -3 to -2 dBTP", (-3.0, -2.0)),
        ("target: -2 dBTP", (-2.0, -2.0)),
        ("min: -3 dBTP", (-3.0, -1.0)),
        ("max: -2 dBTP", (None, -2.0)),
    ],
)
def test_what_a_patch_asks_for_replaces_what_was_asked(folder: Path, ask: str, bounds: tuple):
    assert _load(folder, f"patch: {{peak: {{{ask}}}}}\n").rules[0].bounds() == bounds
    assert _load(folder, "", f"peak.{ask.replace(': ', '=')}").rules[0].bounds() == bounds


def test_a_whole_rule_of_the_same_id_replaces_the_one_before(folder: Path):
    rules = _load(folder, "rules: [{id: peak, type: true_peak, max: -2 dBTP}]\n")
    assert _rule(rules, "peak")["max"] == "-2 dBTP"
    assert "tags" not in _rule(rules, "peak")


def test_rules_are_disabled_by_id_and_by_tag(folder: Path):
    rules = _load(folder, "disable: [cut, 'tag:wi*']\n")
    assert [rule.id for rule in rules.rules if not rule.enabled] == ["cut", "low.side.wide"]


def test_the_later_of_several_files_wins(folder: Path):
    (folder / "other.yaml").write_text("schema: mixrules/1\nid: other\npatch: {peak: {max: -3 dBTP}}\n")
    rules = load_rules(["parent.yaml", "other.yaml"])
    assert _rule(rules, "peak")["max"] == "-3 dBTP"
    assert rules.id == "parent+other"


def test_a_parent_of_two_parents_applies_once(folder: Path):
    (folder / "left.yaml").write_text(
        "schema: mixrules/1\nid: left\nextends: [parent]\npatch: {peak: {max: -3 dBTP}}\n"
    )
    (folder / "right.yaml").write_text("schema: mixrules/1\nid: right\nextends: [parent]\n")
    (folder / "both.yaml").write_text("schema: mixrules/1\nid: both\nextends: [left, right]\n")
    assert _rule(load_rules(["both.yaml"]), "peak")["max"] == "-3 dBTP"


@pytest.mark.parametrize(
    ("text", "rule", "key", "value"),
    [
        ("peak.max=-2 dBTP", "peak", "max", "-2 dBTP"),
        ("peak.enabled=false", "peak", "enabled", False),
        ("low.side.max=-25 dB", "low.side", "max", "-25 dB"),
        ("low.side.wide.max=-25 dB", "low.side.wide", "max", "-25 dB"),
        ("cut.cutoff.guitar=100 Hz", "cut", "cutoff", {**CUTOFFS, "guitar": "100 Hz"}),
        ("cut.cutoff.bass.synth=9 Hz", "cut", "cutoff", {**CUTOFFS, "bass.synth": "9 Hz"}),
        ("cut.cutoff=60 Hz", "cut", "cutoff", {"all": "60 Hz"}),
        ("peak.acts_on=[gain, master]", "peak", "acts_on", ["gain", "master"]),
        ("low.side.when.from=1:30", "low.side", "when", {"from": "90 s"}),
    ],
)
def test_the_command_line_overrides_one_value(folder: Path, text: str, rule: str, key: str, value: object):
    assert _rule(_load(folder, "", text), rule)[key] == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("peak.max", "expected rule.id.key=value, got 'peak.max'"),
        ("paek.max=-1 dBTP", "no rule in 'paek.max=-1 dBTP'; did you mean peak?"),
        (
            "peak.max=-1 dBFS",
            "--set: peak.max: expected a true-peak level such as '-1 dBTP', got a sample level",
        ),
        ("peak.mox=-1 dBTP", "--set: peak.mox: unknown key; did you mean max?"),
        ("peak.max=[", "--set: 'peak.max=[': "),
    ],
)
def test_a_wrong_override_is_named(folder: Path, text: str, said: str):
    assert said in _problems(folder, "", text)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("scael: 1 dB", "child.yaml:5:5: rules[0].scael: unknown key; did you mean scale?"),
        ("max: -1 dBFS", "child.yaml:5:10: rules[0].max: expected a true-peak level such as '-1 dBTP'"),
        ("when: {secions: x}", "child.yaml:5:12: rules[0].when.secions: unknown key; did you mean sections?"),
        ("kind: requre", "got 'requre'; did you mean require?"),
        ("scale: 0 dB", "rules[0].scale: a scale must be above 0"),
        ("enabled: off", "rules[0].enabled: expected true or false, got 'off'"),
        ("acts_on: [gain.lvel]", "rules[0].acts_on[0]: expected one of gain, gain.level,"),
        ("for: kick", "rules[0].for: expected `all` or a map"),
        ("aggregate: worst", "rules[0].aggregate: expected mean, sum or worst(25 %), got 'worst'"),
        ("schedule: {tolerance_from: 1 LUFS}", "schedule.tolerance_from: expected a level difference"),
        ("when: {sections: [x]}", "child.yaml:5:22: rules[0].when.sections: unknown section 'x'"),
        ("when: {bars: 0-4}", "rules[0].when.bars: expected bars such as '9-16'"),
        ("needs: [peek]", "a needs 'peek', which there is not; did you mean peak?"),
        ("conflicts: [peak]", "a excludes peak, and both are enabled"),
        ("for: {bus: mix, set: cor}", "rules[0].for: unknown set 'cor'; did you mean core?"),
    ],
)
def test_a_mistake_in_a_rule_is_named_with_its_place(folder: Path, keys: str, said: str):
    limit = "" if keys.startswith("max") else "    max: -1 dBTP\n"
    assert said in _problems(folder, f"rules: [{{id: a, type: true_peak,\n    {keys},\n{limit}}}]\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "rules: [{id: a, type: true_peek}]",
            "child.yaml:4:23: rules[0].type: unknown type 'true_peek'; did you mean true_peak?",
        ),
        ("rules: [{id: a, max: -1 dBTP}]", "rules[0].type: is missing"),
        ("rules: [{type: true_peak, max: -1 dBTP}]", "rules[0].id: is missing"),
        ("rules: [{id: A b, type: true_peak}]", "rules[0].id: expected a name of small letters"),
        (
            "rules: [{id: a, type: true_peak}, {id: a, type: true_peak}]",
            "child.yaml:4:40: rules[1].id: the id 'a' is taken, at child.yaml:4",
        ),
        (
            "rules: [{id: a, type: role_budget, targets: {bass: {target: 2 LU}}}]",
            "rules[0].targets: the shares add up to +2.0 LU of the mix: more than there is",
        ),
        ("rules: {id: a}", "rules: expected a list"),
        ("rules: [a]", "rules[0]: expected a map"),
        ("rulez: []", "child.yaml:4:1: rulez: unknown key; did you mean rules?"),
        (
            "patch: {paek: {max: -1 dBTP}}",
            "child.yaml:4:9: patch.paek: there is no such rule; did you mean peak?",
        ),
        ("patch: {peak: {max: 1 Hz}}", "child.yaml:4:21: patch.peak.max: expected a true-peak level"),
        ("patch: {peak: {id: top}}", "patch.peak.id: a patch cannot rename a rule"),
        ("patch: {peak: {needs: [cut]}}\ndisable: [cut]", "peak needs cut, which is off"),
        ("disable: [paek]", "disable[0]: no rule 'paek'; did you mean peak?"),
        ("bands: {low: 20-120}", "bands.low: expected a frequency"),
        (
            "sections: {verse: [{from: '1:00', to: '0:30'}]}",
            "sections.verse[0]: `to` must be later than `from`",
        ),
        ("sets: {a: {set: b}, b: {set: a}}", "the set 'a' is defined by itself"),
        ("roles: [{match: /gtr, role: guitar}]", "roles[0].match: expected a pattern such as '/^gtr/i'"),
    ],
)
def test_a_mistake_is_named_with_its_place(folder: Path, text: str, said: str):
    assert said in _problems(folder, text + "\n")


def test_all_mistakes_of_all_files_are_named_at_once(folder: Path):
    (folder / "parent.yaml").write_text(PARENT.replace("max: -20 dB", "max: -20 LU").replace("id: parent", "id: P"))
    text = "rules: [{id: a, type: true_peak, max: 3}]\nbands: {x: 3}\npatch: {nope: {}}\n"
    places = [line.split(": ")[1] for line in _problems(folder, text).splitlines() if ".yaml:" in line]
    assert sorted(places) == ["bands.x", "id", "patch.nope", "rules[0].max", "rules[2].max"]


def test_unknown_sets_and_sections_are_named_beside_other_mistakes(folder: Path):
    text = (
        "rules: [{id: a, type: true_peak, max: 3}, "
        "{id: b, type: left_right_balance, max: 3 dB, when: {sections: [solo]}}]\nsets: {x: {set: y}}\n"
    )
    said = _problems(folder, text)
    assert "rules[0].max" in said and "unknown section 'solo'" in said and "unknown set 'y'" in said


def test_what_a_missing_parent_may_hold_is_not_missed(folder: Path):
    """Of rules, sets and sections that may stand in a file that cannot be found nothing is said."""
    rule = "{id: a, type: left_right_balance, max: 3 Hz, when: {sections: [solo]}}"
    text = CHILD.replace("parent", "parnt") + f"patch: {{peak: {{max: -2 dBTP}}}}\ndisable: [cut]\nrules: [{rule}]\n"
    (folder / "child.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        load_rules(["child.yaml"])
    places = [problem.where for problem in error.value.problems]
    assert len(places) == 2 and "extends[0]" in str(error.value) and "rules[0].max" in str(error.value)


def test_an_override_of_a_rule_that_may_be_in_a_missing_file_is_no_mistake(folder: Path):
    (folder / "child.yaml").write_text(CHILD.replace("parent", "parnt"))
    with pytest.raises(InputError) as error:
        load_rules(["child.yaml"], ["cut.max=3 Hz", "nonsense"])
    first, second = error.value.problems
    assert "extends[0]" in str(first) and "expected rule.id.key=value, got 'nonsense'" in str(second)


def test_a_broken_file_that_two_extend_is_complained_of_once(folder: Path):
    (folder / "broken.yaml").write_text("rules: [\n")
    for name in ("one", "two"):
        (folder / f"{name}.yaml").write_text(f"schema: mixrules/1\nid: {name}\nextends: [broken.yaml]\n")
    with pytest.raises(InputError) as error:
        load_rules(["one.yaml", "two.yaml"])
    (problem,) = error.value.problems
    assert "broken.yaml" in problem.where


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("type: gain_reduction, for: all, min: -3 dB, acts_on: [eq]", "eq can move nothing here: nothing but dynamics"),
        ("type: similar_apart, for: all, min: 0.2, acts_on: [pan.width]", "pan.width can move nothing here"),
        ("type: similar_apart, for: all, min: 0.2, acts_on: [pan]", ""),
        (
            "type: lead_to_rest_ratio, for: {tag: lead}, against: {tag: lead}, min: 1 LU",
            "compares tracks with themselves",
        ),
        (
            "type: lead_to_rest_ratio, for: {tag: lead}, against: {role: all, tag: lead}, min: 1 LU",
            "compares tracks with themselves",
        ),
        ("type: lead_to_rest_ratio, for: {tag: lead}, against: all, min: 1 dB", "'1 dB' is taken for 1 LU"),
    ],
)
def test_rules_that_can_do_nothing_and_doubtful_units_are_warned_of(folder: Path, rule: str, said: str):
    (folder / "child.yaml").write_text(f"{CHILD}rules: [{{id: a, {rule}}}]\n")
    warned = [each for each in load_rules(["child.yaml"]).warnings if "rules[0]" in each]
    assert (len(warned), said in "".join(warned)) == (bool(said), True)


def test_a_cycle_of_parents_is_refused_with_its_chain(folder: Path):
    (folder / "parent.yaml").write_text("schema: mixrules/1\nid: parent\nextends: [child]\n")
    assert "parent.yaml:3:11: extends[0]: extends itself: child → parent → child" in _problems(folder, "")


def test_an_unknown_parent_is_named_with_its_place(folder: Path):
    (folder / "child.yaml").write_text(CHILD.replace("parent", "parnt"))
    with pytest.raises(InputError, match=r"child.yaml:3:11: extends\[0\]: no file .* 'parnt'"):
        load_rules(["child.yaml"])


def test_a_file_of_another_format_is_refused(folder: Path):
    (folder / "child.yaml").write_text("schema: mixrules/2\nid: child\n")
    with pytest.raises(InputError, match="schema: expected 'mixrules/1', got 'mixrules/2'"):
        load_rules(["child.yaml"])


def test_an_empty_file_is_refused(folder: Path):
    (folder / "empty.yaml").write_text("")
    with pytest.raises(InputError, match="schema: is missing"):
        load_rules(["empty.yaml"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "patch: {cut: {for: {role: vocl.lead}}}",
            "child.yaml:4:20: patch.cut.for: no track has a role like 'vocl.lead'; did you mean vocal.lead?",
        ),
        ("patch: {cut: {cutoff: {gutar: 80 Hz}}}", "no track has a role like 'gutar'"),
        ("sets: {x: {role: gutar}}", "child.yaml:4:11: sets.x: no track has a role like 'gutar'"),
        ("patch: {peak: {cite: [X]}}", "patch.peak.cite: 'X' is not in the bibliography"),
        ("patch: {peak: {conflicts: [paek]}}", "there is no rule 'paek'; did you mean peak?"),
        ("disable: ['tag:nothing']", "disable[0]: no rule has a tag like 'tag:nothing'"),
        (
            "rules: [{id: a, type: role_budget, targets: {all: {target: 0 dB}}}]",
            "rules[0].targets.all.target: '0 dB' is taken for 0 LU",
        ),
        (
            "rules: [{id: a, type: role_budget, targets: {bass: {target: -9 LU}}}]",
            "the shares add up to only -9.0 LU",
        ),
    ],
)
def test_a_doubt_is_a_warning(folder: Path, text: str, said: str):
    (warning,) = _load(folder, text + "\n").warnings
    assert said in warning


def test_every_value_knows_the_line_it_comes_from(folder: Path):
    rules = _load(folder, "patch:\n  cut: {cutoff: {guitar: 110 Hz}}\n", "peak.max=-2 dBTP")
    assert rules.provenance["cut"]["cutoff.guitar"].endswith("child.yaml:5")
    assert rules.provenance["cut"]["cutoff.vocal"].endswith("parent.yaml:11")
    assert rules.provenance["cut"]["weight"].endswith("parent.yaml:6")
    assert rules.provenance["peak"]["max"] == "--set"
    assert "scale" not in rules.provenance["peak"]


def test_what_is_dumped_says_the_same(folder: Path):
    rules = _load(folder, "roles: [{match: '/x/i', role: bass}]\nsections: {a: [{from: '0:10', to: '0:20'}]}\n")
    (folder / "dump.yaml").write_text(rules.dump())
    again = load_rules(["dump.yaml"])
    assert again.rules == rules.rules
    assert again.hash == rules.hash


def test_the_hash_tells_rules_apart_and_not_files(folder: Path):
    plain = _load(folder, "").hash
    (folder / "parent.yaml").write_text("# a comment\n" + PARENT.replace("-30 dB", "-30.0 dB"))
    assert _load(folder, "").hash == plain
    assert _load(folder, "", "peak.max=-2 dBTP").hash != plain
