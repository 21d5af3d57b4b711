"""`hybrid train`, and what its weights do for `scan` and `mix`, as a person meets them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hybrid.audio.manifest import load_song
from hybrid.training.corpus import CACHE
from tests.training.made import write_dataset, write_song

Run = Callable[..., tuple[int | str | None, str, str]]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE, str(tmp_path / "examples"))
    return write_dataset(tmp_path)


@pytest.mark.long
def test_a_recipe_becomes_weights_by_which_songs_are_heard_and_mixed(recipe: Path, tmp_path: Path, hybrid: Run):
    out = tmp_path / "run"
    code, said, _ = hybrid("train", str(recipe), "-o", str(out), "--json")
    assert not code
    trained = json.loads(said)
    assert trained["steps"] == 8 and Path(trained["weights"]).is_file()
    code, said, _ = hybrid("train", str(recipe), "-o", str(out), "--resume")
    assert not code and "8 steps" in said and f"--model {out / 'weights.safetensors'}" in said

    song = tmp_path / "song"
    write_song(song, 9)
    (song / "Gtr.wav").rename(song / "Audio 3.wav")
    code, said, _ = hybrid("scan", str(song), "--listen", "--model", trained["weights"], "--json")
    tracks = json.loads(said)["tracks"]
    assert not code and all(0.0 < track["sounds_like_confidence"] <= 1.0 for track in tracks)
    written = {track.id: track for track in load_song(song).tracks}
    heard = next(track for track in tracks if track["id"] == "Audio 3")
    # after eight steps it is sure of nothing, and says so
    assert heard["sounds_like_confidence"] < 0.5 and written["Audio 3"].role == "unknown"
    assert written["Bass"].role == "bass"

    mix = tmp_path / "mix"
    options = ("--model", trained["weights"], "--steps", "0", "--only-mix", "--json")
    code, said, _ = hybrid("mix", str(song), "-o", str(mix), "--rules", "output", *options)
    assert not code and json.loads(said)["true_peak_dbtp"] <= -0.99
    assert {path.name for path in mix.iterdir()} == {".hybrid", "mix.wav", "settings.json"}
    made = json.loads((mix / "settings.json").read_text())["made_with"]
    assert len(made["network"]) == 64 and made["steps"] == "0"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "tinny", "-o", "{out}"), "did you mean tiny"),
        (("train", "{recipe}", "-o", "{folder}"), "is not empty"),
        (("train", "{recipe}", "-o", "{out}", "--resume"), "holds no run to resume"),
        (("train", "{recipe}", "-o", "{out}", "--songs", "{out}"), "no such folder"),
        (("scan", "{song}", "--listen", "--model", "none"), "none cannot listen"),
        (("scan", "{song}", "--listen", "--model", "{recipe}"), "is not a file of weights"),
        (("mix", "{song}", "-o", "{out}", "--model", "bas"), "no such network: 'bas'"),
        (("mix", "{song}", "-o", "{out}", "--only-mix"), "expected --steps 0 and a --model"),
        (("mix", "{song}", "-o", "{out}", "--only-mix", "--steps", "0", "--model", "none"), "expected --steps 0 and"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_left(
    recipe: Path, tmp_path: Path, hybrid: Run, arguments: tuple[str, ...], said: str
):
    out, song = tmp_path / "out", tmp_path / "songs" / "song0"
    places = {"out": out, "folder": tmp_path / "songs", "song": song, "recipe": recipe}
    code, _, error = hybrid(*(argument.format(**places) for argument in arguments))
    assert code == 2 and said in error and "Traceback" not in error
    assert not (song / "song.yaml").exists()
    assert not out.exists() or not list(out.glob("*.safetensors"))
