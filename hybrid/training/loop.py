"""A training run: examples, batches, steps, validations, checkpoints, and the best weights at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
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
from hybrid.model.sizes import Sizes
from hybrid.proposal.weights import Network, save_network
from hybrid.training.checkpoint import Checkpoints, Course
from hybrid.training.corpus import examples_of, make_missing, songs_in
from hybrid.training.example import Kept, Shape
from hybrid.training.imitate import human_path, padded, stored_target
from hybrid.training.lesson import FAMILY_NAMES, ROLE_NAMES, Batch, Lessons, endless, in_batches
from hybrid.training.recipe import Recipe
from hybrid.training.record import Record, begin_run
from hybrid.training.refined import Refinement
from hybrid.training.step import Learner, Seen, Trainer, trainer_of
from hybrid.training.target import Target

WEIGHTS_FILE = "weights.safetensors"
LOG_EVERY = 10
"""Steps between lines on what a batch cost."""
_MAX_PAIRS = 16
Progress = Callable[[str, float], None]


class DivergedError(InputError):
    """The loss is no longer a number."""

    exit_code: ClassVar[int] = 3


class Trained(NamedTuple):
    """How a run ended."""

    steps: int
    best_step: int
    best: float
    """Validation loss of the weights that were kept."""
    weights: Path


class Material(NamedTuple):
    """All that a run is made of, before its first step."""

    recipe: Recipe
    rules: list[RuleSet]
    card: Card
    train: list[Kept]
    validation: list[Kept]
    songs: Path | None
    """A folder of real songs to validate on as well."""


def gather(recipe: Recipe, songs: Path | None, types: RuleTypes | None = None) -> Material:
    """Everything a recipe names, with rules of `types`. Raises InputError for what is not there, and for a data set
    that is too small."""
    if songs:
        song_folders(songs)
    card = read_card(recipe.data.dataset)
    train = examples_of(card, "train", recipe.data.songs)
    validation = examples_of(card, "validation", recipe.data.validation)
    return Material(recipe, [load_rules(files, types=types) for files in recipe.rules], card, train, validation, songs)


def train(material: Material, folder: Path, made_with: Mapping[str, str], resume: bool, progress: Progress) -> Trained:
    """Trains until the steps are done or validation no longer gains, and leaves the best weights in `folder`.

    Resumed, a run goes on from its last checkpoint just as if it had never been stopped. Raises DivergedError when the
    loss is NaN or infinite, with the last good checkpoint kept.
    """
    recipe = material.recipe
    begin_run(folder, recipe, made_with, resume)
    make_missing([*material.validation, *material.train], lambda share: progress("songs", share))
    songs: list[Kept] = []
    if material.songs:
        songs = songs_in(material.songs, folder / "songs", lambda share: progress("listen", share))
    return _Run(material, songs, folder, made_with, progress).go(progress)


class _Under(NamedTuple):
    """What training needs under one set of rules."""

    rules: RuleSet
    lessons: Lessons
    trainer: Trainer
    stream: grain.DatasetIterator[Batch]


class _Run:
    def __init__(
        self, material: Material, songs: list[Kept], folder: Path, made_with: Mapping[str, str], progress: Progress
    ) -> None:
        recipe = self._recipe = material.recipe
        self._material, self._songs, self._folder, self._made_with = material, songs, folder, made_with
        self._sizes = Sizes(len(ROLE_NAMES), len(FAMILY_NAMES), n_frames=recipe.n_frames, **recipe.network.model_dump())
        self._graph, weights = nnx.split(Field(self._sizes, nnx.Rngs(recipe.seed)), nnx.Param)
        shape = Shape(recipe.n_tracks, recipe.n_frames, _MAX_PAIRS)
        self._under: list[_Under] = []
        for rules in material.rules:
            refinement = Refinement(rules, recipe.refined_steps) if recipe.losses.refined else None
            lessons = Lessons(recipe, rules, shape, partial(_targets, recipe, refinement))
            if refinement:
                refinement.make_missing(material.train, lessons, lambda share: progress("refine", share))
            trainer = trainer_of(recipe.model_copy(update={"seed": 0}), self._graph, optional_parts(rules.rules))
            stream = endless(lessons, material.train, recipe.batch, recipe.seed + len(self._under))
            self._under.append(_Under(rules, lessons, trainer, stream))
        self._checkpoints = Checkpoints(folder)
        self._learner: Learner = self._under[0].trainer.begin(weights)
        self._course = Course(self._places(), math.inf, 0)
        self._step = self._checkpoints.last or 0
        if self._step:
            self._learner, self._course = self._checkpoints.load(self._learner)
            for under, place in zip(self._under, self._course.data, strict=True):
                under.stream.set_state(place)
        self._record = Record(folder, self._step)

    def go(self, progress: Progress) -> Trained:
        recipe = self._recipe
        while self._step < recipe.steps and not self._is_over():
            under = self._under[self._step % len(self._under)]
            self._learner, seen = under.trainer.step(self._learner, next(under.stream))
            self._step += 1
            if not math.isfinite(float(seen.loss)):
                what = f"the loss is {float(seen.loss)} at step {self._step}"
                last = self._checkpoints.last
                hint = f"the last good checkpoint is of step {last}" if last else "there is no checkpoint yet"
                raise DivergedError(Problem(str(self._folder), what, f"{hint}; lower `rate` in the recipe"))
            if self._step % LOG_EVERY < len(self._under):
                self._note("train", under, seen)
            if self._step % recipe.validate_every == 0 or self._step == recipe.steps:
                self._validate()
            progress("train", self._step / recipe.steps)
        return Trained(self._step, self._course.best_step, self._course.best, self._folder / WEIGHTS_FILE)

    def _places(self) -> list[dict]:
        return [under.stream.get_state() for under in self._under]

    def _is_over(self) -> bool:
        waited = self._step - self._course.best_step
        return self._course.best_step > 0 and waited >= self._recipe.patience * self._recipe.validate_every

    def _validate(self) -> None:
        material = self._material
        told = self._look("validation", material.validation)
        loss = (told + self._look("validation, roles hidden", material.validation, roles=False)) / 2.0
        if self._songs:
            self._look("songs", self._songs)
        best, best_step = self._course.best, self._course.best_step
        if loss < best:
            best, best_step = loss, self._step
            self._keep(loss)
        self._course = Course(self._places(), best, best_step)
        self._checkpoints.save(self._step, self._learner, self._course)

    def _look(self, split: str, kept: Sequence[Kept], *, roles: bool = True) -> float:
        """Looks at songs as they are under all sets of rules; the mean loss."""
        losses = []
        for under in self._under:
            batches = in_batches(under.lessons, kept, self._recipe.batch, roles=roles)
            seen = [under.trainer.look(self._learner.mean, batch) for batch in batches]
            mean = jax.tree.map(lambda *each: np.mean(np.concatenate(each)[: len(kept)], axis=0), *seen)
            self._note(split, under, mean)
            losses.append(float(mean.loss))
        return float(np.mean(losses))

    def _note(self, split: str, under: _Under, seen: Seen) -> None:
        numbers = {name: float(value) for name, value in seen._asdict().items() if name != "rule"}
        by_rule = dict(zip((rule.id for rule in under.rules.rules), np.asarray(seen.rule).tolist(), strict=True))
        place = self._under.index(under)
        title = split if place == 0 else f"{split}, {' '.join(self._recipe.rules[place])}"
        self._record.add(self._step, title, numbers, by_rule)

    def _keep(self, loss: float) -> None:
        """Writes the weights as they are."""
        about = {**self._made_with, "step": str(self._step), "validation": f"{loss:.4f}"}
        field = nnx.merge(self._graph, self._learner.mean)
        save_network(Network(field, ROLE_NAMES, FAMILY_NAMES, about, ""), self._sizes, self._folder / WEIGHTS_FILE)


def _targets(recipe: Recipe, refinement: Refinement | None, kept: Kept) -> tuple[Target, Target]:
    """Mixes to imitate: the refined one and the human one, where they are wanted and known."""
    refined = stored_target(refinement.path(kept)) if refinement else None
    human = stored_target(human_path(kept)) if recipe.losses.human else None
    return padded(refined, recipe.n_tracks), padded(human, recipe.n_tracks)
