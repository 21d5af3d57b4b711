"""Rules as a loss: the cost of a treatment of one song, rule by rule, for optimisation loops of one's own."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np
from jax.core import Tracer
from jax.tree_util import Partial
from jaxtyping import Array, Float

from hybrid.analysis.song import AnalysedSong
from hybrid.audio.song import Song
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.evaluate import predicted
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.select import name_roles
from hybrid.knowledge.verdict import Verdict
from hybrid.measure.panel import raw_of
from hybrid.mixing.plan import MixConfig, shape_spec
from hybrid.refinement.pins import Pins, treatment_of
from hybrid.refinement.refine import Task
from hybrid.tabular import Row, Tabular
from hybrid.treatment.bounds import unconstrain
from hybrid.treatment.makeup import apply_makeup, undo_makeup
from hybrid.treatment.types import Dry, Treatment

_LARGEST = 3
"""Costs that `repr` names."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True, repr=False)
class Costs(Tabular):
    """Costs of a treatment, 0 where every rule is kept. A pytree of scalars, or of batches of them."""

    total: Float[Array, "*batch"]
    by_rule: dict[str, Float[Array, "*batch"]]
    """Weighted: they add up to the total. 0 for rules that are off."""

    def __repr__(self) -> str:
        if isinstance(self.total, Tracer) or np.ndim(self.total):
            return f"Costs({self.total!r} of {len(self.by_rule)} rules)"
        largest = [f"{row['rule']} {row['cost']:.3g}" for row in self.rows() if row["cost"]][:_LARGEST]
        return f"Costs({float(self.total):.4g} of {len(self.by_rule)} rules; largest: {', '.join(largest) or 'none'})"

    def rows(self) -> list[Row]:
        """A row for each rule, the largest cost first; means of a batch."""
        costs = {rule: float(np.mean(cost)) for rule, cost in self.by_rule.items()}
        return [{"rule": rule, "cost": costs[rule]} for rule in sorted(costs, key=lambda rule: -costs[rule])]


@dataclass(frozen=True, repr=False)
class SongObjective:
    """The rules of one song as pure functions of its treatment."""

    song: Song
    rules: RuleSet
    analysed: AnalysedSong
    objective: Objective
    """Of all frames, for `verdict`."""
    task: Task
    """Of the frames that refinement works on, 512 at most, for `cost`."""
    nothing: Treatment

    def __repr__(self) -> str:
        return f"SongObjective({self.song!r}, {self.rules!r})"

    @property
    def dry(self) -> Dry:
        """The tracks as measured, in the frames of `cost`, padded to a few sizes of songs."""
        return self.task.dry

    @property
    def cost(self) -> Partial:
        """`cost(treatment)`: its `Costs` in the power domain, at the output level that the rules ask for.

        A pure function, and a pytree: handed to a compiled function as an argument, songs of one padded shape share the
        program. The gradient of each rule reaches only the parts that the rule acts on.
        """
        return Partial(_cost, self._ids, self.task.objective, self.task.dry)

    @property
    def cost_unconstrained(self) -> Partial:
        """`cost_unconstrained(values)`: `Costs` of the treatment that `constrain` makes of unconstrained values.

        Changes of one unit are about equally large for every part. Levels are those after tone and dynamics, so that
        the gradient of a rule that may only change tone does not use tone as a fader.
        """
        return Partial(_cost_unconstrained, self._ids, self.task.objective, self.task.dry, self.task.pins)

    def constrain(self, unconstrained: Treatment) -> Treatment:
        """The treatment within its bounds that unconstrained values stand for; differentiable."""
        treatment = apply_makeup(self.dry, treatment_of(unconstrained, self.task.pins))
        return objectives.project(self.task.objective.output, self.dry, treatment)

    def unconstrain(self, treatment: Treatment) -> Treatment:
        """The values that `constrain` turns into the given treatment, or into one just within its bounds."""
        return unconstrain(undo_makeup(self.dry, treatment))

    def neutral(self) -> Treatment:
        """The treatment that does nothing."""
        return self.nothing

    def verdict(self, treatment: Treatment) -> Verdict:
        """The verdict on the mix under this treatment, predicted in the power domain."""
        return predicted(self.objective, self.song, self.analysed.analysis.dry, treatment)

    @property
    def _ids(self) -> _RuleIds:
        return _RuleIds(tuple(rule.id for rule in self.rules.rules))


def song_objective(analysed: AnalysedSong, rules: RuleSet) -> SongObjective:
    """The objective of a measured song. Raises InputError for a rule with `on_empty: error` that matches no track."""
    song = name_roles(analysed.song, rules.roles)
    spec = shape_spec(song, analysed.analysis.dry, rules, MixConfig(0))
    return SongObjective(song, rules, analysed, spec.objective, spec.task, spec.nothing)


@jax.tree_util.register_static
@dataclass(frozen=True)
class _RuleIds:
    """Names of costs. Static: rules that measure the same share a program, but not if they are called otherwise."""

    ids: tuple[str, ...]


@jax.jit
def _cost(ids: _RuleIds, objective: Objective, dry: Dry, treatment: Treatment) -> Costs:
    projected = objectives.project(objective.output, dry, treatment)
    return _costs(ids, objective, objectives.readings(objective, dry, projected))


@jax.jit
def _cost_unconstrained(ids: _RuleIds, objective: Objective, dry: Dry, pins: Pins, unconstrained: Treatment) -> Costs:
    treatment = treatment_of(unconstrained, pins)
    return _costs(ids, objective, objectives.evaluate_before_makeup(objective, dry, treatment, raw_of(dry)))


def _costs(ids: _RuleIds, objective: Objective, readings: tuple[Reading, ...]) -> Costs:
    costs = objective.weight * objectives.penalties(objective, readings, np.zeros(len(readings), np.float32))
    return Costs(costs.sum(), {name: costs[index] for index, name in enumerate(ids.ids)})
