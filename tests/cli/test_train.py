"""`hybrid train` from the command line, and its weights in `scan` and `mix`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hybrid.audio.manifest import load_song
from hybrid.training.corpus import CACHE
from tests.training.dataset import write_dataset, write_song

Run = Callable[..., tuple[int | str | None, str, str]]


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE, str(tmp_path / "examples"))
    return write_dataset(tmp_path)


@pytest.mark.long
def test_trained_weights_classify_and_mix_songs(recipe: Path, tmp_path: Path, hybrid: Run):
    out = tmp_path / "run"
    code, out_text, _ = hybrid("train", str(recipe), "-o", str(out), "--json")
    assert not code
    trained = json.loads(out_text)
    assert trained["steps"] == 8 and Path(trained["weights"]).is_file()
    code, out_text, _ = hybrid("train", str(recipe), "-o", str(out), "--resume")
    assert not code and "8 steps" in out_text and f"--model {out / 'weights.safetensors'}" in out_text

    song = tmp_path / "song"
    write_song(song, 9)
    (song / "Gtr.wav").rename(song / "Audio 3.wav")
    code, out_text, _ = hybrid("scan", str(song), "--listen", "--model", trained["weights"], "--json")
    tracks = json.loads(out_text)["tracks"]
    assert not code and all(0.0 < track["sounds_like_confidence"] <= 1.0 for track in tracks)
    written = {track.id: track for track in load_song(song).tracks}
    renamed = next(track for track in tracks if track["id"] == "Audio 3")
    # after eight steps no class is likely, and no role is given
    assert renamed["sounds_like_confidence"] < 0.5 and written["Audio 3"].role == "unknown"
    assert written["Bass"].role == "bass"

    mix = tmp_path / "mix"
    options = ("--model", trained["weights"], "--steps", "0", "--only-mix", "--json")
    code, out_text, _ = hybrid("mix", str(song), "-o", str(mix), "--rules", "output", *options)
    assert not code and json.loads(out_text)["true_peak_dbtp"] <= -0.99
    assert {path.name for path in mix.iterdir()} == {".hybrid", "mix.wav", "settings.json"}
    provenance = json.loads((mix / "settings.json").read_text())["made_with"]
    assert len(provenance["network"]) == 64 and provenance["steps"] == "0"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "tinny", "-o", "{out}"), "did you mean tiny"),
        (("train", "{recipe}", "-o", "{folder}"), "is not empty"),
        (("train", "{recipe}", "-o", "{out}", "--resume"), "holds no run to resume"),
        (("train", "{recipe}", "-o", "{out}", "--songs", "{out}"), "no such folder"),
        (("scan", "{song}", "--listen", "--model", "none"), "none cannot classify tracks"),
        (("scan", "{song}", "--listen", "--model", "{recipe}"), "is not a file of weights"),
        (("mix", "{song}", "-o", "{out}", "--model", "bas"), "no such network: 'bas'"),
        (("mix", "{song}", "-o", "{out}", "--only-mix"), "expected --steps 0 and a --model"),
        (("mix", "{song}", "-o", "{out}", "--only-mix", "--steps", "0", "--model", "none"), "expected --steps 0 and"),
    ],
)
def test_a_mistake_is_reported_and_nothing_is_written(
    recipe: Path, tmp_path: Path, hybrid: Run, arguments: tuple[str, ...], message: str
):
    out, song = tmp_path / "out", tmp_path / "songs" / "song0"
    places = {"out": out, "folder": tmp_path / "songs", "song": song, "recipe": recipe}
    code, _, error = hybrid(*(argument.format(**places) for argument in arguments))
    assert code == 2 and message in error and "Traceback" not in error
    assert not (song / "song.yaml").exists()
    assert not out.exists() or not list(out.glob("*.safetensors"))
