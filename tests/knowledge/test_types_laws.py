"""Laws that hold for every rule type: a type that is added is tested here the day it has an entry in RULES."""

from __future__ import annotations

import pytest

from hybrid.knowledge.readings import READINGS
from hybrid.knowledge.types import TYPES, RuleType
from hybrid.testing import LAWS, Bench, Traits, broken_laws
from hybrid.testing.laws import Law
from tests.knowledge.made import RULES, all_rules

pytestmark = pytest.mark.long

TRAITS = {
    **dict.fromkeys(("integrated_loudness", "true_peak"), Traits(follows_level=True)),
    **dict.fromkeys(("pan_position", "left_right_balance", "band_balance", "given_place"), Traits(follows_side=True)),
    # sections stay, and blocks of 3 s hold more or less of so short a song
    **dict.fromkeys(("section_contrast", "level_consistency", "loudness_range"), Traits(follows_clock=True)),
    **dict.fromkeys(("essential_band_masking", "region_excess", "given_level"), Traits(one_sided=True)),
}
BENCH = Bench(all_rules(), TRAITS)
APPLYING = [
    pytest.param(rule, law, id=f"{rule.id}: {law.says}")
    for law in LAWS
    for rule in all_rules()
    if law.applies(rule, BENCH.traits(rule))
]


def test_every_rule_type_has_a_reading_and_is_under_these_laws():
    assert set(RULES) == set(TYPES) == set(READINGS)


@pytest.mark.parametrize(("rule", "law"), APPLYING)
def test_every_rule_type_keeps_every_law_that_applies_to_it(rule: RuleType, law: Law):
    assert broken_laws(BENCH, rule, (law,)) == []
