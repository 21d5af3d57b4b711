"""The rules that arms change, and arms that are refused since they would change nothing."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from hybrid.errors import InputError
from hybrid.knowledge.objective import Program
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.study.arm import FULL, Arm, families_of, family_of
from hybrid.study.arms import arms_of, values_as_they_are
from hybrid.study.controls import MAX_SHIFT_SCALES
from hybrid.study.schema import Study

BASE = load_rules(["base"], [])


def _study(*arms: dict, **more: object) -> Study:
    return Study.model_validate({"schema": "study/1", "title": "a test", "arms": list(arms), **more})


def _arms(*arms: dict, seed: int = 0, rules: RuleSet = BASE, **more: object) -> dict[str, Arm]:
    return {arm.id: arm for arm in arms_of(_study(*arms, **more), rules, seed)}


def test_every_rule_that_can_move_a_track_is_left_out_once():
    arms = _arms({"leave_one_out": "all"})
    assert len(arms) > 40
    for name, arm in arms.items():
        if name == FULL:
            continue
        (changed,) = arm.changed
        off = [rule.id for rule in arm.rules.rules if not rule.enabled]
        assert set(off) - {rule.id for rule in BASE.rules if not rule.enabled} == {changed}
    # mixes are judged at equal loudness: a rule that only sets the output level cannot be ablated
    assert "without out.loudness" not in arms


def test_arms_differ_in_data_alone_so_that_one_program_serves_all():
    entries = (
        {"leave_one_out": "all"},
        {"leave_family_out": "all"},
        {"sweep": {"lead.level.weight": [0, "x2"], "lead.level.target": ["1 LU"]}},
        {"sweep": {"lead.level.tolerance": ["3 LU"]}},
        {"name": "free", "disable": ["tag:masking"], "steps": 50, "seed": 4},
        {"controls": ["permuted_weights", "random_targets"]},
    )
    assert {Program.of(arm.rules.rules).key for arm in _arms(*entries).values()} == {Program.of(BASE.rules).key}


def test_families_are_left_out_whole():
    arms = _arms({"leave_family_out": "all"})
    assert set(arms) == {FULL, *(f"without {family}" for family in families_of(BASE))}
    for family in families_of(BASE):
        arm = arms[f"without {family}"]
        assert arm.families == (family,)
        assert not [rule for rule in arm.rules.enabled if family_of(rule) == family]


def test_a_sweep_gives_each_value_and_leaves_out_the_rules_own():
    (own,) = [rule for rule in BASE.rules if rule.id == "lead.level"]
    arms = _arms({"sweep": {"lead.level.weight": [0, "x1", "x2", 7]}}, {"sweep": {"lead.level.target": ["1 LU"]}})
    names = {"lead.level.weight 0", "lead.level.weight x2", "lead.level.weight 7", "lead.level.target 1 LU"}
    assert set(arms) == {FULL, *names}
    by_id = {name: next(r for r in arm.rules.rules if r.id == "lead.level") for name, arm in arms.items()}
    assert by_id["lead.level.weight x2"].weight == 2.0 * own.weight and by_id["lead.level.weight 7"].weight == 7.0
    assert not by_id["lead.level.weight 0"].enabled
    assert by_id["lead.level.target 1 LU"].target == 1.0 and own.target == -2.0


def test_a_grid_has_every_combination_of_keys_of_any_kind():
    """A key that is part of the program, such as a masker's offset, takes a program of its own."""
    grid = {"mask.general.offset": ["4 dB", "5 dB"], "lead.level.tolerance": {"from": "1 LU", "to": "4 LU", "n": 3}}
    arms = _arms({"sweep": grid})
    assert len(arms) == 1 + 2 * 3
    arm = arms["mask.general.offset 5 dB, lead.level.tolerance 2.5 LU"]
    assert set(arm.changed) == {"mask.general", "lead.level"}
    rules = {rule.id: rule for rule in arm.rules.rules}
    assert rules["lead.level"].tolerance == 2.5
    assert len({Program.of(arm.rules.rules).key for arm in arms.values()}) == 3


def test_values_in_equal_ratios_span_what_equal_steps_would_not():
    (entry,) = _study({"sweep": {"lead.level.weight": {"from": "x0.1", "to": "x10", "n": 3, "log": True}}}).arms
    assert [each["lead.level.weight"] for each in entry.combinations] == ["x0.1", "x1", "x10"]
    (entry,) = _study({"sweep": {"low.end.tolerance": {"from": 0.5, "to": 2.0, "n": 4}}}).arms
    assert [each["low.end.tolerance"] for each in entry.combinations] == ["0.5", "1", "1.5", "2"]


def test_a_free_arm_differs_in_whatever_it_states(tmp_path):
    mine = tmp_path / "mine.yaml"
    rule = (
        "{id: loud.mine, type: lead_to_rest_ratio, for: {role: bass}, against: {role: all}, target: 0 LU, scale: 1 LU}"
    )
    mine.write_text(
        f"schema: mixrules/1\nid: mine\ntitle: Mine\nlicense: CC0-1.0\nextends: [base]\nrules:\n  - {rule}\n"
    )
    arms = _arms(
        {"name": "my rules", "rules": [str(mine)]},
        {"name": "no network", "model": "none", "disable": ["width.whole"]},
        {"name": "long", "steps": 300, "set": ["lead.level.target=0 LU"]},
        {"name": "tagged", "disable": ["tag:masking"]},
    )
    assert arms["my rules"].changed == ("loud.mine",) and arms["my rules"].families == ("loudness",)
    # what is not rules alone is compared in every song
    assert arms["no network"].changed == () and arms["no network"].model == "none"
    assert not next(rule for rule in arms["no network"].rules.rules if rule.id == "width.whole").enabled
    assert (arms["long"].n_steps, arms["long"].changed) == (300, ())
    tagged = [rule.id for rule in BASE.enabled if "masking" in rule.tags]
    assert tagged and set(arms["tagged"].changed) == set(tagged)


def test_pairs_bring_each_alone():
    arms = _arms({"pairs": [["lead.level", "mask.lead"]]})
    assert set(arms) == {FULL, "without lead.level", "without mask.lead", "without lead.level and mask.lead"}


def test_coalitions_are_all_sets_of_families_and_the_whole_is_the_full_arm():
    arms = _arms({"shapley": ["loudness", "masking", "space"]})
    assert len(arms) == 2**3
    none = arms["set none of loudness + masking + space"]
    assert {family_of(rule) for rule in none.rules.enabled}.isdisjoint({"loudness", "masking", "space"})


def test_an_added_rule_is_compared_with_the_baseline_of_required_and_natural():
    arms = _arms({"add_one_in": ["lead.level"]})
    baseline, one = arms["baseline alone"], arms["with lead.level"]
    assert all(rule.kind == "require" or rule.type == "minimal_change" for rule in baseline.rules.enabled)
    assert {r.id for r in one.rules.enabled} - {r.id for r in baseline.rules.enabled} == {"lead.level"}
    with pytest.raises(InputError, match=re.escape("arms[0].to: no rule and no type 'minimal'")):
        _arms({"add_one_in": ["lead.level"], "to": ["minimal"]})


def test_permuted_weights_are_the_same_weights_on_other_rules_and_another_draw_for_another_seed():
    one, other = (_arms({"controls": ["permuted_weights"]}, seed=seed)["permuted weights"] for seed in (0, 1))
    prefer = [rule.id for rule in BASE.enabled if rule.kind == "prefer"]
    weights = {rule.id: rule.weight for rule in BASE.rules}
    for arm in (one, other):
        new_weight = {rule.id: rule.weight for rule in arm.rules.rules}
        assert Counter(new_weight[name] for name in prefer) == Counter(weights[name] for name in prefer)
        assert all(new_weight[r.id] == r.weight for r in BASE.rules if r.kind == "require")
        unchanged = [name for name in prefer if new_weight[name] == weights[name]]
        assert len(unchanged) < len(prefer) / 3
    assert one.rules.hash != other.rules.hash
    assert one.rules.hash == _arms({"controls": ["permuted_weights"]})["permuted weights"].rules.hash


def test_placebos_are_drawn_for_every_song():
    draws = {arms_of(_study({"controls": ["random_targets"]}), BASE, 0, song)[1].rules.hash for song in ("a", "b", "c")}
    assert len(draws) == 3


def test_random_targets_move_a_budget_role_by_role():
    rules = load_rules(["base"], ["balance.roles.enabled=true", "balance.expected.enabled=false"])
    arm = _arms({"controls": ["random_targets"]}, rules=rules)["random targets"]
    before, after = (
        next(rule for rule in each.rules if rule.id == "balance.roles").entries() for each in (rules, arm.rules)
    )
    shifts = [round(after[role][0] - before[role][0], 6) for role in before]
    assert len(set(shifts)) == len(before) and 0.0 not in shifts


def test_random_targets_lie_within_four_scales_and_keep_the_width_of_ranges():
    arm = _arms({"controls": ["random_targets"]})["random targets"]
    moved = 0
    for before, after in zip(BASE.rules, arm.rules.rules, strict=True):
        for key in ("target", "min", "max"):
            a, b = getattr(before, key), getattr(after, key)
            if a is not None and a != b:
                moved += 1
                assert abs(a - b) <= MAX_SHIFT_SCALES * before.scale + 1e-9
        if before.range and after.range:
            assert after.range[1] - after.range[0] == pytest.approx(before.range[1] - before.range[0])
        assert before.weight == after.weight and (before.kind == "prefer" or before == after)
    assert moved > 20


def test_controls_without_network_or_refinement_change_no_rule():
    arms = _arms({"controls": ["raw", "network_only", "rules_only", "start_only"]})
    assert all(arm.rules.hash == BASE.hash and arm.changed == () for arm in arms.values())
    assert arms["raw sum"].is_raw and arms["rules only"].model == "none" and arms["network only"].n_steps == 0


@pytest.mark.parametrize(
    ("entry", "more", "message"),
    [
        (
            {"leave_one_out": ["lead.levle"]},
            {},
            "arms[0].leave_one_out: no rule 'lead.levle'; did you mean lead.level?",
        ),
        ({"leave_family_out": ["louder"]}, {}, "arms[0].leave_family_out: no family 'louder'"),
        (
            {"leave_one_out": ["out.loudness"]},
            {},
            "out.loudness moves no track: an arm without it would change nothing",
        ),
        ({"sweep": {"lead.level.weight": ["x1"]}}, {}, "changes nothing: lead.level.weight x1 is what the rules say"),
        ({"sweep": {"lead.level.target": ["-2 LU"]}}, {}, "changes nothing: lead.level.target -2 LU"),
        ({"sweep": {"lead.level.target": ["-2 Hz"]}}, {}, "arms[0].sweep: lead.level.target"),
        (
            {"sweep": {"lead.levle.target": ["-3 LU"]}},
            {},
            "no rule in 'lead.levle.target'; did you mean lead.level.",
        ),
        ({"sweep": {"lead.level.traget": ["-3 LU"]}}, {}, "unknown key; did you mean target?"),
        ({"sweep": {"balance.roles.weight": [3]}}, {}, "balance.roles is off: no value of it would change anything"),
        (
            {"name": "mine", "disable": ["tag:maskng"]},
            {},
            "arms[0].disable: no rule has the tag 'maskng'; did you mean tag:masking",
        ),
        ({"name": "mine", "steps": 100}, {}, "mine: changes nothing"),
        (
            {"name": "mine", "rules": ["bse"]},
            {},
            "arms[0].rules: no file and no shipped name in rules: 'bse'; did you mean base?",
        ),
        ({"name": "mine", "set": ["balance.roles.weight=3"]}, {}, "mine: changes nothing"),
        ({"name": "mine", "set": ["out.loudness.target=-20 LUFS"]}, {}, "mine: changes nothing"),
        ({"name": "mine", "model": "base"}, {}, "mine: changes nothing"),
        ({"name": FULL, "steps": 50}, {}, "arms: two arms have the id 'all rules'"),
        ({"sweep": {"out.loudness.target": ["-20 LUFS"]}}, {}, "out.loudness moves no track: no value of it would"),
        ({"controls": ["network_only"]}, {"steps": 0}, "network only: changes nothing"),
        ({"controls": ["rules_only"]}, {"model": "none"}, "rules only: changes nothing"),
    ],
)
def test_arms_that_cannot_be_or_would_change_nothing_are_refused(entry: dict, more: dict, message: str):
    with pytest.raises(InputError) as refused:
        _arms(entry, **more)
    assert message in str(refused.value)


def test_an_arm_to_listen_to_must_exist():
    with pytest.raises(InputError, match="listen: no arm is called 'raw'; did you mean raw sum"):
        _arms({"controls": ["raw"]}, listen=["raw"])


def test_a_rule_that_is_off_cannot_be_left_out():
    off = load_rules(["base"], ["lead.level.enabled=false"])
    with pytest.raises(InputError, match=r"lead\.level is off"):
        _arms({"leave_one_out": ["lead.level"]}, rules=off)


def test_arms_that_people_name_have_names_of_their_own():
    entries = ({"leave_one_out": ["lead.level"]}, {"name": "without lead.level", "steps": 50})
    for order in (entries, entries[::-1]):
        with pytest.raises(InputError, match=r"two arms have the id 'without lead\.level'"):
            _arms(*order)
    # entries of arms that rules name may name one twice
    assert len(_arms(entries[0], {"pairs": [["lead.level", "mask.lead"]]})) == 4


def test_values_that_are_equal_are_one_arm():
    entry = {"sweep": {"lead.level.weight": ["x1", "x2", "x2.0", "x4"]}}
    assert list(_arms(entry)) == [FULL, "lead.level.weight x2", "lead.level.weight x4"]
    # what the rules say already has no arm of its own, and is named
    assert values_as_they_are(_study(entry), BASE) == ("lead.level.weight x1",)


def test_a_rule_that_weighs_nothing_may_get_a_weight():
    light = load_rules(["base"], ["lead.level.weight=0"])
    arms = _arms({"sweep": {"lead.level.weight": [0, 2]}}, rules=light, sets=["lead.level.weight=0"])
    assert list(arms) == [FULL, "lead.level.weight 2"] and arms["lead.level.weight 2"].changed == ("lead.level",)


def test_other_roles_make_an_arm_even_if_no_rule_differs(tmp_path):
    (tmp_path / "roles.yaml").write_text(
        "schema: mixrules/1\nid: roles\ntitle: Names of our studio\nlicense: CC0-1.0\nextends: [base]\n"
        "roles: [{match: /^sub/i, role: bass}]\n"
    )
    arms = _arms({"name": "our names", "rules": [str(tmp_path / "roles.yaml")]})
    assert arms["our names"].rules.roles != BASE.roles and arms["our names"].changed == ()
