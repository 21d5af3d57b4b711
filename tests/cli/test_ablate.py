"""`hybrid ablate` refuses mistakes before anything is mixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.study.planted import write_songs, write_study


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing",), "no file and no shipped name in train/ablations: 'nothing'"),
        (("{study}",), "songs: are missing"),
        (("{study}", "--songs", "{songs}", "--shard", "3/2"), "--shard: expected i/n"),
        (("{study}", "--songs", "{songs}", "--songs", "{songs}"), "two songs have the name 'song0'"),
        (("{study}", "--songs", "nowhere"), "nowhere"),
        (("{study}", "--songs", "x" * 400), "songs: cannot be read"),
        (("{study}", "--songs", "~nobody-of-that-name/x"), "no such folder"),
        (("{study}", "--songs", "{songs}", "--shard", "1/" + "9" * 5000), "--shard: expected i/n"),
        (("{study}", "--songs", "{songs}", "--mixed-models"), "--mixed-models: a mixed model needs 3 songs, got 1"),
        (("{bad}", "--songs", "{songs}"), "arms[0].leave_one_out: no rule 'lead.helpt'; did you mean lead.helps?"),
    ],
)
def test_a_mistake_is_reported_and_nothing_is_written(hybrid, tmp_path: Path, arguments, message: str):
    study = write_study(tmp_path / "study")
    bad = tmp_path / "study" / "bad.yaml"
    bad.write_text(study.read_text().replace("leave_one_out: all", "leave_one_out: [lead.helpt]"))
    places = {"study": study, "bad": bad, "songs": write_songs(tmp_path / "songs", 1)}
    code, out, err = hybrid("ablate", *(each.format(**places) for each in arguments), "-o", str(tmp_path / "out"))
    assert code == 2 and message in err and out == "" and "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_a_folder_whose_name_is_a_key_of_studies_is_not_taken_for_it(hybrid, tmp_path: Path, monkeypatch):
    study, songs = write_study(tmp_path / "study"), write_songs(tmp_path / "songs", 1)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "arms").mkdir()
    (tmp_path / "arms" / "notes.txt").write_text("mine")
    code, _, err = hybrid("ablate", str(study), "--songs", str(songs), "-o", "arms")
    assert code == 2 and err.startswith("arms: is not an empty folder")
