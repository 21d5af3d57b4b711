"""Whole training runs on four short songs: their files, and interruption, divergence and resumption."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orbax.checkpoint as ocp
import pytest

from hybrid.errors import InputError
from hybrid.knowledge.resolve import load_rules
from hybrid.proposal.weights import load_network, weights_of
from hybrid.training import loop
from hybrid.training.corpus import CACHE, examples_of, make_missing
from hybrid.training.distillation import no_target
from hybrid.training.example import Shape
from hybrid.training.loop import DivergedError, Progress, TrainingResult, gather_inputs, train
from hybrid.training.recipe import Recipe, read_recipe
from hybrid.training.refined_targets import RefinedTargets
from hybrid.training.sample import SampleBuilder
from tests.training.dataset import RULES, write_dataset

pytestmark = pytest.mark.long

MADE_WITH = {"rules": "some"}


class KilledError(Exception):
    """Simulates the death of the process."""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recipe]:
    """A recipe whose examples are measured."""
    recipe = read_recipe(str(write_dataset(tmp_path_factory.mktemp("data"))))
    patch = pytest.MonkeyPatch()
    patch.setenv(CACHE, str(tmp_path_factory.mktemp("examples")))
    material = gather_inputs(recipe, None)
    make_missing([*material.train, *material.validation[0]], lambda share: None, n_processes=1)
    yield recipe
    patch.undo()


def _run(
    recipe: Recipe,
    folder: Path,
    resume: bool = False,
    progress: Progress = lambda stage, share: None,
    **changes: object,
) -> TrainingResult:
    return train(gather_inputs(recipe.model_copy(update=changes), None), folder, MADE_WITH, resume, progress)


def _lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def whole(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    assert _run(recipe, folder).steps == recipe.steps
    return folder


def test_weights_have_the_provenance_of_the_run(whole: Path, recipe: Recipe):
    network = load_network(str(whole / "weights.safetensors"))
    assert network.about["rules"] == "some" and int(network.about["step"]) in (4, 8)
    assert json.loads((whole / "run.json").read_text())["recipe"]["steps"] == recipe.steps
    assert list((whole / "tensorboard").iterdir())


def test_every_evaluation_logs_the_penalty_of_each_rule(whole: Path):
    validation = [line for line in _lines(whole) if line["split"] == "validation"]
    assert [line["step"] for line in validation] == [4, 8]
    assert set(validation[0]["by_rule"]) == {"lead.level", "sides"}
    assert all(np.isfinite(line["loss"]) for line in _lines(whole))
    assert any(line["split"] == "validation, roles hidden" for line in _lines(whole))


def test_a_resumed_run_ends_like_an_uninterrupted_one(recipe: Recipe, whole: Path, tmp_path: Path):
    def kill(stage: str, share: float) -> None:
        if stage == "train" and share * recipe.steps >= 6:
            raise KilledError

    with pytest.raises(KilledError):
        _run(recipe, tmp_path / "run", progress=kill)
    assert _run(recipe, tmp_path / "run", resume=True).steps == recipe.steps
    assert _lines(tmp_path / "run") == _lines(whole)
    first, second = (
        weights_of(load_network(str(folder / "weights.safetensors")).field) for folder in (whole, tmp_path / "run")
    )
    for name, weight in first.items():
        np.testing.assert_array_equal(weight, second[name], err_msg=name)


def test_a_run_does_not_overwrite_another_nor_resume_with_another_recipe(recipe: Recipe, whole: Path, tmp_path: Path):
    with pytest.raises(InputError, match="is not empty"):
        _run(recipe, whole)
    with pytest.raises(InputError, match="holds no run to resume"):
        _run(recipe, tmp_path / "none", resume=True)
    with pytest.raises(InputError, match="another recipe: rate differ"):
        _run(recipe, whole, resume=True, rate=0.5)


def test_a_loss_that_is_not_finite_stops_the_run_after_the_last_checkpoint(recipe: Recipe, tmp_path: Path):
    with pytest.raises(DivergedError, match=r"the loss is (nan|inf) at step \d[^$]*lower `rate`") as stopped:
        _run(recipe, tmp_path / "run", rate=1e30, warm_up=0, validate_every=1)
    step = int(str(stopped.value).partition("at step ")[2].split()[0])
    checkpoints = [int(path.name) for path in (tmp_path / "run" / "checkpoints").iterdir()]
    assert max(checkpoints) == step - 1
    assert stopped.value.exit_code == 3


def test_a_full_disk_at_a_checkpoint_is_reported_and_earlier_ones_stay(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    save = ocp.CheckpointManager.save

    def full(self: ocp.CheckpointManager, step: int, **changes) -> bool:
        if step > 4:
            raise OSError(errno.ENOSPC, "No space left on device")
        return save(self, step, **changes)

    monkeypatch.setattr(ocp.CheckpointManager, "save", full)
    with pytest.raises(InputError, match="No space left on device") as stopped:
        _run(recipe, tmp_path / "run")
    assert "the last good checkpoint is kept" in str(stopped.value)
    monkeypatch.undo()
    assert _run(recipe, tmp_path / "run", resume=True).steps == recipe.steps


def test_a_run_that_no_longer_improves_stops_early(recipe: Recipe, tmp_path: Path):
    trained = _run(recipe, tmp_path / "run", rate=1e-30, patience=1, validate_every=2)
    assert trained.steps == 4 and trained.best_step == 2


def test_a_damaged_checkpoint_is_reported(recipe: Recipe, whole: Path, tmp_path: Path):
    folder = tmp_path / "run"
    shutil.copytree(whole, folder)
    for path in (folder / "checkpoints").rglob("*"):
        if path.is_file() and path.stat().st_size > 200:
            path.write_bytes(b"no")
    with pytest.raises(InputError, match="checkpoint"):
        _run(recipe, folder, resume=True)


def test_a_data_set_without_enough_songs_is_refused(recipe: Recipe):
    (few,) = recipe.data
    for change, message in (
        ({"songs": 50}, "few: has 3 songs to train on, expected 50 at least"),
        ({"dataset": "corpora/card.yaml"}, "corpora/card.yaml: no such card"),
        ({"dataset": "synthetic", "songs": None}, "synthetic: plays as many songs as one likes"),
    ):
        with pytest.raises(InputError, match=message):
            gather_inputs(recipe.model_copy(update={"data": (few.model_copy(update=change),)}), None)
    (card,) = gather_inputs(recipe, None).cards
    with pytest.raises(InputError, match="has 0 songs to test on"):
        examples_of(card, "test", 1)


def test_data_sets_are_mixed_as_often_as_the_recipe_says(recipe: Recipe):
    (few,) = recipe.data
    more = few.model_copy(update={"songs": None, "validation": None, "times": 3})
    inputs = gather_inputs(recipe.model_copy(update={"data": (few, more)}), None)
    names = [each.path.stem for each in inputs.train]
    assert len(names) == 3 + 3 * 3 and {names.count(name) for name in names} == {4}
    assert [len(each) for each in inputs.validation] == [1, 1] and len(inputs.cards) == 2


def test_batches_alternate_between_two_sets_of_rules(recipe: Recipe, tmp_path: Path):
    # rules of the same types with other numbers are other data for the same program
    other = tmp_path / "other.yaml"
    other.write_text(RULES.replace("id: few", "id: other").replace("target: 2 LU", "target: -9 LU"))
    _run(recipe, tmp_path / "run", rules=(*recipe.rules, (str(other),)))
    splits = {line["split"]: line["loss"] for line in _lines(tmp_path / "run") if line["step"] == 8}
    assert splits["validation"] != splits[f"validation, {other}"]


def test_refined_targets_are_computed_once(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    losses = recipe.losses.model_copy(update={"refined": 1.0})
    changes = {"losses": losses, "refined_steps": 10, "steps": 4}
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    _run(recipe, tmp_path / "one", **changes)
    assert any(line["refined"] > 0.0 for line in _lines(tmp_path / "one") if line["split"] == "train")
    # all are there: nothing is refined again
    monkeypatch.setattr(loop.RefinedTargets, "_refined", None)
    material, rules = gather_inputs(recipe, None), load_rules(recipe.rules[0])
    samples = SampleBuilder(
        recipe, rules, Shape(recipe.n_tracks, recipe.n_frames, 16), lambda checkpoints: (no_target(4),) * 2
    )
    RefinedTargets(rules, 10).make_missing(material.train, samples, lambda share: None)


def test_two_cards_of_one_name_share_no_songs(recipe: Recipe, tmp_path: Path):
    other = read_recipe(str(write_dataset(tmp_path)))
    here, there = (examples_of(gather_inputs(each, None).cards[0], "train", 3) for each in (recipe, other))
    assert (
        {each.path.name for each in here}
        == {each.path.name for each in there}
        == {f"song{n}.safetensors" for n in range(3)}
    )
    assert not {each.path for each in here} & {each.path for each in there}


def test_songs_of_an_incomplete_batch_have_full_weight(recipe: Recipe, tmp_path: Path):
    """Of three songs in batches of two, the mean loss is that over three evaluations of one song each."""
    songs = Path(recipe.data[0].dataset).parent / "songs"
    losses = []
    for names in (("song0", "song1", "song2"), ("song0",), ("song1",), ("song2",)):
        folder = tmp_path / "-".join(names)
        for name in names:
            shutil.copytree(songs / name, folder / "songs" / name)
        run = folder / "run"
        train(gather_inputs(recipe, folder / "songs"), run, MADE_WITH, False, lambda *_: None)
        evaluations = [line for line in _lines(run) if line["split"] == "songs"]
        assert [line["step"] for line in evaluations] == [4, 8]
        assert len(list((run / "songs").rglob("*.safetensors"))) == len(names)
        losses.append(evaluations[0]["loss"])
    assert losses[0] == pytest.approx(np.mean(losses[1:]), rel=1e-4)
