"""Checkpoints that are damaged are refused, even where they can still be read."""

from __future__ import annotations

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from hybrid.errors import InputError
from hybrid.training.checkpoint import FOLDER, Checkpoints, RunState
from hybrid.training.step import TrainState

RUN = RunState([{"next": 3}], 1.5, 250)


def state(value: float) -> TrainState:
    weights = nnx.State({"a": jnp.full((4, 3), value)})
    return TrainState(weights, weights, optax.EmptyState(), jnp.asarray(value))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    Checkpoints(tmp_path).save(250, state(2.0), RUN)
    return tmp_path


def test_what_is_loaded_is_what_was_saved(saved: Path) -> None:
    loaded, run = Checkpoints(saved).load(state(0.0))
    assert run == RUN
    np.testing.assert_array_equal(loaded.weights["a"], np.full((4, 3), 2.0))


@pytest.mark.parametrize(("key", "value"), [("best", 0.5), ("best_step", 1), ("data", [{"next": 4}])])
def test_another_number_in_the_course_is_noticed(saved: Path, key: str, value: object) -> None:
    (path,) = [path for path in (saved / FOLDER).rglob("metadata") if path.parent.name == "course"]
    course = json.loads(path.read_text())
    course[key] = value
    path.write_text(json.dumps(course))
    with pytest.raises(InputError, match="not what was written"):
        Checkpoints(saved).load(state(0.0))


@pytest.mark.parametrize("content", ["[]", "null", "{", "[" * 10_000])
def test_a_course_that_is_none_is_refused(saved: Path, content: str) -> None:
    (path,) = [path for path in (saved / FOLDER).rglob("metadata") if path.parent.name == "course"]
    path.write_text(content)
    with pytest.raises(InputError, match="a checkpoint cannot be read"):
        Checkpoints(saved).load(state(0.0))
