"""`hybrid batch` and `hybrid corpus` from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from flax import nnx

from hybrid.audio.families import FAMILIES
from hybrid.model.field import Field
from hybrid.model.sizes import Sizes
from hybrid.proposal.weights import Network, save_network
from tests.corpus.miniature import medleydb, musdb18_hq, tone

Run = Callable[..., tuple[int | str | None, str, str]]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an untrained network."""
    sizes = Sizes(1, len(FAMILIES), frame=8, whole=8, n_heads=2, n_moment_blocks=1, n_whole_blocks=1, n_refine_blocks=1)
    path = tmp_path_factory.mktemp("weights") / "some.safetensors"
    save_network(Network(Field(sizes, nnx.Rngs(0)), ("bass",), tuple(FAMILIES), {}, ""), sizes, path)
    return path


def _broken(root: Path) -> None:
    """Songs that cannot be mixed, each for another reason."""
    cut = tone(root / "cut" / "Bass.wav")
    cut.write_bytes(cut.read_bytes()[:-500])
    (root / "empty").mkdir()
    (root / "nan").mkdir()
    soundfile.write(root / "nan" / "Bass.wav", np.full(30000, np.nan, np.float32), 44100, "FLOAT")
    (root / "words").mkdir()
    (root / "words" / "Bass.wav").write_text("no audio")


@pytest.mark.long
def test_good_songs_are_mixed_and_broken_ones_named(tmp_path: Path, weights: Path, hybrid: Run):
    songs, out = tmp_path / "songs", tmp_path / "out"
    for name in ("one", "Ünicode ☂", "third"):
        tone(songs / name / "Kick.wav", 60.0, seconds=1.2)
        tone(songs / name / "Vox.wav", 500.0, seconds=1.2)
    _broken(songs)
    line = ("batch", str(songs), "-o", str(out), "--steps", "0", "--only-mix", "--model", str(weights), "--jobs", "1")
    code, out_text, err_text = hybrid(*line, "--json")
    assert code == 3
    summary = json.loads(out_text)
    assert (summary["done"], summary["songs"]) == (3, 7)
    reasons = {each["song"]: each["reason"] for each in summary["failed"]}
    assert set(reasons) == {"cut", "empty", "nan", "words"}
    assert "truncated" in reasons["cut"] and "no audio files" in reasons["empty"]
    assert "NaN" in reasons["nan"] and "cannot be read as audio" in reasons["words"]
    assert "7 of 7, 4 failed" in err_text
    mixes = {path.parent.name: path.read_bytes() for path in out.glob("*/mix.wav")}
    assert set(mixes) == {"one", "Ünicode ☂", "third"}
    page = (out / "summary.html").read_text()
    assert "Ünicode ☂" in page and "truncated" in page and "%C3%9Cnicode%20%E2%98%82/mix.wav" in page
    assert not [path for path in out.iterdir() if path.name.startswith(".")]

    code, out_text, err_text = hybrid(*line)
    assert code == 2 and "--resume" in err_text
    (out / "third" / "mix.wav").unlink()
    code, out_text, _ = hybrid(*line, "--resume", "--json")
    assert code == 3 and json.loads(out_text)["kept_from_before"] == 2
    assert {path.parent.name: path.read_bytes() for path in out.glob("*/mix.wav")} == mixes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--shard", "0/3"), "expected i/n"),
        (("--shard", "4/3"), "expected i/n"),
        (("--only-mix",), "--steps 0"),
        (("--name", "mix"), "expected a path with {song}"),
        (("--filter", "z*"), "none matches the selection"),
        (("--model", "bass"), "no such network"),
        (("--rules", "bsae"), "did you mean base"),
        (("--set", "lead.level.target='2 Hz'"), "lead.level"),
        (("--engine", "slurm", "--slurm", "x"), "expected key=value"),
    ],
)
def test_a_mistake_is_reported_before_anything_is_written(
    tmp_path: Path, hybrid: Run, options: tuple[str, ...], message: str
):
    tone(tmp_path / "songs" / "a" / "Bass.wav")
    code, _, err_text = hybrid(
        "batch", str(tmp_path / "songs"), "-o", str(tmp_path / "out"), "--model", "none", *options
    )
    assert code == 2 and message in err_text
    assert not (tmp_path / "out").exists()


def test_a_data_set_is_listed_scanned_counted_verified_and_split(tmp_path: Path, hybrid: Run):
    code, out_text, _ = hybrid("corpus", "list")
    assert not code and "musdb18-hq" in out_text and "licence" in out_text
    musdb18_hq(tmp_path / "set")
    tone(tmp_path / "set/odd.wav")
    index = tmp_path / "index.jsonl"
    code, out_text, _ = hybrid("corpus", "scan", "musdb18-hq", "--at", str(tmp_path / "set"), "-o", str(index))
    assert not code and "3 songs, 0 of them broken" in out_text
    assert "songs to train: 2, a complete copy has 100" in out_text and "odd.wav" in out_text
    code, out_text, _ = hybrid("corpus", "stats", str(index), "-o", str(tmp_path / "stats.html"))
    assert not code and "12 tracks" in out_text and "vocal.lead 3" in out_text
    assert "<svg" in (tmp_path / "stats.html").read_text()
    code, out_text, _ = hybrid("corpus", "verify", "musdb18-hq", str(index), "--at", str(tmp_path / "set"))
    assert not code
    (tmp_path / "set/test/C - Three/bass.wav").unlink()
    code, out_text, err_text = hybrid("corpus", "verify", "musdb18-hq", str(index), "--at", str(tmp_path / "set"))
    assert code == 3 and "C - Three: bass: is missing" in err_text
    code, _, err_text = hybrid("corpus", "scan", "musdb18-hq", "--at", str(tmp_path / "set"), "-o", str(index))
    assert code == 2 and "add --overwrite" in err_text
    code, _, err_text = hybrid("corpus", "split", str(index), "-o", str(tmp_path / "split.tsv"), "--share", "tran=1")
    assert code == 2 and "no split 'tran'; did you mean train?" in err_text
    code, out_text, _ = hybrid("corpus", "split", str(index), "-o", str(tmp_path / "split.tsv"), "--share", "train=1")
    assert not code and len((tmp_path / "split.tsv").read_text().splitlines()) == 3
    code, _, err_text = hybrid("corpus", "split", str(index), "-o", str(tmp_path / "split.tsv"), "--share", "train=0.5")
    assert code == 2 and "add up to 1" in err_text


def test_a_broken_data_set_is_scanned_to_its_end(tmp_path: Path, hybrid: Run):
    medleydb(tmp_path / "set")
    (tmp_path / "set/V1/A_One/A_One_RAW/A_One_RAW_01_01.wav").unlink()
    line = ("corpus", "scan", "medleydb", "--at", str(tmp_path / "set"), "-o", str(tmp_path / "i.jsonl"))
    code, out_text, err_text = hybrid(*line)
    assert code == 3 and "A_One: " in err_text and "does not exist" in err_text
    assert "3 songs, 1 of them broken" in out_text
