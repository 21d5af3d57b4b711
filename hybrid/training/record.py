"""The files of a run besides its weights: its recipe and provenance, and the losses of every step, rule by rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tensorboardX import SummaryWriter

from hybrid import shelf
from hybrid.document import read
from hybrid.errors import InputError, Problem
from hybrid.json_text import json_text
from hybrid.training.recipe import Recipe

RUN_FILE, METRICS_FILE, BOARD = "run.json", "metrics.jsonl", "tensorboard"
Numbers = Mapping[str, float]


class MetricsLog:
    """The metrics of a run: a line of JSON for each evaluation, and the same for TensorBoard.

    Lines after `step`, which an interrupted run may have written after its last checkpoint, are removed.
    """

    def __init__(self, folder: Path, step: int) -> None:
        self._path = folder / METRICS_FILE
        lines = self._path.read_text().splitlines() if self._path.is_file() else []
        lines_before = [line for line in lines if json.loads(line)["step"] <= step]
        shelf.write(self._path, "".join(f"{line}\n" for line in lines_before))
        self._board = SummaryWriter(str(folder / BOARD), purge_step=step + 1)

    def add(self, step: int, split: str, numbers: Numbers, rules: Numbers) -> None:
        """Appends the metrics of a step; `rules` are unweighted penalties."""
        line = {"step": step, "split": split, **_rounded(numbers), "by_rule": _rounded(rules)}
        with self._path.open("a") as file:
            file.write(json_text(line, None) + "\n")
        for name, value in (*numbers.items(), *((f"rule/{rule}", value) for rule, value in rules.items())):
            self._board.add_scalar(f"{split}/{name}", value, step)
        self._board.flush()


def _rounded(numbers: Numbers) -> dict[str, float]:
    return {name: float(f"{value:.6g}") for name, value in numbers.items()}


def begin_run(folder: Path, recipe: Recipe, made_with: Mapping[str, str], resume: bool) -> None:
    """Makes the folder of a new run, or checks that of a resumed one. Raises InputError for a new run if the folder is
    not empty, and for a resumed one if it has no run, or one with another recipe or other rules."""
    path = folder / RUN_FILE
    fields = {"schema": "run/1", "recipe": recipe.model_dump(mode="json", by_alias=True), "made_with": dict(made_with)}
    if not resume:
        if folder.exists() and any(folder.iterdir()):
            raise InputError(Problem(str(folder), "is not empty", "add --resume to continue, or choose another folder"))
        folder.mkdir(parents=True, exist_ok=True)
        shelf.write(path, json_text(fields, 1) + "\n")
        return
    if not path.is_file():
        raise InputError(Problem(str(folder), "holds no run to resume", "start it without --resume"))
    before = read(path).data
    assert isinstance(before, dict)
    # a run that changes midway would have no provenance
    for key in ("recipe", "made_with"):
        changed = [name for name, value in fields[key].items() if before[key].get(name) != value]
        if changed:
            what = f"was started with another {key.replace('_', ' ')}: {', '.join(changed)} differ"
            raise InputError(Problem(str(path), what, "start anew in another folder"))
