"""The rules of a song as pure functions of its treatment, in loops of one's own."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid import api
from hybrid.analysis.song import AnalysedSong
from hybrid.knowledge.ruleset import RuleSet
from hybrid.mixing.song_objective import Costs, SongObjective
from hybrid.treatment.types import Treatment, treatment_parts
from tests.mixing.made import RATE, ROLES, sounds

pytestmark = pytest.mark.long

TEXT = """\
schema: mixrules/1
id: three
title: Three
rules:
  - {id: lead, type: lead_to_rest_ratio, for: {tag: lead}, against: {not: {tag: lead}}, target: 3 LU}
  - {id: loud, type: integrated_loudness, target: -23 LUFS}
  - {id: off, type: true_peak, max: -40 dBTP, enabled: false}
"""


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return api.load_rules(TEXT)


@pytest.fixture(scope="module")
def analysed(rules: RuleSet) -> AnalysedSong:
    return api.analyse(api.load_song(sounds(), RATE, roles=ROLES), rules, None)


@pytest.fixture(scope="module")
def objective(analysed: AnalysedSong, rules: RuleSet) -> SongObjective:
    return api.objective(analysed, rules)


def raised(treatment: Treatment, by_db: float, track: int = 4) -> Treatment:
    """The voice louder."""
    level = treatment.gain.level_db.at[track].add(by_db)
    return replace(treatment, gain=treatment.gain._replace(level_db=level))


def test_costs_by_rule_add_up_to_the_total_and_are_the_penalties_of_the_verdict(objective: SongObjective):
    treatment = raised(objective.neutral(), -6.0)
    costs = objective.cost(treatment)
    assert set(costs.by_rule) == {"lead", "loud", "off"}
    assert sum(map(float, costs.by_rule.values())) == pytest.approx(float(costs.total))
    assert costs.by_rule["off"] == 0.0 < costs.by_rule["lead"]
    penalties = {finding.id: finding.penalty for finding in objective.verdict(treatment).rules}
    assert {name: float(cost) for name, cost in costs.by_rule.items() if name != "off"} == pytest.approx(penalties)


def test_nothing_is_done_by_the_neutral_treatment_and_a_louder_lead_costs_less(objective: SongObjective):
    neutral = objective.neutral()
    assert {float(jnp.abs(part).max()) for part in treatment_parts(neutral).values()} == {0.0}
    assert objective.cost(raised(neutral, 3.0)).by_rule["lead"] < objective.cost(neutral).by_rule["lead"]


def test_the_cost_is_differentiated_compiled_and_mapped_by_the_user(objective: SongObjective):
    neutral = objective.neutral()
    slope = jax.jit(jax.grad(lambda treatment: objective.cost(treatment).total))(neutral)
    # the lead should rise and all others fall
    assert np.sign(slope.gain.level_db).tolist() == [1.0, 1.0, 1.0, 1.0, -1.0, 0.0]
    # the rule on the lead acts on gain alone
    assert {name for name, part in treatment_parts(slope).items() if jnp.any(part != 0.0)} == {
        "gain.level",
        "gain.ride",
    }
    many = jax.tree.map(lambda *parts: jnp.stack(parts), *(raised(neutral, by) for by in (-3.0, 0.0, 3.0)))
    mapped = jax.vmap(objective.cost)(many)
    alone = [objective.cost(raised(neutral, by)).total for by in (-3.0, 0.0, 3.0)]
    np.testing.assert_allclose(mapped.total, alone, rtol=1e-5)
    assert repr(mapped).startswith("Costs(Array(")


def test_descent_of_ones_own_satisfies_the_rules(objective: SongObjective):
    level = jnp.zeros(6)
    treatment = objective.neutral()

    @jax.jit
    def step(level: jax.Array) -> jax.Array:
        def cost(level: jax.Array) -> jax.Array:
            return objective.cost(replace(treatment, gain=treatment.gain._replace(level_db=level))).total

        return level - 0.5 * jax.grad(cost)(level)

    for _ in range(100):
        level = step(level)
    after = replace(treatment, gain=treatment.gain._replace(level_db=level))
    assert objective.cost(after).total < 1e-2
    assert all(finding.kept for finding in objective.verdict(after).rules)


def test_songs_of_one_shape_share_a_program_and_keep_their_names(objective: SongObjective, rules: RuleSet):
    louder = {name: (0.5 if name == "voice" else 1.0) * x for name, x in sounds().items()}
    other = api.objective(api.analyse(api.load_song(louder, RATE, roles=ROLES), rules, None), rules)
    renamed = api.objective(objective.analysed, load_rules_named("lead", "voice"))
    traced = []

    @jax.jit
    def total(cost: jax.tree_util.Partial, treatment: Treatment) -> Costs:
        traced.append(1)
        return cost(treatment)

    first, second = (total(each.cost, each.neutral()) for each in (objective, other))
    assert first.total != second.total
    assert len(traced) == 1
    third = total(renamed.cost, renamed.neutral())
    assert set(third.by_rule) == {"voice", "loud", "off"}
    assert third.total == first.total


def load_rules_named(old: str, new: str) -> RuleSet:
    return api.load_rules(TEXT.replace(f"id: {old}", f"id: {new}"))


def test_unconstrained_values_stand_for_treatments_within_bounds(objective: SongObjective):
    generator = np.random.default_rng(0)
    values = jax.tree.map(
        lambda x: jnp.asarray(generator.normal(0.0, 1.0, x.shape), x.dtype), objective.unconstrain(objective.neutral())
    )
    treatment = objective.constrain(values)
    there = objective.constrain(objective.unconstrain(treatment))
    for name, part in treatment_parts(there).items():
        # a low cut that is as good as off comes back at 10.7 Hz
        np.testing.assert_allclose(part, treatment_parts(treatment)[name], atol=0.2, err_msg=name)
    total, slope = jax.value_and_grad(lambda values: objective.cost_unconstrained(values).total)(values)
    assert float(total) == pytest.approx(float(objective.cost(treatment).total), rel=1e-3)
    assert any(bool(jnp.any(part != 0.0)) for part in jax.tree.leaves(slope))


def test_costs_are_told_in_a_line_and_as_a_table(objective: SongObjective):
    costs = objective.cost(raised(objective.neutral(), -6.0))
    assert repr(costs).startswith(f"Costs({float(costs.total):.4g} of 3 rules; largest: lead ")
    assert [row["rule"] for row in costs.rows()] == ["lead", "loud", "off"]
    nothing = Costs(jnp.zeros(()), {"a": jnp.zeros(())})
    assert repr(nothing) == "Costs(0 of 1 rules; largest: none)"
    assert (
        repr(objective)
        == "SongObjective(Song('song', 5 tracks, 4.0 s, 22050 Hz), RuleSet('three', 3 rules, 2 of them on))"
    )
