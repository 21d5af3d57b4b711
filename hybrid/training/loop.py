"""A training run: examples, batches, steps, validations, checkpoints, and the best weights."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple

import grain
import jax
import numpy as np
from flax import nnx

from hybrid.corpus.card import Card, read_card, song_folders
from hybrid.errors import InputError, Problem
from hybrid.knowledge.compile import optional_parts
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.rule_types import RuleTypes
from hybrid.knowledge.ruleset import RuleSet
from hybrid.model.field import Field
from hybrid.model.goal_features import N_GOAL
from hybrid.model.sizes import Sizes
from hybrid.proposal.weights import Network, load_network, save_network
from hybrid.training.checkpoint import Checkpoints, RunState
from hybrid.training.corpus import examples_of, make_missing, songs_in
from hybrid.training.distillation import DistillationTarget
from hybrid.training.example import CachedExample, Shape
from hybrid.training.goals import with_goals
from hybrid.training.recipe import Data, Recipe
from hybrid.training.record import MetricsLog, begin_run
from hybrid.training.refined_targets import RefinedTargets
from hybrid.training.sample import FAMILY_NAMES, ROLE_NAMES, Batch, SampleBuilder, evaluation_batches, training_batches
from hybrid.training.step import LossTerms, Trainer, TrainerSpec, TrainState, cached_trainer, rate_of
from hybrid.training.stored_targets import human_target_path, load_target, pad_target

WEIGHTS_FILE = "weights.safetensors"
LOG_EVERY = 10
"""Steps between logged training losses."""
_MAX_PAIRS = 16
Progress = Callable[[str, float], None]


class DivergedError(InputError):
    """Raised when the loss becomes NaN or infinite."""

    exit_code: ClassVar[int] = 3


class TrainingResult(NamedTuple):
    """The outcome of a training run."""

    steps: int
    best_step: int
    best: float
    """Validation loss of the saved weights."""
    weights: Path


class TrainingInputs(NamedTuple):
    """Everything that a recipe names, loaded: rules, card, and examples of both splits."""

    recipe: Recipe
    rules: list[RuleSet]
    cards: list[Card]
    train: list[CachedExample]
    """As often as each occurs in an epoch."""
    validation: list[list[CachedExample]]
    """Of each data set."""
    songs: Path | None
    """A folder of further songs to validate on."""

    @property
    def data_hash(self) -> str:
        """Hashes of all cards, joined."""
        return "+".join(card.hash for card in self.cards)


def gather_inputs(recipe: Recipe, songs: Path | None, types: RuleTypes | None = None) -> TrainingInputs:
    """The inputs of a run, loaded. Raises InputError for what is missing, and for a data set that is too small."""
    if songs:
        song_folders(songs)
    cards = [_card_of(data) for data in recipe.data]
    data = list(zip(recipe.data, cards, strict=True))
    train = [example for each, card in data for example in examples_of(card, "train", each.songs) * each.times]
    validation = [examples_of(card, "validation", each.validation) for each, card in data]
    rules = [load_rules(files, types=types) for files in recipe.rules]
    if recipe.goals:
        rules = [with_goals(each) for each in rules]
    return TrainingInputs(recipe, rules, cards, train, validation, songs)


def _card_of(data: Data) -> Card:
    path = Path(data.dataset)
    # a name without an ending is that of a shipped card
    if path.suffix and not path.is_file():
        hint = (
            f"paths are from the current folder; `hybrid corpus build CARD FOLDER -o {path.parent}` makes such a corpus"
        )
        raise InputError(Problem(str(path), "no such card", hint))
    return read_card(data.dataset)


def train(
    inputs: TrainingInputs, folder: Path, made_with: Mapping[str, str], resume: bool, progress: Progress
) -> TrainingResult:
    """The outcome of training until the steps are done or validation stops improving; the best weights are in `folder`.

    A resumed run continues from its last checkpoint and ends like an uninterrupted one. Raises DivergedError when the
    loss is NaN or infinite; the last good checkpoint stays.
    """
    recipe = inputs.recipe
    begin_run(folder, recipe, made_with, resume)
    every = dict.fromkeys([*itertools.chain(*inputs.validation), *inputs.train])
    make_missing(list(every), lambda share: progress("songs", share))
    songs: list[CachedExample] = []
    if inputs.songs:
        songs = songs_in(inputs.songs, folder / "songs", lambda share: progress("measure", share))
    return _Run(inputs, songs, folder, made_with, progress).run(progress)


class _RuleSetRun(NamedTuple):
    """The builder, trainer and batches for one set of rules."""

    rules: RuleSet
    builder: SampleBuilder
    trainer: Trainer
    batches: grain.DatasetIterator[Batch]


class _Run:
    def __init__(
        self,
        inputs: TrainingInputs,
        songs: list[CachedExample],
        folder: Path,
        made_with: Mapping[str, str],
        progress: Progress,
    ) -> None:
        recipe = self._recipe = inputs.recipe
        self._inputs, self._songs, self._folder, self._made_with = inputs, songs, folder, made_with
        self._sizes, field, self._begun_with = _field_of(recipe)
        self._graph, weights = nnx.split(field, nnx.Param)
        shape = Shape(recipe.n_tracks, recipe.n_frames, _MAX_PAIRS)
        self._rule_runs: list[_RuleSetRun] = []
        for rules in inputs.rules:
            refined_targets = RefinedTargets(rules, recipe.refined_steps) if recipe.losses.refined else None
            targets = partial(_targets, recipe, refined_targets)
            builder = SampleBuilder(recipe, rules, shape, targets, list(dict.fromkeys(inputs.train)))
            if refined_targets:
                refined_targets.make_missing(inputs.train, builder, lambda share: progress("refine", share))
            trainer = cached_trainer(TrainerSpec.of(recipe), self._graph, optional_parts(rules.rules))
            batches = training_batches(builder, inputs.train, recipe.batch, recipe.seed + len(self._rule_runs))
            self._rule_runs.append(_RuleSetRun(rules, builder, trainer, batches))
        self._rate = rate_of(recipe)
        self._checkpoints = Checkpoints(folder)
        self._train_state: TrainState = self._rule_runs[0].trainer.init(weights)
        self._run_state = RunState(self._batch_states(), math.inf, 0)
        self._step = self._checkpoints.last or 0
        if self._step:
            self._train_state, self._run_state = self._checkpoints.load(self._train_state)
            for rule_run, batch_state in zip(self._rule_runs, self._run_state.data, strict=True):
                rule_run.batches.set_state(batch_state)
        self._metrics = MetricsLog(folder, self._step)

    def run(self, progress: Progress) -> TrainingResult:
        recipe = self._recipe
        # before the first step, and silent for a minute
        progress("compile", 0.0)
        while self._step < recipe.steps and not self._is_over():
            rule_run = self._rule_runs[self._step % len(self._rule_runs)]
            rate = self._rate(self._step)
            self._train_state, terms = rule_run.trainer.step(self._train_state, next(rule_run.batches), rate)
            self._step += 1
            # before anything is saved: the last checkpoint stays good
            if not math.isfinite(float(terms.loss)):
                what = f"the loss is {float(terms.loss)} at step {self._step}"
                last = self._checkpoints.last
                hint = f"the last good checkpoint is of step {last}" if last else "there is no checkpoint yet"
                raise DivergedError(Problem(str(self._folder), what, f"{hint}; lower `rate` in the recipe"))
            if self._step % LOG_EVERY < len(self._rule_runs):
                self._log("train", rule_run, terms)
            if self._step % recipe.validate_every == 0 or self._step == recipe.steps:
                self._validate()
            progress("train", self._step / recipe.steps)
        return TrainingResult(self._step, self._run_state.best_step, self._run_state.best, self._folder / WEIGHTS_FILE)

    def _batch_states(self) -> list[dict]:
        return [rule_run.batches.get_state() for rule_run in self._rule_runs]

    def _is_over(self) -> bool:
        waited = self._step - self._run_state.best_step
        return self._run_state.best_step > 0 and waited >= self._recipe.patience * self._recipe.validate_every

    def _validate(self) -> None:
        inputs = self._inputs
        losses = []
        for data, examples in zip(self._recipe.data, inputs.validation, strict=True):
            of = "" if len(inputs.validation) == 1 else f" of {Path(data.dataset).parent.name or data.dataset}"
            # users may or may not state roles: both count equally
            losses.append(self._evaluate(f"validation{of}", examples))
            losses.append(self._evaluate(f"validation{of}, roles hidden", examples, roles=False))
        # data sets count equally, however few songs they have
        loss = float(np.mean(losses))
        if self._songs:
            self._evaluate("songs", self._songs)
        best, best_step = self._run_state.best, self._run_state.best_step
        if loss < best:
            best, best_step = loss, self._step
            self._save_weights(loss)
        self._run_state = RunState(self._batch_states(), best, best_step)
        self._checkpoints.save(self._step, self._train_state, self._run_state)

    def _evaluate(self, split: str, examples: Sequence[CachedExample], *, roles: bool = True) -> float:
        """The mean loss over all songs, without augmentation, and over all sets of rules."""
        losses = []
        for rule_run in self._rule_runs:
            batches = evaluation_batches(rule_run.builder, examples, self._recipe.batch, roles=roles)
            terms = [rule_run.trainer.evaluate(self._train_state.ema, batch) for batch in batches]
            # the last batch is filled up with copies: only the first `len(examples)` songs count
            mean = jax.tree.map(lambda *each: np.mean(np.concatenate(each)[: len(examples)], axis=0), *terms)
            self._log(split, rule_run, mean)
            losses.append(float(mean.loss))
        return float(np.mean(losses))

    def _log(self, split: str, rule_run: _RuleSetRun, terms: LossTerms) -> None:
        numbers = {name: float(value) for name, value in terms._asdict().items() if name != "rule"}
        by_rule = dict(zip((rule.id for rule in rule_run.rules.rules), np.asarray(terms.rule).tolist(), strict=True))
        index = self._rule_runs.index(rule_run)
        title = split if index == 0 else f"{split}, {' '.join(self._recipe.rules[index])}"
        self._metrics.add(self._step, title, numbers, by_rule)

    def _save_weights(self, loss: float) -> None:
        """Writes the averaged weights, with the validation loss in their provenance."""
        own = {**self._made_with, "step": str(self._step), "validation": f"{loss:.4f}"}
        # what was added, beside what made the weights that it was added to
        added = {f"follow.{key}": value for key, value in own.items()}
        provenance = {**self._begun_with, **added} if self._recipe.start else own
        field = nnx.merge(self._graph, self._train_state.ema)
        save_network(Network(field, ROLE_NAMES, FAMILY_NAMES, provenance, ""), self._sizes, self._folder / WEIGHTS_FILE)


def _field_of(recipe: Recipe) -> tuple[Sizes, Field, Mapping[str, str]]:
    """The network that a recipe begins with, and what made its weights.

    Raises InputError for weights that it cannot go on from.
    """
    lengths = {"n_frames": recipe.n_frames, **recipe.network.model_dump()}
    if recipe.start is None:
        sizes = Sizes(len(ROLE_NAMES), len(FAMILY_NAMES), **lengths)
        return sizes, Field(sizes, nnx.Rngs(recipe.seed)), {}
    begun = load_network(recipe.start)
    sizes = replace(begun.field.sizes, n_goal=N_GOAL)
    if (begun.roles, begun.families) != (ROLE_NAMES, FAMILY_NAMES):
        raise InputError(Problem(recipe.start, "knows other roles or families", "train it anew with this version"))
    if different := [name for name, size in lengths.items() if getattr(sizes, name) != size]:
        what = f"is a network of other sizes than the recipe: {', '.join(different)}"
        raise InputError(Problem(recipe.start, what, "state its sizes under `network` and `n_frames`"))
    field = Field(sizes, nnx.Rngs(recipe.seed))
    there = [
        (place, leaf) for place, leaf in nnx.to_flat_state(nnx.state(begun.field, nnx.Param)) if place[0] != "follow"
    ]
    # a step towards a goal begins as one without
    follow = [(("follow", *place[1:]), leaf) for place, leaf in there if place[0] == "refine"]
    nnx.update(field, nnx.from_flat_state([*there, *follow]))
    return sizes, field, begun.about


def _targets(
    recipe: Recipe, refined_targets: RefinedTargets | None, example: CachedExample
) -> tuple[DistillationTarget, DistillationTarget]:
    """Distillation targets: of the refined and of the human mix, where the recipe uses them and they exist."""
    refined = load_target(refined_targets.path(example)) if refined_targets else None
    human = load_target(human_target_path(example)) if recipe.losses.human else None
    return pad_target(refined, recipe.n_tracks), pad_target(human, recipe.n_tracks)
