from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from hybrid.knowledge import objective as objectives
from hybrid.knowledge.objective import Objective, Output
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.types import RuleType
from hybrid.measure.panel import predict
from hybrid.testing.songs import QUICK, objective_of, random_dry, random_song, untouched
from hybrid.treatment.bounds import constrain, unconstrain
from hybrid.treatment.types import Dry, Treatment, treatment_parts
from tests.knowledge.made import RULES, Part, Plain, at_level, at_position, dry_of, pink, readings, rule_of, song_of


@pytest.mark.parametrize(("excess", "cost"), [(0.0, 0.0), (0.5, 0.12), (1.0, 0.41), (2.0, 1.24), (4.0, 3.12)])
def test_the_penalty_is_quadratic_near_its_limit_and_straight_far_out(excess: float, cost: float):
    assert objectives.penalty(jnp.asarray(excess)) == pytest.approx(cost, abs=0.005)  # two decimals are published


def test_a_unit_of_excess_never_pulls_harder_than_one():
    slope = jax.vmap(jax.grad(objectives.penalty))(jnp.array([0.0, 0.1, 1.0, 100.0]))
    np.testing.assert_allclose(slope, [0.0, 0.0995, 0.7071, 1.0], atol=1e-3)


# Aggregation, on readings of our own


def _cost(written: Mapping[str, Plain], value: list[float], share: list[float] | None = None) -> float:
    """Cost of a limit of 0 at a scale of 1 for targets that read `value`."""
    rule = rule_of("timbre_change", {"max": "0 dB", "scale": "1 dB", **written})
    reading = Reading(jnp.asarray(value), jnp.asarray(share or [1.0] * len(value)))
    objective = _single(rule, len(value))
    return float(objectives.penalties(objective, (reading,), jnp.zeros(1))[0])


def _single(rule: RuleType, n_tracks: int = 4) -> Objective:
    return objective_of([rule], random_song(n_tracks), random_dry(0, n_tracks))


def _penalty(*excess: float) -> np.ndarray:
    return np.sqrt(1.0 + np.square(excess)) - 1.0


VALUES = [3.0, -5.0, 1.0, 2.0]
"""Excesses of 3, 0, 1 and 2."""


def test_targets_are_averaged_unless_told_otherwise():
    assert _cost({}, VALUES) == pytest.approx(_penalty(3, 0, 1, 2).mean(), rel=1e-5)


def test_a_sum_counts_every_target_in_full():
    assert _cost({"aggregate": "sum"}, VALUES) == pytest.approx(_penalty(3, 0, 1, 2).sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("share", "cost"),
    [
        ("25 %", _penalty(3)[0]),
        ("50 %", _penalty(3, 2).mean()),
        # one and a half of four: the second counts half
        ("37.5 %", np.average(_penalty(3, 2), weights=[1.0, 0.5])),
        ("100 %", _penalty(3, 0, 1, 2).mean()),
    ],
)
def test_the_worst_part_is_a_part_of_the_targets_there_are(share: str, cost: float):
    assert _cost({"aggregate": f"worst({share})"}, VALUES) == pytest.approx(cost, rel=1e-5)


@pytest.mark.parametrize("how", ["mean", "sum", "worst(25 %)", "worst(100 %)"])
def test_what_is_no_target_costs_nothing(how: str):
    assert _cost({"aggregate": how}, [9.0, 2.0, 9.0, 9.0], [0.0, 1.0, 0.0, 0.0]) == pytest.approx(_penalty(2)[0])
    assert _cost({"aggregate": how}, [9.0, 9.0, 9.0, 9.0], [0.0] * 4) == 0.0


def test_targets_count_by_their_share():
    cost = _cost({}, [1.0, 2.0], [3.0, 1.0])
    assert cost == pytest.approx(np.average(_penalty(1, 2), weights=[3.0, 1.0]), rel=1e-5)


def test_a_scale_is_one_unit_of_excess():
    assert _cost({"scale": "2 dB"}, [4.0]) == _cost({"scale": "1 dB"}, [2.0])


# Schedule


def _timed(schedule: Mapping[str, Plain], progress: float, **written: Plain) -> tuple[float, float]:
    """Share of the weight, and widening, of a rule when so much is done."""
    rule = rule_of("timbre_change", {"max": "4 dB", "schedule": schedule, **written})
    share, widen = objectives.timed(_single(rule).timing, jnp.asarray(progress))
    return float(share[0]), float(widen[0])


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_a_rule_without_a_schedule_counts_in_full_from_first_to_last(progress: float):
    rule = rule_of("timbre_change", {"max": "4 dB"})
    share, widen = objectives.timed(_single(rule).timing, jnp.asarray(progress))
    assert (float(share[0]), float(widen[0])) == (1.0, 0.0)


@pytest.mark.parametrize(("progress", "share"), [(0.1, 0.0), (0.2, 0.0), (0.3, 0.5), (0.4, 1.0), (1.0, 1.0)])
def test_a_ramp_raises_the_weight_from_its_start(progress: float, share: float):
    assert _timed({"start": "20 %", "ramp": "20 %"}, progress) == pytest.approx((share, 0.0), abs=1e-5)


@pytest.mark.parametrize(("progress", "share", "widen"), [(0.1, 0, 9), (0.2, 1, 9), (0.3, 1, 4.5), (0.4, 1, 0)])
def test_a_wide_start_narrows_along_the_ramp_at_full_weight(progress: float, share: float, widen: float):
    schedule = {"start": "20 %", "ramp": "20 %", "tolerance_from": "9 dB"}
    assert _timed(schedule, progress) == pytest.approx((share, widen), abs=1e-4)


def test_a_ramp_may_begin_at_a_weight_of_its_own():
    schedule = {"ramp": "50 %", "weight_from": "weak"}
    assert _timed(schedule, 0.0)[0] == pytest.approx(0.3)
    assert _timed(schedule, 0.0, weight="strong")[0] == pytest.approx(0.1)
    assert _timed(schedule, 0.5)[0] == pytest.approx(1.0)


def test_a_rule_stops_when_it_is_told_to():
    assert [_timed({"stop": "50 %"}, progress)[0] for progress in (0.5, 0.51)] == [1.0, 0.0]


def test_a_widened_interval_is_wider_at_both_ends():
    rule = rule_of("timbre_change", {"range": "2 to 4 dB", "scale": "1 dB"})
    reading = Reading(jnp.array([0.0, 6.0]), jnp.ones(2))
    objective = _single(rule, 2)
    costs = [float(objectives.penalties(objective, (reading,), jnp.array([wide]))[0]) for wide in (0.0, 1.0, 2.0)]
    np.testing.assert_allclose(costs, _penalty(2, 1, 0), atol=1e-6)


# What is data

TOGETHER = ("lead_to_rest_ratio", "role_budget", "low_energy_ratio", "left_right_balance")
Change = dict[str, Mapping[str, Plain]]
MOVED: dict[str, Change] = {
    "a rule is off": {"left_right_balance": {"enabled": False}},
    "all rules are off": {name: {"enabled": False} for name in TOGETHER},
    "a weight": {"lead_to_rest_ratio": {"weight": "strong"}},
    "a target": {"lead_to_rest_ratio": {"target": "3 LU", "tolerance": "1 LU"}},
    "an interval": {"left_right_balance": {"target": None, "tolerance": "0 dB", "range": "-3 to 3 dB"}},
    "a scale": {"left_right_balance": {"scale": "2 dB"}},
    "a budget": {"role_budget": {"targets": {r: {"target": "-5 LU"} for r in ("vocal.lead", "bass", "guitar")}}},
    "a corner": {"low_energy_ratio": {"cutoff": {"vocal": "100 Hz", "guitar": "90 Hz"}}},
    "the tracks": {"low_energy_ratio": {"for": {"role": "guitar"}}},
    "whom it is compared with": {"lead_to_rest_ratio": {"against": {"role": "bass"}}},
    "the time": {"left_right_balance": {"when": {"from": "1 s"}}},
    "a schedule": {"left_right_balance": {"schedule": {"start": "20 %", "ramp": "20 %", "tolerance_from": "3 dB"}}},
    "a sum": {"low_energy_ratio": {"aggregate": "sum"}},
    "what must hold": {"left_right_balance": {"kind": "require", "tier": 0}},
}


def _together(change: Change) -> list[RuleType]:
    return [rule_of(name, {**RULES[name][0], **change.get(name, {})}, name.replace("_", "-")) for name in TOGETHER]


@pytest.fixture(scope="module")
def counted() -> tuple[Callable[[Objective, Dry, Treatment], jax.Array], list[int]]:
    """Costs of an objective, and a list that grows whenever they are compiled."""
    traces: list[int] = []

    def costs(objective: Objective, dry: Dry, treatment: Treatment) -> jax.Array:
        traces.append(len(traces))
        share, widen = objectives.timed(objective.timing, jnp.asarray(0.3))
        found = objectives.readings(objective, dry, treatment)
        return objective.weight * share * objectives.penalties(objective, found, widen)

    return jax.jit(costs, compiler_options=QUICK), traces


@pytest.mark.parametrize("name", MOVED)
def test_what_rules_ask_is_data_and_compiles_nothing_anew(name: str, counted: tuple[Callable, list[int]]):
    costs, traces = counted
    song, dry = random_song(), random_dry(0)
    leaning = at_position(untouched(dry), *[60.0] * 4)
    before = costs(objective_of(_together({}), song, dry), dry, leaning)
    n_programs = len(traces)
    after = costs(objective_of(_together(MOVED[name]), song, dry), dry, leaning)
    assert len(traces) == n_programs
    if name != "what must hold":
        assert np.any(before != after)


def test_another_song_of_the_same_padded_size_compiles_nothing_anew(counted: tuple[Callable, list[int]]):
    costs, traces = counted
    dry = random_dry(0)
    costs(objective_of(_together({}), random_song(), dry), dry, untouched(dry))
    n_programs = len(traces)
    parts = [Part(pink(), role="guitar"), Part(pink(), role="bass")]
    other = dry_of(parts)
    costs(objective_of(_together({}), song_of(parts), other), other, untouched(other))
    assert len(traces) == n_programs


def test_what_is_measured_is_a_program():
    plain, lighter, narrower = (
        objective_of(_together({"left_right_balance": change}), random_song(), random_dry(0)).program
        for change in ({}, {"weight": "weak"}, {"acts_on": ["pan.width"]})
    )
    assert plain == lighter
    assert plain != narrower


def test_a_rule_that_is_off_is_measured_and_weighs_nothing():
    dry = random_dry(0)
    rules = _together({"lead_to_rest_ratio": {"enabled": False}})
    objective = objective_of(rules, random_song(), dry)
    np.testing.assert_array_equal(objective.weight, [0.0, 1.0, 1.0, 1.0])
    reading = readings(objective, dry, untouched(dry))[0]
    on = readings(objective_of(_together({}), random_song(), dry), dry, untouched(dry))[0]
    assert reading.value == on.value and reading.share == 1.0


@pytest.mark.long
def test_the_slope_of_all_rules_is_the_sum_of_the_slopes_of_each_alone():
    """Whatever parts they share: where rules act on the same parts, what they ask goes back through one pass."""
    acts_on = (["gain.level"], ["gain", "eq.tone"], ["eq", "pan"], ["pan.position", "gain.ride"])
    song, dry = random_song(), random_dry(0)
    at = at_position(untouched(dry), 60.0, 50.0, 10.0, 0.0)

    def slope(rules: list[RuleType]) -> np.ndarray:
        objective = objective_of(rules, song, dry)

        def total(treatment: Treatment) -> jax.Array:
            return sum(reading.value @ reading.share for reading in objectives.readings(objective, dry, treatment))

        return np.asarray(ravel_pytree(jax.jit(jax.grad(total), compiler_options=QUICK)(at))[0])

    rules = _together({name: {"acts_on": parts} for name, parts in zip(TOGETHER, acts_on, strict=True)})
    whole, alone = slope(rules), [slope([rule]) for rule in rules]
    assert all(np.linalg.norm(each) > 1e-3 for each in alone)
    np.testing.assert_allclose(whole, np.sum(alone, axis=0), atol=1e-5 * np.abs(whole).max())


# The way down


@pytest.mark.long
@pytest.mark.parametrize(
    ("rule", "part"), [("lead_to_rest_ratio", "gain.level"), ("left_right_balance", "pan.position")]
)
def test_the_way_down_is_against_the_slope_and_moves_only_what_rules_may_move(rule: str, part: str):
    song, dry = random_song(), random_dry(0)
    objective = objective_of(
        _together({name: {"enabled": name == rule, "acts_on": [part]} for name in TOGETHER}), song, dry
    )
    moves = unconstrain(at_position(untouched(dry), 60.0, 50.0, 10.0, 0.0))
    at, way = jax.jit(objectives.negative_gradient, compiler_options=QUICK)(objective, dry, moves)

    @partial(jax.jit, compiler_options=QUICK)
    def cost(moves: Treatment) -> jax.Array:
        found = objectives.evaluate_before_makeup(objective, dry, constrain(moves))
        return jnp.log1p(objective.weight @ objectives.penalties(objective, found, jnp.zeros(len(TOGETHER))))

    flat, back = ravel_pytree(moves)
    assert float(at) == pytest.approx(float(cost(moves)))
    along = ravel_pytree(way)[0]
    assert np.linalg.norm(along) > 1e-2
    by = 1e-2 * along / np.linalg.norm(along)
    slope = float(cost(back(flat + by)) - cost(back(flat - by))) / 2e-2
    assert slope == pytest.approx(-np.linalg.norm(along), rel=0.03)
    for name, pulled in treatment_parts(way).items():
        assert (np.abs(pulled).max() > 0.0) == (name == part), name


# The output level


@pytest.mark.parametrize(
    ("loudness_lufs", "peak_dbtp", "gain_db"),
    [(-20.0, -10.0, 4.0), (-20.0, -3.0, 2.0), (-10.0, -0.5, -6.0), (-30.0, 5.0, -6.0)],
)
def test_the_output_is_as_loud_as_asked_or_as_loud_as_its_peaks_allow(
    loudness_lufs: float, peak_dbtp: float, gain_db: float
):
    output = Output(jnp.asarray(-16.0), jnp.asarray(-1.0))
    gain = objectives.output_level_db(output, jnp.asarray(loudness_lufs), jnp.asarray(peak_dbtp))
    assert float(gain) == pytest.approx(gain_db)


@pytest.mark.parametrize(("peak_to_loudness_db", "loudness_lufs"), [(12.0, -16.0), (18.0, -19.0)])
def test_the_output_level_is_solved_whatever_the_levels_of_the_tracks(peak_to_loudness_db: float, loudness_lufs: float):
    rules = [rule_of(name, RULES[name][0], name.replace("_", "-")) for name in ("integrated_loudness", "true_peak")]
    dry = replace(random_dry(0), peak_to_loudness_db=jnp.asarray(peak_to_loudness_db))
    objective = objective_of(rules, random_song(), dry)
    for level_db in (-20.0, 10.0):
        treatment = objectives.project(objective.output, dry, at_level(untouched(dry), *[level_db] * 4))
        assert float(predict(dry, treatment).loudness_lufs) == pytest.approx(loudness_lufs, abs=1e-3)
