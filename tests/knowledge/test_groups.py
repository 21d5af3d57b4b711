"""Groups of rules, which are compiled by themselves."""

from __future__ import annotations

import jax
import numpy as np

from hybrid.knowledge.groups import LARGEST, Group, groups_of
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.types import RuleType
from hybrid.testing.songs import objective_of, random_dry, random_song
from tests.knowledge.made import all_rules, rule_of


def objective(rules: list[RuleType]) -> Objective:
    return objective_of(rules, random_song(4), random_dry(0, 4))


def keys(groups: tuple[Group, ...]) -> list[object]:
    """What a program of each group is found by: structure, with what is static of the rules, and shapes."""
    return [
        (jax.tree.structure(group.objective), tuple(leaf.shape for leaf in jax.tree.leaves(group.objective)))
        for group in groups
    ]


def test_every_rule_is_in_one_group_of_its_family_with_its_own_numbers():
    whole = objective(all_rules())
    groups = groups_of(whole)
    assert sorted(at for group in groups for at in group.at) == list(range(len(whole.program.rules)))
    for group in groups:
        assert 1 <= len(group.at) <= LARGEST and list(group.at) == sorted(group.at)
        assert len({rule.family_name() for rule in group.objective.program.rules}) == 1
        for own, at in enumerate(group.at):
            assert group.objective.program.rules[own] == whole.program.rules[at]
            assert group.objective.weight[own] == whole.weight[at]
            for part, all_of in ((group.objective.ask, whole.ask), (group.objective.timing, whole.timing)):
                for ours, theirs in zip(part, all_of, strict=True):
                    np.testing.assert_array_equal(ours[own], theirs[at])


def test_a_rule_that_is_added_or_changed_leaves_the_programs_of_other_families_as_they_are():
    rules = all_rules()
    before = keys(groups_of(objective(rules)))
    wider = rule_of("side_energy", {"max": "0 dB", "scale": "1 dB", "band": "150 Hz to 8 kHz"})
    after = keys(groups_of(objective([*rules, wider])))
    new = [key for key in after if key not in before]
    assert len(new) == 1 and len(before) - 1 <= len([key for key in after if key in before])


def test_limits_and_weights_are_no_part_of_a_program():
    quiet, loud = (
        objective([rule_of("timbre_change", {"max": f"{limit} dB", "scale": "1 dB", "weight": limit})])
        for limit in (1, 2)
    )
    assert keys(groups_of(quiet)) == keys(groups_of(loud))
