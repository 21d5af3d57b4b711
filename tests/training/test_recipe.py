"""Recipes and cards: the shipped ones are valid, and every mistake is reported with its place."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from hybrid import shelf
from hybrid.corpus.card import read_card
from hybrid.errors import InputError
from hybrid.knowledge.resolve import load_rules
from hybrid.training.recipe import read_recipe
from tests.training.dataset import CARD, write_song

RECIPE = "schema: recipe/1\nabout: x\ndata: [{songs: 4, validation: 2}]\nsteps: 10\n"


@pytest.mark.parametrize("name", shelf.names("train"))
def test_shipped_recipes_name_rules_and_songs_that_exist(name: str):
    recipe = read_recipe(name)
    for files in recipe.rules:
        assert load_rules(files).rules
    synthesised = [data for data in recipe.data if data.dataset in shelf.names("datasets")]
    assert synthesised
    for data in synthesised:
        card = read_card(data.dataset)
        for split, n in (("train", data.songs), ("validation", data.validation)):
            first, end = card.splits[split]
            assert n is not None and end - first >= n


@pytest.mark.parametrize("name", ["synthetic", "soundfont"])
def test_splits_of_shipped_data_sets_share_no_song(name: str):
    spans = sorted(read_card(name).splits.values())
    assert len(spans) == 3 and all(before[1] <= after[0] for before, after in pairwise(spans))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("stepz: 3", "5:1: stepz: unknown key; did you mean steps?"),
        ("batch: 0", "5:8: batch: expected greater than or equal to 1, got 0"),
        ("rate: fast", "5:7: rate: expected a valid number"),
        ("rate: .inf", "5:7: rate: expected a"),
        ("losses: {rulez: 1}", "5:10: losses.rulez: unknown key; did you mean rules?"),
        ("variety: {drop: 2}", "5:17: variety.drop: expected less than or equal to 1, got 2"),
        ("rules: []", "5:8: rules: "),
        ("rules: base", "5:8: rules: expected a list, got 'base'"),
    ],
)
def test_a_mistake_in_a_recipe_is_reported_with_its_place(tmp_path: Path, line: str, message: str):
    path = tmp_path / "mine.yaml"
    path.write_text(RECIPE + line + "\n")
    with pytest.raises(InputError) as error:
        read_recipe(str(path))
    assert f"{path}:{message}" in str(error.value)


def test_all_mistakes_are_reported_at_once(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("schema: recipe/2\nsteps: -1\nseed: 1.5\n")
    with pytest.raises(InputError) as error:
        read_recipe(str(path))
    message = str(error.value)
    for part in (
        "1:9: schema: expected 'recipe/1'",
        "about: is missing",
        "data: is missing",
        "2:8: steps",
        "3:7: seed",
    ):
        assert part in message


def test_an_unknown_recipe_gets_a_suggestion():
    with pytest.raises(InputError, match="did you mean tiny"):
        read_recipe("tinny")


def test_every_field_of_a_recipe_changes_its_hash(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    hashes = set()
    for more in ("", "seed: 1\n", "losses: {roles: 0.2}\n", "rules: [[output]]\n"):
        path.write_text(RECIPE + more)
        hashes.add(read_recipe(str(path)).hash)
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("train: [0, 3]", "train: [3, 3]", "expected [first, end] with first below end"),
        ("train: [0, 3]", "train: [0, 4]", "train and validation share seeds"),
        ("validation: [3, 4]", "validation: [3, 9]", "holds 4 songs, fewer than the splits use"),
        ("folder: songs", "folder: none", "no such folder"),
        ("folder: songs\n", "", "`player: files` needs a layout, or a folder of song folders and splits"),
        ("player: files", "player: synthesis", "folder and layout: are for `player: files`"),
        (
            "player: files",
            "player: band",
            "player: expected 'synthesis', 'soundfont', 'files', 'tracker', 'midi' or 'lmms', got 'band'",
        ),
    ],
)
def test_a_mistake_in_a_card_is_reported(tmp_path: Path, old: str, new: str, message: str):
    for seed in range(4):
        write_song(tmp_path / "songs" / f"song{seed}", seed)
    path = tmp_path / "few.yaml"
    path.write_text(CARD.replace(old, new))
    with pytest.raises(InputError) as error:
        read_card(str(path))
    assert message in str(error.value)
