"""Training on data sets with a layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from hybrid import shelf
from hybrid.corpus.card import KIND, Card, read_card
from hybrid.errors import InputError
from hybrid.training.corpus import CACHE, examples_of, make_missing
from hybrid.training.stored_targets import human_target_path, load_target

RATE, SECONDS = 16000, 4
SONGS = ("train/A - One", "train/B - Two", "train/C - Three", "test/D - Four")
LEVELS_DB = {"bass": -3.0, "drums": 0.0, "other": -9.0, "vocals": 3.0}


@pytest.fixture
def musdb18_hq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Songs whose mixtures are their stems at known gains."""
    monkeypatch.setenv(CACHE, str(tmp_path / "examples"))
    root, rng = tmp_path / "musdb18hq", np.random.default_rng(0)
    for song in SONGS:
        stems = {name: 0.05 * rng.standard_normal((RATE * SECONDS, 2)) for name in LEVELS_DB}
        (root / song).mkdir(parents=True)
        for name, stem in stems.items():
            soundfile.write(root / song / f"{name}.wav", stem, RATE, subtype="FLOAT")
        mixture = sum(10.0 ** (LEVELS_DB[name] / 20.0) * stem for name, stem in stems.items())
        soundfile.write(root / song / "mixture.wav", mixture, RATE, subtype="FLOAT")
    return root


def card_of(root: Path, **keys: object) -> Card:
    """A copy of the shipped card that says where the songs lie."""
    fields = yaml.safe_load(shelf.find(KIND, "musdb18-hq").read_text())
    path = root.parent / "mine.yaml"
    path.write_text(yaml.safe_dump({**fields, "folder": str(root), **keys}))
    return read_card(str(path))


def test_training_uses_the_splits_of_the_layout(musdb18_hq: Path):
    examples = examples_of(card_of(musdb18_hq), "train", 3)
    assert [each.path.stem for each in examples] == ["A - One", "B - Two", "C - Three"]
    assert [each.path.stem for each in examples_of(card_of(musdb18_hq), "test", 1)] == ["D - Four"]


def test_a_missing_split_is_reported_and_can_be_stated_by_the_card(musdb18_hq: Path):
    with pytest.raises(InputError, match=r"has 0 songs to validate on.*\n\n.*splits: \{validation"):
        examples_of(card_of(musdb18_hq), "validation", 1)
    card = card_of(musdb18_hq, splits={"train": [0, 2], "validation": [2, 3]})
    assert [each.path.stem for each in examples_of(card, "validation", 1)] == ["C - Three"]


@pytest.mark.parametrize("splits", [{}, {"train": (0, 3)}])
def test_a_card_that_does_not_say_where_its_songs_lie_is_refused(splits: dict):
    card = read_card("musdb18-hq").model_copy(update={"splits": splits})
    with pytest.raises(InputError, match=r"has no folder of songs.*\n\n.*folder: PATH"):
        examples_of(card, "train", 1)


@pytest.mark.long
def test_an_example_has_the_roles_of_the_layout_and_the_levels_of_the_mixture(musdb18_hq: Path):
    (examples,) = examples_of(card_of(musdb18_hq), "test", 1)
    make_missing([examples], lambda share: None, 1)
    tracks = examples.read().song.tracks
    assert {track.role.split(".")[0] for track in tracks} >= {"bass", "drums", "vocal"}
    target = load_target(human_target_path(examples))
    assert target is not None
    loudness = dict(zip((track.id for track in tracks), np.asarray(target.loudness_db), strict=False))
    for name, level_db in LEVELS_DB.items():
        # noises of one power: K-weighting adds the same to all, and a fit is sure to half a decibel
        assert loudness[name] - loudness["drums"] == pytest.approx(level_db - LEVELS_DB["drums"], abs=0.5)
