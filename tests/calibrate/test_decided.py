"""Levels that authors set, from folders with decisions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from hybrid.calibrate.decided import observe_decisions
from hybrid.calibrate.find import decided_songs
from hybrid.corpus.authored.decisions import CARD, FILE, Decisions, TrackDecision, write_decisions
from hybrid.corpus.split import split_songs

RATE = 22050
GAINS_LU = {"bass": -4.0, "piano": 3.0, "flute": 0.0, "pad": None}
"""Of the mix over the raw track; None for a level that nobody decided."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A song of four tracks of noise, of which one sounds in the second half alone."""
    path = tmp_path_factory.mktemp("corpus") / "Somebody - Song"
    path.mkdir()
    rng = np.random.default_rng(0)
    for k, name in enumerate(GAINS_LU):
        sound = 0.02 * (k + 1) * rng.standard_normal(8 * RATE)
        sound[: 4 * RATE] *= name != "flute"
        soundfile.write(path / f"{name}.wav", sound, RATE, subtype="FLOAT")
    tracks = tuple(
        TrackDecision(
            id=name,
            raw_lufs=-30.0,
            level_lu=None if gain is None else -10.0 + gain,
            pan=None,
            decided=() if gain is None else ("level",),
        )
        for name, gain in GAINS_LU.items()
    )
    text = dict.fromkeys(("title", "author", "licence", "source", "source_sha256", "renderer"), "made")
    decisions = Decisions(schema="decisions/1", **text, raw_levels="recorded", residual_db=None, tracks=tracks)
    write_decisions(decisions, path / FILE)
    return path


def test_a_level_is_that_of_the_raw_track_and_the_gain_that_was_decided(folder: Path):
    levels = observe_decisions(folder, lambda stage, share: None)
    assert (levels.song, levels.author) == ("Somebody - Song", "somebody")
    # tracks come in the order of their names; nobody decided the pad
    assert len(levels.roles) == 3 and "unknown" not in {levels.roles[0], levels.roles[2]}
    bass, flute, piano = levels.level_lu - levels.recorded_lu
    np.testing.assert_allclose([piano - flute, bass - flute], [3.0, -4.0], atol=0.01)
    # 2, 4 and 6 hundredths of noise
    np.testing.assert_allclose(np.diff(levels.recorded_lu), 20.0 * np.log10([3.0, 2.0 / 3.0]), atol=0.3)


def test_a_track_that_sounds_half_of_the_time_is_one_doubling_of_presence_below_the_others(folder: Path):
    np.testing.assert_allclose(
        observe_decisions(folder, lambda stage, share: None).presence, [0.0, -1.0, 0.0], atol=0.1
    )


def test_authors_that_a_corpus_keeps_to_judge_by_are_left_out_with_a_note(tmp_path: Path):
    names = [f"Author{k} - Song" for k in range(20)]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / FILE).write_text("{}")
    assert len(decided_songs(tmp_path).folders) == 20 and not decided_songs(tmp_path).notes
    shares = {"train": 0.6, "test": 0.4}
    card = {"schema": "dataset/1", "name": "made", "about": "made", "licence": "none", "player": "files", "folder": ".",
            "artists": shares}  # fmt: skip
    (tmp_path / CARD).write_text(yaml.safe_dump(card, sort_keys=False))
    found = decided_songs(tmp_path)
    assert {path.name for path in found.folders} == {
        name for name, split in split_songs(names, shares, 0).items() if split == "train"
    }
    assert 0 < len(found.folders) < 20
    assert found.notes == (
        f"{tmp_path}: {len(found.folders)} of 20 songs, those of authors to train on; the others are to judge by",
    )
