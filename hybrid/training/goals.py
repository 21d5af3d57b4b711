"""Goals of training samples: what a reference under hidden settings reads, how much is asked of it, and the rules that
say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hybrid.audio.references import ASPECTS
from hybrid.audio.song import Track
from hybrid.goals.goal import CLOSE, HELD, TEMPLATE, aspects_of
from hybrid.goals.measured import template_of
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.objective import NO_LIMIT, Objective, Program
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.model.goal_features import AskedChange, goal_features
from hybrid.refinement.initial import nothing_found, usual_start
from hybrid.training.hidden_settings import HiddenSettings, by_track, draw_settings, under
from hybrid.training.recipe import Goals
from hybrid.treatment.makeup import apply_makeup
from hybrid.treatment.types import Dry, Treatment

_DRAWN = tuple(aspect for aspect in ASPECTS if aspect != "loudness")


class SampleGoal(NamedTuple):
    """Request of a reference to a sample, by the rules of the template, in their order."""

    value: tuple[Float[Array | np.ndarray, " _"], ...]
    """The reference's."""
    share: tuple[Float[Array | np.ndarray, " _"], ...]
    amount: Float[Array | np.ndarray, " goal"]
    """How much of it is asked; 0 where the mix keeps its own value."""
    is_asked: Float[Array | np.ndarray, " goal"]
    """1 where something is asked, be it to stay."""


def with_goals(rules: RuleSet) -> RuleSet:
    """The rules, and those of the template, off."""
    template = template_of(load_rules([TEMPLATE])).rules
    own = {rule.id for rule in template}
    return replace(rules, rules=(*(rule for rule in rules.rules if rule.id not in own), *template))


def goal_places(objective: Objective) -> tuple[int, ...]:
    """Indices of the rules of the template, by which a goal is about the mix."""
    return tuple(
        index
        for index, rule in enumerate(objective.program.rules)
        if rule.evidence == "reference" and set(aspects_of(rule)) & set(_DRAWN)
    )


def drawn_goal(
    objective: Objective,
    dry: Dry,
    nothing: Treatment,
    tracks: Sequence[Track],
    goals: Goals,
    rng: np.random.Generator,
) -> SampleGoal:
    """A goal by a reference of this recording under hidden settings, of all aspects or of some."""
    settings = draw_settings(rng)
    n_tracks = dry.power.shape[0]
    at = goal_places(objective)
    usual = usual_start(nothing, dry, tracks, nothing_found(n_tracks), int(rng.integers(2**31)))
    readings = jax.device_get(_reference(at, objective, dry, usual, settings, by_track(settings, tracks, n_tracks)))
    share = 1.0 if rng.random() < goals.whole else goals.aspect
    asked = {aspect for aspect in _DRAWN if rng.random() < share} or {str(rng.choice(_DRAWN))}
    # one half of all goals are wholly asked for
    drawn = rng.uniform(0.2, 1.0, len(_DRAWN)) if rng.random() < 0.5 else np.ones(len(_DRAWN))
    amounts = {aspect: float(amount) * (aspect in asked) for aspect, amount in zip(_DRAWN, drawn, strict=True)}
    rules = [objective.program.rules[k] for k in at]
    amount = [min(amounts[each] for each in aspects_of(rule)) for rule in rules]
    # of two aspects of which one is asked, as in `goals.goal.asked_of`, a quantity is free
    is_free = [not amount[k] and bool(asked & set(aspects_of(rule))) for k, rule in enumerate(rules)]
    return SampleGoal(
        tuple(np.asarray(reading.value, np.float32) for reading in readings),
        tuple(np.asarray(reading.share, np.float32) for reading in readings),
        np.array(amount, np.float32),
        1.0 - np.array(is_free, np.float32),
    )


@partial(jax.jit, static_argnums=0)
def _reference(
    at: tuple[int, ...],
    objective: Objective,
    dry: Dry,
    usual: Treatment,
    settings: HiddenSettings,
    level_db: Float[Array, " track"],
) -> tuple[Reading, ...]:
    mixed = apply_makeup(dry, under(settings, level_db, dry, usual))
    return objectives.readings(measuring(objective, at), dry, mixed)


def measuring(objective: Objective, at: tuple[int, ...]) -> Objective:
    """The objective that reads the rules of these indices alone, without their limits and weights."""
    program = Program.of(tuple(objective.program.rules[k] for k in at))
    return replace(objective, scopes=tuple(objective.scopes[k] for k in at), program=program)


def aimed(objective: Objective, own: tuple[Reading, ...], goal: SampleGoal) -> tuple[Objective, Float[Array, " goal"]]:
    """The objective with what the goal asks of a mix that reads `own`, and the features of that.

    As `goals.goal.asked_of` and `goal_rules` do outside of a program.
    """
    rules, at = objective.program.rules, goal_places(objective)
    low, high, weight = list(objective.ask.low), list(objective.ask.high), objective.weight
    changes = {}
    for k, (index, reading) in enumerate(zip(at, own, strict=True)):
        rule, amount, is_asked = rules[index], goal.amount[k], goal.is_asked[k]
        follows = (amount > 0.0).astype(weight.dtype)
        start = jnp.where(reading.share > 0.0, reading.value, goal.value[k])
        value = start + amount * (goal.value[k] - start)
        counts = jnp.where(follows > 0.0, goal.share[k], reading.share) > 0.0
        close = CLOSE * rule.scale * jnp.where(follows > 0.0, 1.0, 0.5)
        low[index] = jnp.where(counts, value - close, -NO_LIMIT)
        high[index] = jnp.where(counts, value + close, NO_LIMIT)
        weight = weight.at[index].set(is_asked * rule.weight * jnp.where(follows > 0.0, 1.0, HELD))
        conflicts = _indices(objective, rule.conflicts)
        weight = weight.at[conflicts].multiply(1.0 - follows)
        changes[rule.id] = AskedChange((value - start) / rule.scale, is_asked * counts.astype(weight.dtype))
    ask = objective.ask._replace(low=tuple(low), high=tuple(high))
    return replace(objective, ask=ask, weight=weight), goal_features(changes)


def _indices(objective: Objective, names: Sequence[str]) -> Int[np.ndarray, " rule"]:
    return np.array([k for k, rule in enumerate(objective.program.rules) if rule.id in names], np.int32)
