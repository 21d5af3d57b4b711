"""The compiled rules: a differentiable cost of a treatment, rule by rule.

What a rule measures is the program; what is asked, of whom, and how much it weighs are data. Switching a rule off,
moving its target or mixing another song of the same padded size changes data alone, and compiles nothing anew.
A rule that is off is still measured.

One penalty serves all: excess beyond the allowed interval in units of the scale, through a pseudo-Huber, so that
a weight is an exchange rate between units (catalogue 0 and 9).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.knowledge.readings import READINGS, Reading
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import RuleType
from hybrid.measure.panel import Measured, Raw, predict
from hybrid.treatment.types import Dry, Treatment, hold

NO_LIMIT = 1e9
"""Stands for an interval's missing end."""


@dataclass(frozen=True)
class Program:
    """Which measurements are made, in order. Equal programs share compiled code, whatever the rules ask."""

    rules: tuple[RuleType, ...] = field(compare=False)
    key: str

    @staticmethod
    def of(rules: tuple[RuleType, ...]) -> Program:
        """The program that measures `rules`."""
        return Program(rules, json.dumps([_structure(rule) for rule in rules], sort_keys=True))


def _structure(rule: RuleType) -> dict[str, object]:
    """What of a rule is program rather than data: type, parameters, what it may move, whether targets are ranked."""
    data = set(RuleType.model_fields) - {"type", "acts_on"} | {"targets", "cutoff"}
    return {**rule.model_dump(mode="json", exclude=data), "worst": rule.aggregate.how == "worst"}


class Ask(NamedTuple):
    """What the rules ask, as data. The first two have an entry per rule, each of one number per target."""

    low: tuple[Float[Array, " _"], ...]
    high: tuple[Float[Array, " _"], ...]
    scale: Float[Array, " rule"]
    worst_share: Float[Array, " rule"]
    """The share of the targets that counts, worst first: 1 for a mean."""
    summed: Float[Array, " rule"]
    """One where targets are added up rather than averaged."""


class Timing(NamedTuple):
    """When rules set in, in shares of all steps, and what they grow from (catalogue 8.3, `schedule`)."""

    start: Float[Array, " rule"]
    ramp: Float[Array, " rule"]
    stop: Float[Array, " rule"]
    widen: Float[Array, " rule"]
    """How much wider the interval is at the start, in the rule's unit."""
    weight_from: Float[Array, " rule"]
    """The share of the weight that a ramp begins with."""


class Output(NamedTuple):
    """What the output level is solved for."""

    aim_lufs: Float[Array, ""]
    ceiling_dbtp: Float[Array, ""]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["scopes", "ask", "weight", "timing", "output"],
    meta_fields=["program"],
)
@dataclass(frozen=True)
class Objective:
    """The rules of one song."""

    scopes: tuple[Scope, ...]
    ask: Ask
    weight: Float[Array, " rule"]
    timing: Timing
    output: Output
    program: Program


@partial(jax.jit, inline=True)
def project(objective: Objective, dry: Dry, treatment: Treatment) -> Treatment:
    """The treatment with its output level solved: at the loudness aimed for, or lower if the peaks need it."""
    song = predict(dry, treatment)
    loudness = song.loudness_lufs - treatment.master.level_db
    level = output_level_db(objective.output, loudness, loudness + dry.peak_to_loudness_db)
    master = treatment.master._replace(level_db=jax.lax.stop_gradient(level))
    return Treatment(treatment.gain, treatment.eq, treatment.dynamics, treatment.pan, master, treatment.knot_s)


@partial(jax.jit, inline=True)
def output_level_db(
    output: Output, loudness_lufs: Float[Array, ""] | float, true_peak_dbtp: Float[Array, ""] | float
) -> Float[Array, ""]:
    """Gain that brings a mix of this loudness and true peak to the output's aim under its ceiling, dB."""
    return jnp.minimum(output.aim_lufs - loudness_lufs, output.ceiling_dbtp - true_peak_dbtp)


def read(objective: Objective, song_for: Callable[[RuleType], Measured]) -> tuple[Reading, ...]:
    """Readings of all rules, in order; `song_for` gives the panel that a rule may look at."""
    rules = zip(objective.program.rules, objective.scopes, strict=True)
    return tuple(READINGS[rule.type](rule, song_for(rule), scope) for rule, scope in rules)


def readings(objective: Objective, dry: Dry, treatment: Treatment, raw: Raw | None = None) -> tuple[Reading, ...]:
    """Readings in the power domain. Each rule's gradient reaches only the parts that the rule acts on.

    One panel is made per distinct `acts_on`; their forward passes are the same and compile to one.
    """
    groups = {rule.acts_on for rule in objective.program.rules}
    panels = {group: predict(dry, hold(treatment, group), raw) for group in sorted(groups)}
    return read(objective, lambda rule: panels[rule.acts_on])


def excess(
    value: Float[Array, "*shape"], low: Float[Array, "..."], high: Float[Array, "..."]
) -> Float[Array, "*shape"]:
    """Distance of a value from its allowed interval, in the rule's unit; zero, without slope, inside."""
    return jnp.maximum(low - value, 0.0) + jnp.maximum(value - high, 0.0)


def penalty(excess_in_scales: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Pseudo-Huber: quadratic just outside the interval, slope 1 far out; 0.41 at one scale, 3.12 at four."""
    return jnp.sqrt(1.0 + jnp.square(excess_in_scales)) - 1.0


def average(
    values: Float[Array, " target"], share: Float[Array, " target"], summed: Float[Array, ""]
) -> Float[Array, ""]:
    """Mean over targets weighted by `share`, or the weighted sum where `summed` is one; 0 for no target."""
    norm = jnp.sum(share)
    return jnp.sum(values * share) / jnp.where(summed > 0.0, 1.0, jnp.where(norm > 0.0, norm, 1.0))


def worst_average(
    values: Float[Array, " target"], share: Float[Array, " target"], worst_share: Float[Array, ""]
) -> Float[Array, ""]:
    """Mean over the worst part of the targets, `worst_share` of their number."""
    order = jnp.argsort(jnp.where(share > 0.0, -values * share, jnp.inf))
    taken = jnp.clip(worst_share * jnp.sum(share > 0.0) - jnp.arange(len(values)), 0.0, 1.0)
    return average(values[order], share[order] * taken, jnp.zeros(()))


@partial(jax.jit, inline=True)
def penalties(objective: Objective, read_of: tuple[Reading, ...], widen: Float[Array, " rule"]) -> Array:
    """Cost of each rule before its weight, with every interval wider by `widen` at both ends."""
    ask = objective.ask
    costs = []
    for index, (rule, reading) in enumerate(zip(objective.program.rules, read_of, strict=True)):
        beyond = excess(reading.value, ask.low[index] - widen[index], ask.high[index] + widen[index])
        each = penalty(beyond / ask.scale[index])
        if rule.aggregate.how == "worst":
            costs.append(worst_average(each, reading.share, ask.worst_share[index]))
        else:
            costs.append(average(each, reading.share, ask.summed[index]))
    return jnp.stack(costs) if costs else jnp.zeros(0)


def timed(timing: Timing, progress: Float[Array, ""]) -> tuple[Float[Array, " rule"], Float[Array, " rule"]]:
    """Share of its weight that each rule has, and how much wider its interval is, when `progress` of 0 to 1 is done."""
    grown = jnp.clip((progress - timing.start) / jnp.maximum(timing.ramp, 1e-6), 0.0, 1.0)
    on = (progress >= timing.start) & (progress <= timing.stop)
    return on * (timing.weight_from + (1.0 - timing.weight_from) * grown), timing.widen * (1.0 - grown)
