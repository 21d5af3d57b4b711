"""Networks trained for a study: one for each arm and seed, by the rules of the arm."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hybrid import shelf
from hybrid.audio.song import file_name
from hybrid.export.made import made_with
from hybrid.knowledge.ruleset import RuleSet
from hybrid.study.arms import arms_of
from hybrid.study.schema import Study

NETWORKS_FOLDER, DONE_FILE, STARTED = "networks", "done", "started"


class TrainedArms(NamedTuple):
    """Results of training by arm and seed, of the arms that have a network of their own."""

    weights: dict[tuple[str, int], str]
    """Paths of the weights."""
    diverged: dict[tuple[str, int], str]
    """Reasons, where training diverged."""


def recipe_hashes(study: Study) -> list[str]:
    """Hashes of the training recipe of a study and of its data set; empty for a study without training."""
    if study.recipe is None:
        return []
    from hybrid.corpus.card import read_card
    from hybrid.training.recipe import read_recipe

    recipe = read_recipe(study.recipe)
    return [recipe.hash, *(read_card(data.dataset).hash for data in recipe.data)]


def train_arms(study: Study, rules: RuleSet, out: Path, progress: Callable[[str, float], None]) -> TrainedArms:
    """The networks of all arms, each trained by the study's recipe under the arm's rules, with one compiled step for
    all. Empty for a study without training. Runs that exist are resumed. Raises InputError for a recipe that cannot be
    used."""
    trained = TrainedArms({}, {})
    if study.recipe is None:
        return trained
    from hybrid.training.loop import WEIGHTS_FILE, DivergedError, gather_inputs, train
    from hybrid.training.recipe import read_recipe
    from hybrid.training.record import RUN_FILE

    for seed in study.seeds:
        recipe = read_recipe(study.recipe).model_copy(update={"seed": seed})
        inputs = gather_inputs(recipe, None, rules.types)
        for arm in arms_of(study, rules, seed):
            if arm.model is not None or arm.is_raw:
                continue
            # ids that shorten to the same file name must not share a folder
            digest = hashlib.sha256(arm.id.encode()).hexdigest()[:8]
            folder = out / NETWORKS_FOLDER / f"{file_name(arm.id)[:80]}-{digest}-{seed}"
            trained.weights[arm.id, seed] = str(folder / WEIGHTS_FILE)
            made_by = hashlib.sha256(f"{arm.rules.hash} {recipe.hash} {inputs.data_hash}".encode()).hexdigest()
            if _stored(folder / DONE_FILE) == made_by:
                continue
            started = folder.with_name(f"{folder.name}.{STARTED}")
            if _stored(started) != made_by:
                # of an arm that was another one then
                shutil.rmtree(folder, ignore_errors=True)
            origin = made_with(arm.rules.hash, inputs.data_hash, {"recipe": recipe.hash, "arm": arm.id})
            is_resumed = (folder / RUN_FILE).exists()
            folder.parent.mkdir(parents=True, exist_ok=True)
            shelf.write(started, made_by)
            try:
                train(inputs._replace(rules=[arm.rules]), folder, origin, is_resumed, progress)
            except DivergedError as error:
                del trained.weights[arm.id, seed]
                trained.diverged[arm.id, seed] = error.problems[0].what
                continue
            # written last: a folder without it holds an interrupted run
            shelf.write(folder / DONE_FILE, made_by)
    return trained


def _stored(path: Path) -> str:
    return path.read_text() if path.exists() else ""
