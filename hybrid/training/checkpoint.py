"""Checkpoints of a training run: everything that the next step depends on, written whole or not at all."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import jax
import orbax.checkpoint as ocp

from hybrid.errors import InputError, Problem
from hybrid.training.step import Learner

FOLDER = "checkpoints"
_KEPT = 2


class Course(NamedTuple):
    """What a run knows beside its weights."""

    data: list[dict]
    """Where each stream of batches is."""
    best: float
    """The lowest validation loss, and at which step."""
    best_step: int


class Checkpoints:
    """The last checkpoints in a run's folder."""

    def __init__(self, folder: Path) -> None:
        logging.getLogger("absl").setLevel(logging.ERROR)
        self._folder = folder / FOLDER
        options = ocp.CheckpointManagerOptions(max_to_keep=_KEPT, enable_async_checkpointing=False)
        with self._told():
            self._manager = ocp.CheckpointManager(self._folder.resolve(), options=options)

    @property
    def last(self) -> int | None:
        """The step of the newest whole checkpoint."""
        return self._manager.latest_step()

    def save(self, step: int, learner: Learner, course: Course) -> None:
        """Writes a checkpoint. Raises InputError if it cannot be written; those before it are kept."""
        parts = ocp.args.Composite(
            learner=ocp.args.StandardSave(_plain(learner)), course=ocp.args.JsonSave(course._asdict())
        )
        with self._told():
            self._manager.save(step, args=parts)

    def load(self, like: Learner) -> tuple[Learner, Course]:
        """The newest checkpoint, in the shapes of `like`. Raises InputError if it does not fit, or is damaged."""
        parts = ocp.args.Composite(learner=ocp.args.StandardRestore(_plain(like)), course=ocp.args.JsonRestore())
        with self._told():
            found = self._manager.restore(self.last, args=parts)
        leaves = jax.tree.leaves(found["learner"])
        return jax.tree.unflatten(jax.tree.structure(like), leaves), Course(**found["course"])

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, KeyError) as error:
            what = f"a checkpoint cannot be read or written: {error}".splitlines()[0]
            raise InputError(Problem(str(self._folder), what, hint="the last good checkpoint is kept")) from error


def _plain(learner: Learner) -> dict[str, jax.Array]:
    """The leaves in their order, which is all that is stored."""
    return {f"{index:04d}": leaf for index, leaf in enumerate(jax.tree.leaves(learner))}
