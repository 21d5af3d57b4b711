"""A training run: examples, batches, steps, validations, checkpoints, and the best weights at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import jax
import numpy as np
from flax import nnx

from hybrid.corpus.card import Card, read_card
from hybrid.errors import InputError, Problem
from hybrid.knowledge.compile import wants_room
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.mixing.network import Network, save_network
from hybrid.model.field import Field, Sizes
from hybrid.training.checkpoint import Checkpoints, Course
from hybrid.training.corpus import Kept, examples_of, make_missing, songs_in
from hybrid.training.example import Shape
from hybrid.training.lesson import FAMILY_NAMES, ROLE_NAMES, Lessons, endless, in_batches
from hybrid.training.recipe import Recipe
from hybrid.training.record import Record, begin_run
from hybrid.training.step import Learner, Seen, Trainer, make_trainer
from hybrid.training.target import no_target

WEIGHTS_FILE = "weights.safetensors"
_LOG_EVERY = 10
_MAX_PAIRS = 16
Progress = Callable[[str, float], None]


class Diverged(InputError):
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
    rules: RuleSet
    card: Card
    train: list[Kept]
    validation: list[Kept]
    songs: Path | None
    """A folder of real songs to validate on as well."""


def gather(recipe: Recipe, songs: Path | None) -> Material:
    """Everything a recipe names. Raises InputError for what is not there, and for a data set that is too small."""
    card = read_card(recipe.data.dataset)
    train = examples_of(card, "train", recipe.data.songs)
    validation = examples_of(card, "validation", recipe.data.validation)
    return Material(recipe, load_rules(recipe.rules), card, train, validation, songs)


def train(material: Material, folder: Path, made_with: Mapping[str, str], resume: bool, progress: Progress) -> Trained:
    """Trains until the steps are done or validation no longer gains, and leaves the best weights in `folder`.

    Resumed, a run goes on from its last checkpoint just as if it had never been stopped. Raises Diverged when the
    loss is NaN or infinite, with the last good checkpoint kept.
    """
    recipe = material.recipe
    begin_run(folder, recipe, made_with, resume)
    make_missing([*material.validation, *material.train], lambda share: progress("songs", share))
    songs: list[Kept] = []
    if material.songs:
        songs = songs_in(material.songs, folder / "songs", lambda share: progress("listen", share))
    return _Run(material, songs, folder, made_with).go(progress)


class _Run:
    def __init__(self, material: Material, songs: list[Kept], folder: Path, made_with: Mapping[str, str]) -> None:
        recipe = self._recipe = material.recipe
        self._material, self._songs, self._folder, self._made_with = material, songs, folder, made_with
        self._sizes = Sizes(len(ROLE_NAMES), len(FAMILY_NAMES), **recipe.network.model_dump())
        self._graph, weights = nnx.split(Field(self._sizes, nnx.Rngs(recipe.seed)), nnx.Param)
        shape = Shape(recipe.n_tracks, recipe.n_frames, _MAX_PAIRS)
        nothing = no_target(recipe.n_tracks)
        self._lessons = Lessons(recipe, material.rules, shape, lambda kept: (nothing, nothing))
        self._trainer: Trainer = make_trainer(recipe, self._graph, wants_room(material.rules.rules))
        self._checkpoints = Checkpoints(folder)
        self._stream = endless(self._lessons, material.train, recipe.batch, recipe.seed)
        self._learner: Learner = self._trainer.begin(weights)
        self._course = Course(self._stream.get_state(), math.inf, 0)
        self._step = self._checkpoints.last or 0
        if self._step:
            self._learner, self._course = self._checkpoints.load(self._learner)
            self._stream.set_state(self._course.data)
        self._record = Record(folder, self._step)

    def go(self, progress: Progress) -> Trained:
        recipe = self._recipe
        while self._step < recipe.steps and not self._is_over():
            self._learner, seen = self._trainer.step(self._learner, next(self._stream))
            self._step += 1
            if not math.isfinite(float(seen.loss)):
                what = f"the loss is {float(seen.loss)} at step {self._step}"
                last = self._checkpoints.last
                hint = f"the last good checkpoint is of step {last}" if last else "there is no checkpoint yet"
                raise Diverged(Problem(str(self._folder), what, f"{hint}; lower `rate` in the recipe"))
            if self._step % _LOG_EVERY == 0:
                self._note("train", seen)
            if self._step % recipe.validate_every == 0 or self._step == recipe.steps:
                self._validate()
            progress("train", self._step / recipe.steps)
        return Trained(self._step, self._course.best_step, self._course.best, self._folder / WEIGHTS_FILE)

    def _is_over(self) -> bool:
        waited = self._step - self._course.best_step
        return self._course.best_step > 0 and waited >= self._recipe.patience * self._recipe.validate_every

    def _validate(self) -> None:
        material = self._material
        loss = self._look("validation", material.validation)
        self._look("validation, roles hidden", material.validation, roles=False)
        if self._songs:
            self._look("songs", self._songs)
        best, best_step = self._course.best, self._course.best_step
        if loss < best:
            best, best_step = loss, self._step
            self._keep(loss)
        self._course = Course(self._stream.get_state(), best, best_step)
        self._checkpoints.save(self._step, self._learner, self._course)

    def _look(self, split: str, kept: Sequence[Kept], *, roles: bool = True) -> float:
        batches = in_batches(self._lessons, kept, self._recipe.batch, roles=roles)
        seen = [jax.tree.map(np.asarray, self._trainer.look(self._learner.weights, batch)) for batch in batches]
        mean = jax.tree.map(lambda *each: np.mean(np.stack(each), axis=0), *seen)
        self._note(split, mean)
        return float(mean.loss)

    def _note(self, split: str, seen: Seen) -> None:
        numbers = {name: float(value) for name, value in seen._asdict().items() if name != "rule"}
        rules = [rule.id for rule in self._material.rules.rules]
        by_rule = dict(zip(rules, np.asarray(seen.rule).tolist(), strict=True))
        self._record.add(self._step, split, numbers, by_rule)

    def _keep(self, loss: float) -> None:
        """Writes the weights as they are."""
        about = {**self._made_with, "step": str(self._step), "validation": f"{loss:.4f}"}
        field = nnx.merge(self._graph, self._learner.weights)
        save_network(Network(field, ROLE_NAMES, FAMILY_NAMES, about, ""), self._sizes, self._folder / WEIGHTS_FILE)
