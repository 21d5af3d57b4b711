from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid.cli import app
from hybrid.knowledge.resolve import load_rules
from tests.calibrate.tables import band, mix

SONGS = [mix(f"Song {i}", band(lead_db=0.5 * i), (0.5, -1)) for i in range(9)]


@pytest.fixture
def fit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Runs `hybrid rules fit` in a folder that has a table of nine songs."""
    monkeypatch.chdir(tmp_path)
    Path("mixes.json").write_text(json.dumps(SONGS))

    def run(*arguments: str) -> tuple[int | str | None, str, str]:
        monkeypatch.setattr(sys, "argv", ["hybrid", "rules", "fit", *arguments])
        with pytest.raises(SystemExit) as leaving:
            app.main()
        out, err = capsys.readouterr()
        return leaving.value.code, out, err

    return run


def test_a_table_becomes_a_rule_file_without_mistakes(fit):
    code, out, err = fit("mixes.json", "-o", "mine.yaml", "--source", "Nine songs", "--url", "https://example.org")
    assert (code, err) == (0, "")
    assert "wrote mine.yaml: hybrid mix SONG -o OUT --rules mine.yaml" in out
    rules = load_rules(["mine.yaml"])
    assert rules.warnings == ()
    assert rules.cite["mine"].url == "https://example.org"
    assert "--source 'Nine songs'" in Path("mine.yaml").read_text()


def test_the_table_printed_has_medians_quartiles_and_counts(fit):
    _, out, _ = fit("mixes.json", "-o", "mine.yaml")
    assert out.splitlines()[0].split() == ["what", "of", "median", "quartiles", "tolerance", "songs", "mixes", "tracks"]
    (line,) = [line.split() for line in out.splitlines() if line.startswith("distance  guitar.electric")]
    assert line == ["distance", "guitar.electric", "40.0", "pan", "40.0", "to", "40.0", "0.0", "9", "9", "9"]


def test_as_json_is_one_document(fit):
    code, out, _ = fit("mixes.json", "-o", "mine.yaml", "--json", "--weigh-by-scores")
    document = json.loads(out)
    assert code == 0
    assert document["rules"] == "mine.yaml"
    assert {row["feature"] for row in document["prior"]} == {"level", "position"}
    assert {"median", "low", "high", "n_songs"} <= document["estimates"][0].keys()
    assert "weighted by their mean scores" in " ".join(Path("mine.yaml").read_text().split())


def test_the_model_of_levels_is_told_with_its_trials_or_with_the_reason_why_there_is_none(fit):
    _, out, _ = fit("mixes.json", "-o", "mine.yaml")
    assert "levels by arrangement and recording:" in out and "of 9 authors, kept." in out
    assert "type: expected_level" in Path("mine.yaml").read_text()
    document = json.loads(fit("mixes.json", "-o", "mine.yaml", "--overwrite", "--json")[1])
    assert {trial["term"] for trial in document["levels"]["trials"]} >= {"recorded", "roles"}
    Path("three.json").write_text(json.dumps(SONGS[:3]))
    _, out, _ = fit("three.json", "-o", "three.yaml")
    assert "(not fitted):\nlevels are known in 3 songs, expected 5 or more" in out
    assert "expected_level" not in Path("three.yaml").read_text()


def test_few_songs_are_reported(fit):
    Path("three.json").write_text(json.dumps(SONGS[:3]))
    code, _, err = fit("three.json", "-o", "mine.yaml")
    assert code == 0
    assert "only 3 songs, tolerances widened: share of vocal.lead, drums, bass, harmony, vocal.backing; lead;" in err


def test_one_song_is_not_enough(fit):
    Path("one.json").write_text(json.dumps([SONGS[0], SONGS[0]]))
    code, out, err = fit("one.json", "-o", "mine.yaml")
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == "one.json: nothing to fit: no quantity of the rules occurs in two songs"
    assert "in one song only, not fitted: " in err
    assert not Path("mine.yaml").exists()


def test_a_file_that_exists_is_not_overwritten_without_the_option(fit):
    Path("mine.yaml").write_text("mine")
    code, _, err = fit("mixes.json", "-o", "mine.yaml")
    assert code == 2
    assert err.startswith("mine.yaml: exists\n\nhint: ")
    assert Path("mine.yaml").read_text() == "mine"
    assert fit("mixes.json", "-o", "mine.yaml", "--overwrite")[0] == 0
    assert sorted(path.name for path in Path().iterdir()) == ["mine.yaml", "mixes.json"]


def test_the_mistakes_of_all_inputs_are_reported_at_once(fit):
    Path("bad.json").write_text("[{")
    Path("worse.json").write_text("[]")
    Path("empty").mkdir()
    code, _, err = fit("bad.json", "worse.json", "empty", "none.json", "-o", "mine.yaml")
    assert code == 2
    assert [line.split(":")[0] for line in err.splitlines()] == ["bad.json", "worse.json", "empty", "none.json"]


def test_a_folder_without_a_finished_mix_is_refused(fit):
    Path("song").mkdir()
    Path("song/kick.wav").write_bytes(b"")
    code, _, err = fit("song", "-o", "mine.yaml")
    assert code == 2
    assert err.startswith("song: holds no finished mix\n\nhint: ")
    assert "expected a pattern relative to the song's folder" in fit("song", "-o", "x.yaml", "--mix", "/abs*")[2]


@pytest.mark.parametrize("arguments", [["--help"], ["mixes.json", "-o", "mine.yaml"]])
def test_help_and_tables_never_import_jax(arguments: list[str], tmp_path: Path):
    (tmp_path / "mixes.json").write_text(json.dumps(SONGS))
    code = (
        f"import sys; sys.argv = ['hybrid', 'rules', 'fit', *{arguments!r}]\n"
        "from hybrid.cli.app import main\n"
        "try: main()\n"
        "except SystemExit as leaving: assert not leaving.code\n"
        "print('\\n' + ' '.join(sys.modules))\n"
    )
    root = Path(app.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(root)},
    )
    heavy = {"jax", "jaxlib", "flax", "optax", "scipy", "matplotlib", "librosa", "soundfile"}
    assert not heavy & set(done.stdout.splitlines()[-1].split())
