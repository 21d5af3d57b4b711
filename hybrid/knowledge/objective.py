"""The compiled rules: a differentiable cost of a treatment, rule by rule.

The measurements of the rules are the program; limits, scopes and weights are data. Switching a rule off, moving its
target or mixing another song of the same padded size changes data alone, and compiles nothing anew. A rule that is off
is still measured.

One penalty serves all rules: the excess beyond the allowed interval in units of the scale, through a pseudo-Huber
function, so that a weight is an exchange rate between units (docs/concepts/how-rules-combine.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hybrid.knowledge.panels import panels_by_parts
from hybrid.knowledge.plugin_source import is_shipped, type_source_hash
from hybrid.knowledge.readings import Panel, Reading, measured
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import RuleType
from hybrid.measure.decibel import mean_over
from hybrid.measure.panel import Raw, predict, raw_of
from hybrid.treatment.bounds import constrain
from hybrid.treatment.makeup import apply_makeup
from hybrid.treatment.types import Dry, Treatment

NO_LIMIT = 1e9
"""Stands for an interval's missing end."""


@dataclass(frozen=True)
class Program:
    """The measurements of the rules, in order. Equal programs share compiled code, whatever limits the rules have."""

    rules: tuple[RuleType, ...] = field(compare=False, repr=False)
    key: str

    @staticmethod
    def of(rules: tuple[RuleType, ...]) -> Program:
        """The program that measures `rules`."""
        return Program(rules, json.dumps([_structure(rule) for rule in rules], sort_keys=True))


def _structure(rule: RuleType) -> dict[str, object]:
    """The part of a rule that is program rather than data: type, parameters, `acts_on`, whether targets are ranked; of
    a plug-in's type, its source."""
    data = set(RuleType.model_fields) - {"type", "acts_on"} | rule.data
    fields = {**rule.model_dump(mode="json", exclude=data), "worst": rule.aggregate.how == "worst"}
    return fields if is_shipped(type(rule)) else {**fields, "source": type_source_hash(type(rule))}


class Ask(NamedTuple):
    """The limits of the rules, as data. `low` and `high` have an entry per rule, each of one number per target."""

    low: tuple[Float[Array, " _"], ...]
    high: tuple[Float[Array, " _"], ...]
    scale: Float[Array, " rule"]
    worst_share: Float[Array, " rule"]
    """Share of the targets that is averaged, worst first: 1 for a mean over all."""
    summed: Float[Array, " rule"]
    """1 where targets are added up rather than averaged."""


class Timing(NamedTuple):
    """Schedules of the rules, in shares of all steps: when a rule sets in, and from where it grows."""

    start: Float[Array, " rule"]
    ramp: Float[Array, " rule"]
    stop: Float[Array, " rule"]
    widen: Float[Array, " rule"]
    """Added to the interval at both ends at the start, in the rule's unit."""
    weight_from: Float[Array, " rule"]
    """Share of the weight that a ramp begins with."""


class Output(NamedTuple):
    """The loudness that the output level is solved for, and the true peak that it must not exceed."""

    aim_lufs: Float[Array, ""]
    ceiling_dbtp: Float[Array, ""]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["scopes", "ask", "weight", "timing", "output"],
    meta_fields=["program"],
)
@dataclass(frozen=True)
class Objective:
    """The rules compiled for one song."""

    scopes: tuple[Scope, ...]
    ask: Ask
    weight: Float[Array, " rule"]
    timing: Timing
    output: Output
    program: Program


@partial(jax.jit, inline=True)
def project(output: Output, dry: Dry, treatment: Treatment) -> Treatment:
    """The treatment with its output level solved: at the loudness aimed for, or lower if the peaks need it."""
    song = predict(dry, treatment)
    loudness = song.loudness_lufs - treatment.master.level_db
    # powers hold no peak: the raw sum's distance from loudness to peak stands for that of the mix
    level = output_level_db(output, loudness, loudness + dry.peak_to_loudness_db)
    # solved, not searched for: no rule may pull at the level through the solution
    master = treatment.master._replace(level_db=jax.lax.stop_gradient(level))
    return replace(treatment, master=master)


@partial(jax.jit, inline=True)
def output_level_db(
    output: Output, loudness_lufs: Float[Array, ""] | float, true_peak_dbtp: Float[Array, ""] | float
) -> Float[Array, ""]:
    """Gain in dB that brings a mix of this loudness and true peak to the aim, or to the ceiling if that is lower."""
    return jnp.minimum(output.aim_lufs - loudness_lufs, output.ceiling_dbtp - true_peak_dbtp)


def read(objective: Objective, panel_for: Callable[[RuleType], Panel]) -> tuple[Reading, ...]:
    """Readings of all rules, in order, each of the panel that `panel_for` gives for the rule."""
    rules = zip(objective.program.rules, objective.scopes, strict=True)
    return tuple(measured(rule, panel_for(rule), scope) for rule, scope in rules)


def readings(
    objective: Objective,
    dry: Dry,
    treatment: Treatment,
    raw: Raw | None = None,
    completed: Callable[[Treatment], Treatment] = lambda treatment: treatment,
) -> tuple[Reading, ...]:
    """Readings in the power domain. Each rule's gradient reaches only the parts that the rule acts on, if any.

    `completed` derives the treatment that is measured, such as by make-up gain; gradients of free parts pass through.
    """
    panels = panels_by_parts(
        {gradient_parts(rule) for rule in objective.program.rules},
        treatment,
        lambda partly_held: predict(dry, completed(partly_held), raw),
    )
    return read(objective, lambda rule: panels[gradient_parts(rule)])


def evaluate_before_makeup(
    objective: Objective, dry: Dry, treatment: Treatment, raw: Raw | None = None
) -> tuple[Reading, ...]:
    """Readings of a treatment whose levels are those of the tracks after make-up gain; its output level is solved.

    Descent and networks work on such treatments: tone and dynamics then leave the loudness of a track as it is.
    """
    # the output level is that of the treatment after make-up, which is what will be rendered
    output = project(objective.output, dry, apply_makeup(dry, treatment)).master
    return readings(objective, dry, replace(treatment, master=output), raw, partial(apply_makeup, dry))


def negative_gradient(objective: Objective, dry: Dry, unconstrained: Treatment) -> tuple[Float[Array, ""], Treatment]:
    """`log_cost` of unconstrained (whitened) coordinates before make-up, and its negative gradient.

    Each rule's gradient reaches only the parts that it acts on.
    """
    raw = raw_of(dry)

    def cost(unconstrained: Treatment) -> Float[Array, ""]:
        rule_readings = evaluate_before_makeup(objective, dry, constrain(unconstrained), raw)
        # intervals as they are in the end: schedules belong to refinement
        return log_cost(objective.weight @ penalties(objective, rule_readings, jnp.zeros_like(objective.weight)))

    value, gradient = jax.value_and_grad(cost)(unconstrained)
    return value, jax.tree.map(jnp.negative, gradient)


def log_cost(weighted: Float[Array, ""]) -> Float[Array, ""]:
    """Training loss of networks: log(1 + the weighted penalties of all rules).

    Without the logarithm a few songs that no treatment satisfies would outweigh those in which little is left to do.
    """
    return jnp.log1p(weighted)


def gradient_parts(rule: RuleType) -> tuple[str, ...]:
    """The parts that a rule's gradient reaches: none if the rule is only measured."""
    return rule.acts_on if rule.optimised else ()


def excess(
    value: Float[Array, "*shape"], low: Float[Array, "..."], high: Float[Array, "..."]
) -> Float[Array, "*shape"]:
    """Distance of a value from its allowed interval, in the rule's unit; zero, with zero gradient, inside."""
    return jnp.maximum(low - value, 0.0) + jnp.maximum(value - high, 0.0)


def penalty(excess_in_scales: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Pseudo-Huber penalty: quadratic just outside the interval, slope 1 far out; 0.41 at one scale, 3.12 at four."""
    return jnp.sqrt(1.0 + jnp.square(excess_in_scales)) - 1.0


def worst_average(
    values: Float[Array, " target"], share: Float[Array, " target"], worst_share: Float[Array, ""]
) -> Float[Array, ""]:
    """Mean over the worst targets, `worst_share` of their number; a fraction of a target counts as that fraction."""
    # absent targets come last, and are not counted
    order = jnp.argsort(jnp.where(share > 0.0, -values * share, jnp.inf))
    taken = jnp.clip(worst_share * jnp.sum(share > 0.0) - jnp.arange(len(values)), 0.0, 1.0)
    return mean_over(values[order], share[order] * taken)


class Targets(NamedTuple):
    """The targets of all rules in one row: element-wise steps are then compiled once, not once per rule."""

    value: Float[Array, " target"]
    share: Float[Array, " target"]
    low: Float[Array, " target"]
    high: Float[Array, " target"]
    scale: Float[Array, " target"]
    rule: Int[np.ndarray, " target"]
    """Index of the rule that each target belongs to; ascending."""


def targets_of(objective: Objective, rule_readings: tuple[Reading, ...]) -> Targets:
    """All targets in one row, rule by rule."""
    # by NumPy: sizes are static, so that the sums over targets have constant indices
    rule = np.repeat(np.arange(len(rule_readings)), [len(reading.value) for reading in rule_readings])
    ask = objective.ask
    return Targets(
        value=row_of([reading.value for reading in rule_readings]),
        share=row_of([reading.share for reading in rule_readings]),
        low=row_of(ask.low),
        high=row_of(ask.high),
        scale=ask.scale[rule],
        rule=rule,
    )


def row_of(parts: Sequence[Float[np.ndarray | Array, " _"]]) -> Float[Array, " target"]:
    """Arrays of the targets of each rule, concatenated in one row."""
    return jnp.concatenate(parts) if parts else jnp.zeros(0)


def by_rule(values: Float[Array, " target"], rule: Int[np.ndarray, " target"], n_rules: int) -> Float[Array, " rule"]:
    """Sums over the targets of each rule."""
    return jax.ops.segment_sum(values, rule, n_rules, indices_are_sorted=True)


@partial(jax.jit, inline=True)
def penalties(objective: Objective, rule_readings: tuple[Reading, ...], widen: Float[Array, " rule"]) -> Array:
    """Penalty of each rule before its weight, with every interval wider by `widen` at both ends."""
    rules, ask = objective.program.rules, objective.ask
    if not rules:
        return jnp.zeros(0)
    targets = targets_of(objective, rule_readings)
    wider = widen[targets.rule]
    each = penalty(excess(targets.value, targets.low - wider, targets.high + wider) / targets.scale)
    total, norm = (by_rule(x, targets.rule, len(rules)) for x in (each * targets.share, targets.share))
    # means weighted by share; a rule without targets divides by one, so that its gradient is finite
    costs = total / jnp.where((ask.summed > 0.0) | (norm <= 0.0), 1.0, norm)
    for index, rule in enumerate(rules):
        # how a rule aggregates is part of the program: only such rules pay for a sort
        if rule.aggregate.how == "worst":
            # static bounds, since indices ascend: a mask would sort the targets of all rules
            own = slice(*np.searchsorted(targets.rule, [index, index + 1]).tolist())
            costs = costs.at[index].set(worst_average(each[own], targets.share[own], ask.worst_share[index]))
    return costs


def timed(timing: Timing, progress: Float[Array, ""]) -> tuple[Float[Array, " rule"], Float[Array, " rule"]]:
    """Share of its weight that each rule has, and the widening of its interval, when `progress` of 0 to 1 is done."""
    # a ramp of no length is complete as soon as the rule sets in
    grown = jnp.clip((progress - timing.start) / jnp.maximum(timing.ramp, 1e-6), 0.0, 1.0)
    on = (progress >= timing.start) & (progress <= timing.stop)
    return on * (timing.weight_from + (1.0 - timing.weight_from) * grown), timing.widen * (1.0 - grown)
