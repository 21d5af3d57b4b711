"""Networks that differ in the rules they were trained by: one for each arm and seed of a study that trains."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hybrid.audio.song import file_name
from hybrid.export.made import made_with
from hybrid.knowledge.ruleset import RuleSet
from hybrid.study.arms import arms_of
from hybrid.study.schema import Study

NETWORKS_FOLDER, DONE_FILE = "networks", "done"


class Taught(NamedTuple):
    """What became of each arm under each seed, of those that have a network of their own."""

    weights: dict[tuple[str, int], str]
    """Files."""
    diverged: dict[tuple[str, int], str]
    """Where training failed, and how."""


def recipe_hashes(study: Study) -> list[str]:
    """Of the recipe and the data set that a study trains by; none for one that trains nothing."""
    if study.recipe is None:
        return []
    from hybrid.corpus.card import read_card
    from hybrid.training.recipe import read_recipe

    recipe = read_recipe(study.recipe)
    return [recipe.hash, read_card(recipe.data.dataset).hash]


def taught(study: Study, rules: RuleSet, out: Path, progress: Callable[[str, float], None]) -> Taught:
    """Trains each arm by the study's recipe under the arm's rules, all with one compiled step; nothing for a study that
    trains none. Runs that are there are gone on with. Raises InputError for a recipe that cannot be used."""
    found = Taught({}, {})
    if study.recipe is None:
        return found
    from hybrid.training.loop import WEIGHTS_FILE, DivergedError, gather, train
    from hybrid.training.recipe import read_recipe
    from hybrid.training.record import RUN_FILE

    for seed in study.seeds:
        recipe = read_recipe(study.recipe).model_copy(update={"seed": seed})
        material = gather(recipe, None, rules.types)
        for arm in arms_of(study, rules, seed):
            if not arm.uses_network or arm.is_raw:
                continue
            folder = out / NETWORKS_FOLDER / f"{file_name(arm.id)}-{seed}"
            found.weights[arm.id, seed] = str(folder / WEIGHTS_FILE)
            if (folder / DONE_FILE).exists():
                continue
            origin = made_with(arm.rules.hash, material.card.hash, {"recipe": recipe.hash, "arm": arm.id})
            begun = (folder / RUN_FILE).exists()
            try:
                train(material._replace(rules=[arm.rules]), folder, origin, begun, progress)
            except DivergedError as error:
                del found.weights[arm.id, seed]
                found.diverged[arm.id, seed] = error.problems[0].what
                continue
            (folder / DONE_FILE).touch()
    return found
