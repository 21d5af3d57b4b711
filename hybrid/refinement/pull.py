"""What the rules of one group cost, and how they pull at the measurements of a song: a pure function, to be compiled.

The cost is the weighted sum of the rules' penalties. Rules that are required, and rules that the raw sum keeps, are
inequality constraints besides, met by an augmented Lagrangian (Nocedal & Wright, Numerical Optimization, ch. 17).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, Var, jaxpr_as_fun
from jaxtyping import Array, Float

from hybrid.knowledge import objective as objectives
from hybrid.knowledge.objective import NO_LIMIT, Objective
from hybrid.knowledge.readings import Panel
from hybrid.measure.panel import Measured, Raw, with_raw
from hybrid.refinement.constraints import UNLIMITED, ConstraintWeights, beyond_limits
from hybrid.treatment.parts import PARTS
from hybrid.treatment.types import Dry, is_named

MARGIN = 0.05
"""Constraints are kept this many scales inside their limits, since rendering differs a little from prediction."""
RHO = (1.0, 20.0)
"""Stiffness of the constraints at the start and at the end; it grows geometrically."""
DUAL_RATE = 0.1
"""Share of the augmented Lagrangian's multiplier update that is made at every step."""
AT_THE_END = 1e9
"""Progress at which every schedule has run its course."""


class Weighed(NamedTuple):
    """What descent keeps for the rules of a group from step to step."""

    cap: Float[np.ndarray | Array, " rule"]
    multiplier: Float[np.ndarray | Array, " target"]
    cost: Float[np.ndarray | Array, " rule"]
    """Of the last step, before weights."""


class Question(NamedTuple):
    """What is asked of the rules of a group."""

    progress: Array | np.float32
    """The share of all steps that is done."""
    is_step: Array | np.float32
    """1 for the gradient that a step follows: of all penalties by schedule and cap, and of the constraints."""
    weight: Float[np.ndarray | Array, " rule"]
    """Else, the weight of each penalty in the gradient."""


Pulls = dict[str, dict[str, Array]]
"""The gradient of a group by what was measured: for every entry of `acts_on` of its rules, joined by commas, the leaves
of `Measured` by their number."""


def pull(
    objective: Objective,
    constraints: ConstraintWeights,
    dry: Dry,
    raw: Raw,
    song: Measured,
    weighed: Weighed,
    question: Question,
) -> tuple[Weighed, Float[Array, ""], Pulls]:
    """The rules after a step, the largest violation of the unlimited constraints in scales, and the gradient."""
    entries = sorted({objectives.gradient_parts(rule) for rule in objective.program.rules})
    moving = [entry for entry in entries if entry]
    n_rules, progress = len(objective.program.rules), question.progress
    constraint_weight = objectives.row_of(constraints)
    is_constraint = (constraint_weight > 0.0).astype(jnp.float32)
    # a rule presses with the mean over its constraints, so that a rule on twelve tracks does not press twelve times
    rule = np.repeat(np.arange(n_rules), [len(each) for each in constraints])
    constraint_share = is_constraint / jnp.maximum(objectives.by_rule(is_constraint, rule, n_rules), 1.0)[rule]
    share, widen = objectives.timed(objective.timing, jnp.asarray(progress))
    before = jnp.asarray(weighed.multiplier)
    leaves, tree = jax.tree.flatten(song)

    def costs(*every: Array) -> tuple[Array, Array, Array, Array]:
        # a panel for every entry, equal in value, so that the gradients of rules that act on different parts are apart
        panels: dict[tuple[str, ...], Panel] = {}
        for k, entry in enumerate(moving):
            own = jax.tree.unflatten(tree, every[k * len(leaves) :][: len(leaves)])
            panels[entry] = Panel(*with_raw(_within_reach(own, song, entry), dry, raw))
        panels[()] = Panel(*with_raw(song, dry, raw))
        rule_readings = objectives.read(objective, lambda rule: panels[objectives.gradient_parts(rule)])
        beyond = beyond_limits(objectives.targets_of(objective, rule_readings))
        each, multiplier = _augmented_lagrangian(beyond, constraint_weight, before, _stiffness(progress))
        worst = jnp.max(jnp.where(constraint_weight >= UNLIMITED, beyond, -NO_LIMIT), initial=-NO_LIMIT)
        penalties = objectives.penalties(objective, rule_readings, widen)
        return penalties, jnp.sum(constraint_share * each), multiplier, worst

    every = leaves * len(moving)
    closed = jax.make_jaxpr(costs)(*every)
    used = [k for k, is_used in enumerate(_used(closed.jaxpr, 2)) if is_used]

    def of_used(*given: Array) -> tuple[list[Array], list[Array]]:
        inputs = list(every)
        for k, value in zip(used, given, strict=True):
            inputs[k] = value
        out = jaxpr_as_fun(closed)(*inputs)
        return out[:2], out[2:]

    (cost, _), vjp, (multiplier, worst) = jax.vjp(of_used, *(every[k] for k in used), has_aux=True)
    is_step = question.is_step > 0.0
    # reverse mode gives the gradient of any weighted sum of costs: the cotangents are its weights
    cotangent = jnp.where(is_step, objective.weight * share * weighed.cap, question.weight)
    gradient = vjp([cotangent, jnp.asarray(is_step, jnp.float32)])
    pulls: Pulls = {",".join(entry): {} for entry in moving}
    for k, by_leaf in zip(used, gradient, strict=True):
        entry, leaf = divmod(k, len(leaves))
        pulls[",".join(moving[entry])][f"{leaf:02d}"] = by_leaf
    # multipliers follow the violations seen before the step: primal and dual variables move together
    after = Weighed(weighed.cap, jnp.where(is_step, multiplier, weighed.multiplier), cost)
    return after, worst, pulls


def joined(groups: Sequence[Pulls]) -> Pulls:
    """What all groups pull at. Whatever group a rule is in, what follows has the same structure."""
    whole: Pulls = {}
    for group in groups:
        for entry, by_leaf in group.items():
            own = whole.setdefault(entry, {})
            own.update({leaf: own[leaf] + each if leaf in own else each for leaf, each in by_leaf.items()})
    return whole


def _within_reach(own: Measured, song: Measured, entry: tuple[str, ...]) -> Measured:
    """The panel of an entry of `acts_on`, whose gains are those of the song where none of its parts changes them."""
    if any(is_named(part, entry) for part in PARTS if part.partition(".")[0] in ("gain", "eq", "dynamics")):
        return own
    gains = song.tracks
    return own._replace(tracks=own.tracks._replace(gain=gains.gain, pair_gain=gains.pair_gain, gain_k=gains.gain_k))


def _used(jaxpr: Jaxpr, n_out: int) -> list[bool]:
    """Whether the first outputs depend on each input: a gradient by any other is an array of zeros."""
    needed = {each for each in jaxpr.outvars[:n_out] if isinstance(each, Var)}
    for equation in reversed(jaxpr.eqns):
        if any(each in needed for each in equation.outvars):
            needed.update(each for each in equation.invars if isinstance(each, Var))
    return [each in needed for each in jaxpr.invars]


def _augmented_lagrangian(
    beyond: Float[Array, " target"],
    constraint_weight: Float[Array, " target"],
    multiplier: Float[Array, " target"],
    rho: Float[Array, ""],
) -> tuple[Float[Array, " target"], Float[Array, " target"]]:
    """Cost of each constraint c <= 0, whose c is `beyond` in scales and a margin, and its next multiplier.

    Nocedal & Wright, Numerical Optimization, ch. 17, with multipliers between 0 and the constraint's weight w: where
    the multiplier would exceed w the cost goes on with slope w, which is the exact (l1) penalty of that weight.
    """
    # the gradient of the cost by c is the multiplier estimate mu + rho c, cut to its bounds
    estimate = multiplier + rho * (beyond + MARGIN)
    bounded = jnp.clip(estimate, 0.0, constraint_weight)
    straight = constraint_weight * jnp.maximum(estimate - constraint_weight, 0.0)
    cost = ((jnp.square(bounded) - jnp.square(multiplier)) / 2.0 + straight) / rho
    # the method updates mu after an inner minimisation; here a share of the update follows every step of descent
    return cost, jnp.clip(multiplier + DUAL_RATE * rho * (beyond + MARGIN), 0.0, constraint_weight)


def _stiffness(progress: Array | np.float32) -> Float[Array, ""]:
    """Stiffness rho when `progress` of 0 to 1 is done; constant in rounds that are added at the end."""
    return RHO[0] * (RHO[1] / RHO[0]) ** jnp.minimum(progress, 1.0)
