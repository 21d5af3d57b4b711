"""The compiled rules: a differentiable cost of a treatment, rule by rule.

What a rule measures is the program; what is asked, of whom, and how much it weighs are data. Switching a rule off,
moving its target or mixing another song of the same padded size changes data alone, and compiles nothing anew.
A rule that is off is still measured.

One penalty serves all: excess beyond the allowed interval in units of the scale, through a pseudo-Huber, so that
a weight is an exchange rate between units (docs/concepts/how-rules-combine.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hybrid.knowledge.readings import READINGS, Panel, Reading
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import RuleType
from hybrid.measure.decibel import mean_over
from hybrid.measure.panel import Measured, Raw, predict, raw_of
from hybrid.treatment.bounds import bounded
from hybrid.treatment.makeup import made_up
from hybrid.treatment.types import Dry, Treatment, hold, is_named, treatment_parts

NO_LIMIT = 1e9
"""Stands for an interval's missing end."""


@dataclass(frozen=True)
class Program:
    """Which measurements are made, in order. Equal programs share compiled code, whatever the rules ask."""

    rules: tuple[RuleType, ...] = field(compare=False, repr=False)
    key: str

    @staticmethod
    def of(rules: tuple[RuleType, ...]) -> Program:
        """The program that measures `rules`."""
        return Program(rules, json.dumps([_structure(rule) for rule in rules], sort_keys=True))


def _structure(rule: RuleType) -> dict[str, object]:
    """What of a rule is program rather than data: type, parameters, what it may move, whether targets are ranked."""
    data = set(RuleType.model_fields) - {"type", "acts_on"} | rule.data
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
    """When rules set in, in shares of all steps, and what they grow from: what `schedule` says."""

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
    return replace(treatment, master=master)


@partial(jax.jit, inline=True)
def output_level_db(
    output: Output, loudness_lufs: Float[Array, ""] | float, true_peak_dbtp: Float[Array, ""] | float
) -> Float[Array, ""]:
    """Gain that brings a mix of this loudness and true peak to the output's aim under its ceiling, dB."""
    return jnp.minimum(output.aim_lufs - loudness_lufs, output.ceiling_dbtp - true_peak_dbtp)


def read(objective: Objective, song_for: Callable[[RuleType], Panel]) -> tuple[Reading, ...]:
    """Readings of all rules, in order; `song_for` gives the panel that a rule may look at."""
    rules = zip(objective.program.rules, objective.scopes, strict=True)
    return tuple(READINGS[rule.type](rule, song_for(rule), scope) for rule, scope in rules)


def readings(
    objective: Objective,
    dry: Dry,
    treatment: Treatment,
    raw: Raw | None = None,
    completed: Callable[[Treatment], Treatment] = lambda treatment: treatment,
) -> tuple[Reading, ...]:
    """Readings in the power domain. Each rule's gradient reaches only the parts that the rule acts on, if any.

    `completed` works out what follows from the treatment; gradients of the parts that are free pass through it.
    """
    panels = _panels(objective.program, treatment, lambda held: predict(dry, completed(held), raw))
    return read(objective, lambda rule: panels[_moved(rule)])


def _panels(
    program: Program, treatment: Treatment, panel: Callable[[Treatment], Measured]
) -> dict[tuple[str, ...], Panel]:
    """The same panel for every `acts_on` of a rule, through which gradients reach the parts that it names.

    There are more of those than parts, so that a pass is made for the parts that the same rules act on, and what rules
    ask of a part goes back through it in one sum. Forward passes are the same and compile to one.
    """
    groups = sorted({_moved(rule) for rule in program.rules})
    together: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for part in treatment_parts(treatment):
        together.setdefault(tuple(group for group in groups if is_named(part, group)), []).append(part)
    passes = {of: panel(hold(treatment, tuple(parts))) for of, parts in together.items() if of}
    return {
        group: Panel(*_joined([made for of, made in passes.items() if group in of] or [panel(hold(treatment, ()))]))
        for group in groups
    }


def _joined(panels: Sequence[Measured]) -> Measured:
    """Any of them, which are equal; its gradients reach them all."""
    leaves, trees = zip(*map(jax.tree.flatten, panels), strict=True)
    alike = [
        _any_of(*same) if jnp.isdtype(same[0].dtype, "real floating") else same[0] for same in zip(*leaves, strict=True)
    ]
    return jax.tree.unflatten(trees[0], alike)


@jax.custom_jvp
def _any_of(*same: Array) -> Array:
    return same[0]


@_any_of.defjvp
def _any_of_jvp(same: tuple[Array, ...], ways: tuple[Array, ...]) -> tuple[Array, Array]:
    return same[0], reduce(jnp.add, ways)


def sought(objective: Objective, dry: Dry, treatment: Treatment, raw: Raw | None = None) -> tuple[Reading, ...]:
    """Readings of a treatment that is being sought: its levels are those of the tracks after make-up, its output level
    is solved."""
    output = project(objective, dry, made_up(dry, treatment)).master
    return readings(objective, dry, replace(treatment, master=output), raw, partial(made_up, dry))


def downhill(objective: Objective, dry: Dry, moves: Treatment) -> tuple[Float[Array, ""], Treatment]:
    """What whitened moves before make-up cost, by `learnt_cost`, and the way in which that falls fastest: minus its
    slope. Each rule pulls only at the parts that it acts on."""
    raw = raw_of(dry)

    def cost(moves: Treatment) -> Float[Array, ""]:
        found = sought(objective, dry, bounded(moves), raw)
        return learnt_cost(objective.weight @ penalties(objective, found, jnp.zeros_like(objective.weight)))

    costs, slope = jax.value_and_grad(cost)(moves)
    return costs, jax.tree.map(jnp.negative, slope)


def learnt_cost(weighted: Float[Array, ""]) -> Float[Array, ""]:
    """What networks learn from: the logarithm of one and the weighted penalties of all rules. A few songs that no
    treatment could mend would else drown those in which little is left to mend."""
    return jnp.log1p(weighted)


def _moved(rule: RuleType) -> tuple[str, ...]:
    return rule.acts_on if rule.optimised else ()


def excess(
    value: Float[Array, "*shape"], low: Float[Array, "..."], high: Float[Array, "..."]
) -> Float[Array, "*shape"]:
    """Distance of a value from its allowed interval, in the rule's unit; zero, without slope, inside."""
    return jnp.maximum(low - value, 0.0) + jnp.maximum(value - high, 0.0)


def penalty(excess_in_scales: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Pseudo-Huber: quadratic just outside the interval, slope 1 far out; 0.41 at one scale, 3.12 at four."""
    return jnp.sqrt(1.0 + jnp.square(excess_in_scales)) - 1.0


def worst_average(
    values: Float[Array, " target"], share: Float[Array, " target"], worst_share: Float[Array, ""]
) -> Float[Array, ""]:
    """Mean over the worst part of the targets, `worst_share` of their number."""
    order = jnp.argsort(jnp.where(share > 0.0, -values * share, jnp.inf))
    taken = jnp.clip(worst_share * jnp.sum(share > 0.0) - jnp.arange(len(values)), 0.0, 1.0)
    return mean_over(values[order], share[order] * taken)


class Targets(NamedTuple):
    """The targets of all rules in one row, so that what is done to each of them is written, and compiled, once."""

    value: Float[Array, " target"]
    share: Float[Array, " target"]
    low: Float[Array, " target"]
    high: Float[Array, " target"]
    scale: Float[Array, " target"]
    rule: Int[np.ndarray, " target"]
    """Whose target it is; ascending."""


def targets_of(objective: Objective, read_of: tuple[Reading, ...]) -> Targets:
    """All targets, rule by rule."""
    rule = np.repeat(np.arange(len(read_of)), [len(reading.value) for reading in read_of])
    ask = objective.ask
    return Targets(
        value=row_of([reading.value for reading in read_of]),
        share=row_of([reading.share for reading in read_of]),
        low=row_of(ask.low),
        high=row_of(ask.high),
        scale=ask.scale[rule],
        rule=rule,
    )


def row_of(parts: Sequence[Float[np.ndarray | Array, " _"]]) -> Float[Array, " target"]:
    """What is given rule by rule, in one row."""
    return jnp.concatenate(parts) if parts else jnp.zeros(0)


def by_rule(values: Float[Array, " target"], rule: Int[np.ndarray, " target"], n_rules: int) -> Float[Array, " rule"]:
    """Sums over the targets of each rule."""
    return jax.ops.segment_sum(values, rule, n_rules, indices_are_sorted=True)


@partial(jax.jit, inline=True)
def penalties(objective: Objective, read_of: tuple[Reading, ...], widen: Float[Array, " rule"]) -> Array:
    """Cost of each rule before its weight, with every interval wider by `widen` at both ends."""
    rules, ask = objective.program.rules, objective.ask
    if not rules:
        return jnp.zeros(0)
    found = targets_of(objective, read_of)
    wider = widen[found.rule]
    each = penalty(excess(found.value, found.low - wider, found.high + wider) / found.scale)
    total, norm = (by_rule(x, found.rule, len(rules)) for x in (each * found.share, found.share))
    costs = total / jnp.where((ask.summed > 0.0) | (norm <= 0.0), 1.0, norm)
    for index, rule in enumerate(rules):
        if rule.aggregate.how == "worst":
            own = slice(*np.searchsorted(found.rule, [index, index + 1]).tolist())
            costs = costs.at[index].set(worst_average(each[own], found.share[own], ask.worst_share[index]))
    return costs


def timed(timing: Timing, progress: Float[Array, ""]) -> tuple[Float[Array, " rule"], Float[Array, " rule"]]:
    """Share of its weight that each rule has, and how much wider its interval is, when `progress` of 0 to 1 is done."""
    grown = jnp.clip((progress - timing.start) / jnp.maximum(timing.ramp, 1e-6), 0.0, 1.0)
    on = (progress >= timing.start) & (progress <= timing.stop)
    return on * (timing.weight_from + (1.0 - timing.weight_from) * grown), timing.widen * (1.0 - grown)
