"""Checkpoints of a training run: all that the next step depends on, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import orbax.checkpoint as ocp

from hybrid.errors import InputError, Problem
from hybrid.training.step import TrainState

FOLDER = "checkpoints"
_MAX_CHECKPOINTS = 2
_DIGEST = "sha256"


class RunState(NamedTuple):
    """The state of a run besides its `TrainState`."""

    data: list[dict]
    """Iterator state of each stream of batches."""
    best: float
    """Lowest validation loss so far."""
    best_step: int
    """The step of that loss; 0 before the first validation."""


class Checkpoints:
    """The last checkpoints in a run's folder."""

    def __init__(self, folder: Path) -> None:
        # orbax logs its progress through absl
        logging.getLogger("absl").setLevel(logging.ERROR)
        self._folder = folder / FOLDER
        options = ocp.CheckpointManagerOptions(max_to_keep=_MAX_CHECKPOINTS, enable_async_checkpointing=False)
        with self._as_input_errors():
            self._manager = ocp.CheckpointManager(self._folder.resolve(), options=options)

    @property
    def last(self) -> int | None:
        """The step of the newest complete checkpoint; None without one."""
        return self._manager.latest_step()

    def save(self, step: int, state: TrainState, run: RunState) -> None:
        """Writes a checkpoint. Raises InputError if it cannot be written; earlier ones stay."""
        plain, course = _plain(state), run._asdict()
        course[_DIGEST] = _digest(plain, course)
        parts = ocp.args.Composite(learner=ocp.args.StandardSave(plain), course=ocp.args.JsonSave(course))
        with self._as_input_errors():
            self._manager.save(step, args=parts)

    def load(self, template: TrainState) -> tuple[TrainState, RunState]:
        """The newest checkpoint, in the shapes of `template`. Raises InputError if it does not fit, or is damaged."""
        parts = ocp.args.Composite(learner=ocp.args.StandardRestore(_plain(template)), course=ocp.args.JsonRestore())
        with self._as_input_errors():
            stored = self._manager.restore(self.last, args=parts)
        with self._as_input_errors():
            learner, course = stored["learner"], dict(stored["course"])
            # what is damaged may still be read: a flipped bit is another number
            if course.pop(_DIGEST, None) != _digest(learner, course):
                raise ValueError("its content is not what was written")
            run = RunState(**course)
        return jax.tree.unflatten(jax.tree.structure(template), jax.tree.leaves(learner)), run

    @contextmanager
    def _as_input_errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, UnicodeError) as error:
            what = f"a checkpoint cannot be read or written: {error}".splitlines()[0]
            raise InputError(Problem(str(self._folder), what, hint="the last good checkpoint is kept")) from error


def _digest(learner: Mapping[str, jax.Array], course: Mapping[str, object]) -> str:
    """SHA-256 of the arrays, in the order of their names, and of all else that a checkpoint holds."""
    digest = hashlib.sha256(json.dumps(course, sort_keys=True).encode())
    for name in sorted(learner):
        digest.update(np.asarray(learner[name]).tobytes())
    return digest.hexdigest()


def _plain(state: TrainState) -> dict[str, jax.Array]:
    """The leaves by their index, which is the stored form."""
    return {f"{index:04d}": leaf for index, leaf in enumerate(jax.tree.leaves(state))}
