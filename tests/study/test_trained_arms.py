"""Networks trained under the rules of each arm, all with one compiled step."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hybrid.batch.run import RunOptions
from hybrid.knowledge.resolve import load_rules
from hybrid.proposal.weights import load_network, weights_of
from hybrid.study.compiled import counted_programs
from hybrid.study.jobs import study_inputs
from hybrid.study.rows import ROWS_FOLDER
from hybrid.study.run import run_study
from hybrid.study.schema import Study
from hybrid.study.sources import parse_songs, sources_of
from hybrid.study.trained_arms import TrainedArms, train_arms
from hybrid.training import loop
from hybrid.training.corpus import CACHE
from hybrid.training.loop import DivergedError, TrainingInputs, TrainingResult, train
from tests.training.dataset import write_dataset

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("trained")
    recipe = write_dataset(folder)
    patch = pytest.MonkeyPatch()
    patch.setenv(CACHE, str(tmp_path_factory.mktemp("examples")))
    fields = {
        "schema": "study/1",
        "title": "what a network learns from each rule",
        "mode": "train",
        "recipe": str(recipe),
        "rules": [str(folder / "rules.yaml")],
        "model": "none",
        "seeds": [0],
        "steps": 0,
        "metrics": ["heard", "folded_lu"],
        "arms": [{"leave_one_out": ["lead.level", "sides"]}, {"controls": ["raw"]}],
    }
    yield Study.model_validate(fields), folder
    patch.undo()


def test_each_arm_learns_from_its_own_rules_with_one_compiled_step(
    study: tuple[Study, Path], tmp_path: Path, monkeypatch
):
    study_, folder = study
    compiled: list[int] = []

    def counted(material: TrainingInputs, *more) -> TrainingResult:
        with counted_programs() as programs:
            trained = train(material, *more)
        compiled.append(programs.n)
        return trained

    monkeypatch.setattr(loop, "train", counted)
    sources = sources_of([parse_songs(f"{folder / 'songs'}:1")])
    result = run_study(study_inputs(study_), sources, RunOptions(tmp_path / "out"), 1, lambda so_far: None)
    # the raw sum needs no network
    assert len(compiled) == 3
    first, *later = compiled
    assert max(later) < first / 10
    arms = ("all rules", "without lead.level", "without sides")
    weights = [
        weights_of(load_network(str(path)).field)
        for arm in arms
        for path in (tmp_path / "out" / "networks").glob(f"{arm}-*-0/weights.safetensors")
    ]
    assert len(weights) == len(arms)
    for other in weights[1:]:
        assert any(not np.array_equal(value, other[name]) for name, value in weights[0].items())
    (unit,) = result.units
    assert {row.arm for row in unit.rows} == {*arms, "raw sum"}
    assert len({row.total for row in unit.rows}) == 4
    # resumed, nothing is trained again
    monkeypatch.setattr(loop, "train", None)
    run_study(study_inputs(study_), sources, RunOptions(tmp_path / "out", resume=True), 1, lambda so_far: None)


def test_an_arm_that_cannot_be_trained_is_recorded_as_diverged(study: tuple[Study, Path], tmp_path: Path, monkeypatch):
    study_, folder = study

    def fails(material: TrainingInputs, folder: Path, *more) -> TrainingResult:
        if "sides" in folder.name:
            from hybrid.errors import Problem

            raise DivergedError(Problem(str(folder), "the loss is nan at step 3"))
        return train(material, folder, *more)

    monkeypatch.setattr(loop, "train", fails)
    sources = sources_of([parse_songs(f"{folder / 'songs'}:1")])
    run_study(study_inputs(study_), sources, RunOptions(tmp_path / "out"), 1, lambda so_far: None)
    (path,) = (tmp_path / "out" / ROWS_FOLDER).iterdir()
    rows = {row["arm"]: row for row in json.loads(path.read_bytes())["rows"]}
    assert rows["without sides"]["state"] == "diverged" and "nan at step 3" in rows["without sides"]["reason"]
    assert rows["without lead.level"]["state"] == "done"


def test_a_study_that_trains_nothing_has_no_networks(study: tuple[Study, Path], tmp_path: Path):
    study_, folder = study
    plain = study_.model_copy(update={"mode": "refine", "recipe": None})
    rules = load_rules([str(folder / "rules.yaml")])
    assert train_arms(plain, rules, tmp_path, lambda *_: None) == TrainedArms({}, {})
