"""What references ask of a mix, and the rules that say so: no audio."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hybrid.audio.references import Reference
from hybrid.goals.goal import TEMPLATE, Asked, Goal, asked_of, goal_rules
from hybrid.goals.measured import Abstained, ReferenceMix, Values, template_of
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.types.given import GivenLevel, GivenPlace


@pytest.fixture(scope="module")
def template() -> RuleSet:
    return template_of(load_rules([TEMPLATE]))


def _values(rule: RuleType, value: float, error: float = 0.0) -> Values:
    n = rule.n_targets(1)
    return Values.measured(np.full(n, value), np.ones(n), np.full(n, error))


def _mix(template: RuleSet, name: str, value: float, error: float = 0.0, without: str = "") -> ReferenceMix:
    quantities = {rule.id: _values(rule, value, error) for rule in template.rules if rule.id != without}
    return ReferenceMix(Path(name), name, -14.0, quantities, (Abstained(without, "too short"),) if without else ())


def _asked(template: RuleSet, *followed: tuple[ReferenceMix, dict[str, float]], own: float = 0.0) -> dict[str, Asked]:
    goal = Goal(
        template, tuple(Reference(mix.path, amounts) for mix, amounts in followed), tuple(m for m, _ in followed)
    )
    readings = {}
    for rule in template.rules:
        values = _values(rule, own)
        readings[rule.id] = Reading(values.value, values.share)  # pyright: ignore
    return {each.rule.id: each for each in asked_of(goal, readings, readings)}


def test_the_amount_goes_from_the_own_value_to_the_references(template: RuleSet):
    for amount in (0.25, 0.5, 1.0):
        asked = _asked(template, (_mix(template, "a.wav", 4.0), {"dynamics": amount}), own=2.0)
        assert asked["goal.peaks"].aim.target == pytest.approx(2.0 + amount * 2.0)
        assert asked["goal.peaks"].aim.enabled


def test_several_references_are_weighted_by_their_amounts(template: RuleSet):
    two = [(_mix(template, "a.wav", 2.0), {"tone": 0.2}), (_mix(template, "b.wav", 6.0), {"tone": 0.6})]
    low = _asked(template, *two)["goal.low"]
    # the mean lies at (0.2 x 2 + 0.6 x 6) / 0.8 = 5, and 0.6 of the way there
    assert low.aim.target == pytest.approx(0.6 * 5.0)
    assert low.amount == pytest.approx(0.6)


def test_references_that_differ_leave_more_room(template: RuleSet):
    alike = [(_mix(template, name, 4.0, 0.1), {"tone": 1.0}) for name in ("a.wav", "b.wav")]
    apart = [(_mix(template, name, value, 0.1), {"tone": 1.0}) for name, value in (("a.wav", 2.0), ("b.wav", 6.0))]
    near, far = (_asked(template, *each)["goal.low"].aim.tolerance for each in (alike, apart))
    assert near == pytest.approx(0.15, abs=0.01) and far == pytest.approx(2.0, abs=0.05)


def test_what_is_not_asked_for_keeps_its_value(template: RuleSet):
    asked = _asked(template, (_mix(template, "a.wav", 4.0), {"width": 1.0}), own=0.3)
    peaks = asked["goal.peaks"]
    assert peaks.amount == 0.0 and peaks.references is None
    assert peaks.aim.target == pytest.approx(0.3) and peaks.aim.tolerance < 0.1
    assert peaks.aim.weight > peaks.rule.weight


def test_a_quantity_of_two_aspects_is_free_where_one_is_followed(template: RuleSet):
    one = _asked(template, (_mix(template, "a.wav", 4.0), {"tone": 1.0}))
    both = _asked(template, (_mix(template, "a.wav", 4.0), {"tone": 1.0, "width": 0.5}))
    assert "goal.tone.side" not in one
    assert both["goal.tone.side"].amount == 0.5


def test_loudness_is_neither_followed_nor_held_unless_it_is_named(template: RuleSet):
    mix = _mix(template, "a.wav", -9.0)
    assert "goal.loudness" not in _asked(template, (mix, {"tone": 1.0}))
    assert _asked(template, (mix, {"loudness": 1.0}), own=-16.0)["goal.loudness"].aim.target == pytest.approx(-9.0)


def test_rules_that_say_otherwise_step_back(template: RuleSet):
    base = load_rules(["base"])
    asked = _asked(template, (_mix(template, "a.wav", 4.0), {"tone": 1.0}))
    rules = {rule.id: rule for rule in goal_rules(base, template.rules, tuple(asked.values())).rules}
    assert not rules["spectrum.curve"].enabled and not rules["low.end"].enabled
    # width is kept, not asked: what base says of it still holds
    assert rules["width.whole"].enabled and rules["goal.width"].enabled and not rules["goal.loudness"].enabled


def test_what_references_leave_open_is_said_once(template: RuleSet):
    mix = _mix(template, "a.wav", 4.0, without="goal.range")
    goal = Goal(template, (Reference(mix.path, {"dynamics": 1.0}),), (mix,))
    assert goal.abstained() == ("a.wav: goal.range is not followed: too short",)
    assert Goal(template, (Reference(mix.path, {"tone": 1.0}),), (mix,)).abstained() == ()


def test_references_of_one_name_are_told_apart(template: RuleSet):
    mixes = (_mix(template, "one/mix.wav", 1.0), _mix(template, "two/mix.wav", 2.0))
    assert Goal(template, (), mixes).names == ("one/mix.wav", "two/mix.wav")


def test_what_was_read_is_asked_for_as_it_was_read(template: RuleSet):
    """A rule that follows values allows these values, and reads 0 excess there."""
    rng = np.random.default_rng(0)
    # levels and places of tracks are what such a rule holds itself, see below
    followed = [rule for rule in template.rules if not isinstance(rule, GivenLevel | GivenPlace)]
    assert len(followed) >= 8
    for rule in followed:
        n = rule.n_targets(1)
        value = rng.uniform(0.1, 0.4, n)
        aim = rule.following(value, np.ones(n), np.full(n, 0.05))
        assert aim.enabled
        if rule.type == "long_term_spectrum":
            curve = np.array([level for _, level in aim.reference_curve()])
            np.testing.assert_allclose(curve, value, atol=0.01)
        else:
            limits = list(aim.entries().values()) or [aim.bounds()]
            for (low, high), asked in zip(limits, value, strict=True):
                assert low is not None and high is not None and low <= asked + 0.01 and asked - 0.01 <= high
        again = type(rule).model_validate(aim.written())
        assert again.written() == aim.written()


def test_a_rough_mix_gives_the_numbers_of_the_tracks_that_were_found(template: RuleSet):
    rules = {rule.id: rule for rule in template.rules}
    value, share, tolerance = np.array([-3.0, -8.0, -20.0]), np.array([1.0, 1.0, 0.0]), np.array([1.0, 2.0, 3.0])
    levels = rules["goal.levels"].naming(["voice", "bass", "lost"]).following(value, share, tolerance)
    assert levels.written()["levels"] == {"voice": "-3 LU", "bass": "-8 LU"}
    assert levels.bounds() == (-1.0, 1.0)
    places = rules["goal.places"].naming(["voice", "bass", "lost"]).following(10.0 * value, share, 5.0 * tolerance)
    assert places.written()["places"] == {"voice": "L30", "bass": "L80"}
    assert places.bounds() == (-5.0, 5.0)
