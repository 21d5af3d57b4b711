"""The compiled programs of descent, bound to one task: its rules are asked group by group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import numpy as np
import optax
from jaxtyping import Array, Float

from hybrid.compiled import ExportedFunction, reuse_memory, storable
from hybrid.knowledge.groups import Group, groups_of
from hybrid.knowledge.objective import NO_LIMIT, Objective
from hybrid.measure.panel import raw_of
from hybrid.refinement.constraints import ConstraintWeights
from hybrid.refinement.descent import Position, Setting, first_position, measured, move
from hybrid.refinement.pins import Pins
from hybrid.refinement.pull import AT_THE_END, Pulls, Question, Weighed, joined, pull
from hybrid.treatment.types import Dry, Treatment

storable(Weighed, Position, optax.ScaleByAdamState)

_RAW = ExportedFunction("the raw tracks alone", raw_of)
_MEASURED = ExportedFunction("what is measured of coordinates", measured)
_PULL = ExportedFunction("the pull of a group of rules", pull)
_JOINED = ExportedFunction("what all groups pull at", joined)
_MOVE = ExportedFunction("a move", move)
_NO, _YES = np.float32(0.0), np.float32(1.0)


class Task(NamedTuple):
    """The data of one refinement: the rules, the song, and what limits the treatment."""

    objective: Objective
    dry: Dry
    pins: Pins
    constraints: ConstraintWeights
    in_turn: np.float32 = np.float32(1.0)
    """1 if groups begin to move one after the other, 0 if all move at once, as from a network's proposal."""


_Answer = tuple[Weighed, Float[Array, ""], Pulls]


class State(NamedTuple):
    """Everything that changes from step to step."""

    position: Position
    weighed: tuple[Weighed, ...]
    """Of each group of rules."""
    violation: tuple[Float[Array, ""], ...] = ()
    """The largest of the unlimited constraints of each group before the last step, in scales."""


class Descent:
    """A task with its arrays on the device and its programs at hand."""

    def __init__(self, task: Task) -> None:
        reuse_memory()
        self.groups = groups_of(task.objective)
        dry = jax.device_put(task.dry)
        raw = _RAW(dry)
        setting = Setting(task.objective.output, dry, raw, task.pins, task.in_turn)
        self._measured, self._move = _MEASURED.bound(setting), _MOVE.bound(setting)
        constraints = [_of_group(task.constraints, group) for group in self.groups]
        self._pulls = [
            _PULL.bound(group.objective, own, dry, raw) for group, own in zip(self.groups, constraints, strict=True)
        ]
        self._acts = [
            bool(np.any(np.asarray(group.objective.weight)) or any(np.any(each) for each in own))
            for group, own in zip(self.groups, constraints, strict=True)
        ]
        self._at_rest: dict[int, _Answer] = {}
        """The first answer of groups in which no rule acts."""
        self._weightless = jax.device_put([np.zeros(len(group.at), np.float32) for group in self.groups])
        self._first = tuple(jax.device_put(_unweighed(own)) for own in constraints)

    def treatment(self, unconstrained: Treatment) -> Treatment:
        """The treatment of coordinates before make-up, made up for and at its output level."""
        treatment = self._measured(unconstrained).treatment
        assert treatment is not None
        return treatment

    def start(self, unconstrained: Treatment) -> State:
        """The state before the first step."""
        return State(first_position(unconstrained), self._first)

    def step(self, state: State, progress: float, *, asks_all: bool = True) -> State:
        """The state after a step when `progress` of 0 to 1 is done. Unless all groups are asked, the costs of those in
        which no rule has a weight or must be held stay as they were."""
        weighed, violation, pulls = self._asked(state, progress, _YES, self._weightless, asks_all=asks_all)
        position, _ = self._move(state.position, np.float32(progress), _YES, _JOINED(pulls))
        return State(position, weighed, violation)

    def gradients(
        self, state: State, progress: float, rules: Sequence[int]
    ) -> tuple[list[Float[Array, " coordinate"]], float]:
        """The gradient of each rule by itself, and the largest violation of the unlimited constraints, in scales."""
        song, share = self._measured(state.position.unconstrained), np.float32(progress)
        # of weights of zero: no rule pulls
        _, violation, still = self._asked(state, progress, _NO, self._weightless)
        found = []
        for rule in rules:
            number = next(k for k, group in enumerate(self.groups) if rule in group.at)
            only = np.array([each == rule for each in self.groups[number].at], np.float32)
            *_, own = self._pulls[number](song, state.weighed[number], Question(share, _NO, only))
            pulls = [*still[:number], own, *still[number + 1 :]]
            found.append(self._move(state.position, share, _NO, _JOINED(pulls))[1])
        return found, max(map(float, violation), default=-NO_LIMIT)

    def whole(self, unconstrained: Treatment) -> tuple[Float[np.ndarray, " rule"], Float[Array, " coordinate"]]:
        """The cost of each rule as it is in the end, without constraints, and the gradient of their weighted sum."""
        state = self.start(unconstrained)
        weights = [np.asarray(group.objective.weight) for group in self.groups]
        weighed, _, pulls = self._asked(state, AT_THE_END, _NO, weights)
        _, gradient = self._move(state.position, np.float32(AT_THE_END), _NO, _JOINED(pulls))
        return self.by_rule([each.cost for each in weighed]), gradient

    def by_rule(self, of_groups: Sequence[Float[np.ndarray | Array, " _"]]) -> Float[np.ndarray, " rule"]:
        """Values of all rules, in order, of those of each group."""
        values = np.zeros(sum(len(group.at) for group in self.groups), np.float32)
        for group, own in zip(self.groups, of_groups, strict=True):
            values[list(group.at)] = own
        return values

    def capped(self, state: State, cap: Float[np.ndarray, " rule"]) -> State:
        """The state with these caps of all rules."""
        weighed = zip(self.groups, state.weighed, strict=True)
        return state._replace(
            weighed=tuple(own._replace(cap=jax.device_put(cap[list(group.at)])) for group, own in weighed)
        )

    def _asked(
        self, state: State, progress: float, is_step: np.float32, weights: Sequence, *, asks_all: bool = True
    ) -> tuple[tuple[Weighed, ...], tuple[Float[Array, ""], ...], list[Pulls]]:
        song, share = self._measured(state.position.unconstrained), np.float32(progress)
        answers: list[_Answer] = []
        for number, (ask, own, weight) in enumerate(zip(self._pulls, state.weighed, weights, strict=True)):
            if number in self._at_rest and not asks_all:
                # it pulls at nothing, wherever the coordinates are
                answers.append((own, *self._at_rest[number][1:]))
                continue
            answers.append(ask(song, own, Question(share, is_step, weight)))
            if not self._acts[number]:
                self._at_rest[number] = answers[-1]
        return (
            tuple(weighed for weighed, _, _ in answers),
            tuple(violation for _, violation, _ in answers),
            [pulls for _, _, pulls in answers],
        )


def _of_group(constraints: ConstraintWeights, group: Group) -> ConstraintWeights:
    return tuple(constraints[k] for k in group.at)


def _unweighed(constraints: ConstraintWeights) -> Weighed:
    """The rules of a group before the first step."""
    n_rules = len(constraints)
    return Weighed(
        np.ones(n_rules, np.float32), np.zeros(sum(map(len, constraints)), np.float32), np.zeros(n_rules, np.float32)
    )


def prepare(task: Task, unconstrained: Treatment, submit: Callable[..., None]) -> None:
    """Submits the compilation of every program of tasks and treatments of these shapes, the largest first."""
    raw, share = _RAW.outline(task.dry), np.float32(0.0)
    setting = Setting(task.objective.output, task.dry, raw, task.pins, task.in_turn)
    song = _MEASURED.outline(setting, unconstrained)
    asked = []
    for group in groups_of(task.objective):
        own = _of_group(task.constraints, group)
        question = Question(share, _NO, np.zeros(len(group.at), np.float32))
        asked.append((group.objective, own, task.dry, raw, song, _unweighed(own), question))

    def prepare_move() -> None:
        # its shapes are those of what the groups give
        pulls = [_PULL.outline(*each)[2] for each in asked]
        submit(_JOINED.prepare, pulls)
        position = jax.eval_shape(first_position, unconstrained)
        _MOVE.prepare(setting, position, share, _NO, jax.eval_shape(joined, pulls))

    for each in sorted(asked, key=lambda each: -len(each[1])):
        submit(_PULL.prepare, *each)
    submit(prepare_move)
    submit(_MEASURED.prepare, setting, unconstrained)
    submit(_RAW.prepare, task.dry)
