"""Where proposals start: at the levels that the rules of the song at hand expect, whatever was compiled before."""

from __future__ import annotations

import numpy as np

from hybrid.compiled import n_made
from hybrid.knowledge.types import RuleType
from hybrid.proposal.field import expected_start
from hybrid.testing.songs import objective_of, untouched
from tests.knowledge.made import dry_of, rule_of, song_of
from tests.knowledge.test_expected_level import BASS, GUITAR, ROLES, STRANGER

PARTS = [STRANGER, BASS, GUITAR]


def levels_db(*rules: RuleType) -> np.ndarray:
    song, dry = song_of(PARTS), dry_of(PARTS)
    return np.asarray(expected_start(objective_of(list(rules), song, dry), dry, untouched(dry)).gain.level_db)


def test_other_rules_compile_nothing_and_a_rule_that_is_off_expects_nothing():
    balance = rule_of("expected_level", {"target": "0 LU", **ROLES}, "balance")
    expected = levels_db(balance)
    assert np.ptp(expected[: len(PARTS)]) > 2.0
    before = n_made()
    np.testing.assert_array_equal(levels_db(rule_of("pan_position", {"target": "C"}), balance), expected)
    assert n_made() == before
    # a switch is data to everything else: it must not find the program of the rule that is on
    off = balance.model_copy(update={"enabled": False})
    assert not np.allclose(levels_db(off), expected, atol=0.1)
    np.testing.assert_allclose(levels_db(off), levels_db(), atol=1e-4)
