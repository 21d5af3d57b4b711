"""`--plugin` as a person meets it: a rule type of one's own is like any other for every command."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.batch.work import rules_of

Run = Callable[..., tuple[int | str | None, str, str]]
EXAMPLE = Path(__file__).parents[2] / "docs/examples/crest_rule.py"
PUNCH = """\
schema: mixrules/1
id: punch
rules:
  - {id: punch.kick, type: crest_factor, for: {role: drums.kick}, min: 30 dB, evidence: guess, acts_on: [dynamics]}
  - {id: out.loudness, type: integrated_loudness, target: -20 LUFS, evidence: standard}
"""
RATE = 16000


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with the example, and a file with a rule of its type."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    monkeypatch.chdir(tmp_path)
    shutil.copy(EXAMPLE, tmp_path / "crest_rule.py")
    (tmp_path / "punch.yaml").write_text(PUNCH)


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A folder of songs with one in it: a kick and a voice."""
    folder = tmp_path / "songs" / "one"
    folder.mkdir(parents=True)
    time_s = np.arange(3 * RATE // 2) / RATE
    kick = np.sin(2 * np.pi * 60 * time_s) * np.exp(-(time_s % 0.5) / 0.1)
    for name, samples in (("Kick", kick), ("Vox", np.sin(2 * np.pi * 400 * time_s))):
        soundfile.write(folder / f"{name}.wav", 0.2 * samples, RATE, subtype="FLOAT")
    return folder


def test_it_is_listed_beside_the_shipped_types_with_the_file_that_it_comes_from(hybrid: Run, tmp_path: Path):
    code, said, _ = hybrid("rules", "list", "--types", "--plugin", "crest_rule.py", "--json")
    rows = {row["name"]: row for row in json.loads(said)}
    assert not code and rows["true_peak"]["from"] == ""
    assert rows["crest_factor"] == {
        "name": "crest_factor",
        "family": "dynamics",
        "unit": "dB",
        "requires": "the treated tracks",
        "says": "A drum keeps its punch.",
        "from": str(tmp_path / "crest_rule.py"),
    }
    code, said, _ = hybrid("rules", "list", "--types", "--plugin", "crest_rule.py")
    assert f"A drum keeps its punch. ({tmp_path / 'crest_rule.py'})" in said


def test_it_and_its_rules_are_explained(hybrid: Run):
    code, said, _ = hybrid("rules", "explain", "crest_factor", "--plugin", "crest_rule.py")
    assert not code and said.startswith("crest_factor: A drum keeps its punch. (a type of rule)")
    assert "share         a share such as '25 %'; 10 % by default. Of the frames, those that count as hits." in said
    code, said, _ = hybrid("rules", "explain", "punch.kick", "--rules", "punch.yaml", "--plugin", "crest_rule.py")
    assert not code and "at least 30 dB" in said and "from          the treated tracks" in said


def test_it_is_in_the_schema(hybrid: Run):
    code, said, _ = hybrid("rules", "schema", "--plugin", "crest_rule.py")
    schema = json.loads(said)
    assert not code and schema["$defs"]["CrestFactor"]["properties"]["type"] == {"const": "crest_factor"}
    assert {"$ref": "#/$defs/CrestFactor"} in schema["properties"]["rules"]["items"]["oneOf"]


@pytest.mark.parametrize(
    "command",
    [
        ("check", "punch.yaml"),
        ("show", "punch.yaml"),
        ("diff", "punch.yaml", "output"),
        ("new", "mine.yaml", "--extends", "punch.yaml"),
    ],
)
def test_every_command_on_rules_knows_it_with_the_option_and_not_without(hybrid: Run, command: tuple[str, ...]):
    code, _, error = hybrid("rules", *command)
    assert code == 2 and "unknown type 'crest_factor'" in error
    assert hybrid("rules", *command, "--plugin", "crest_rule.py")[0] == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import nowhere\n", "mine.py:1: cannot be imported: ModuleNotFoundError: No module named 'nowhere'"),
        ("x = 1\n", "mine.py: defines no rule type: expected a class that extends RuleType"),
    ],
)
def test_a_file_that_is_no_plugin_is_told_in_a_line_with_a_hint(hybrid: Run, tmp_path: Path, text: str, said: str):
    (tmp_path / "mine.py").write_text(text)
    for command in (("rules", "check", "base"), ("mix", "demo", "-o", "out"), ("check", "mix.wav"), ("train", "tiny")):
        out = ("-o", "out") if command[0] == "train" else ()
        code, _, error = hybrid(*command, *out, "--plugin", "mine.py")
        assert code == 2 and said in error and "hint: " in error and "Traceback" not in error


@pytest.mark.long
def test_a_song_is_mixed_and_judged_by_it(hybrid: Run, song: Path, tmp_path: Path):
    options = ("--rules", "punch.yaml", "--plugin", "crest_rule.py", "--model", "none")
    code, said, error = hybrid("mix", str(song), "-o", "mix", "--steps", "10", *options, "--json")
    assert not code, error
    verdict = json.loads((tmp_path / "mix" / "verdict.json").read_text())
    (rule,) = [rule for rule in verdict["after"]["rules"] if rule["id"] == "punch.kick"]
    assert (rule["type"], rule["state"]) == ("crest_factor", "broken")
    assert [target["name"] for target in rule["targets"]] == ["Kick"]

    code, said, error = hybrid("check", "mix/mix.wav", "--rules", "punch.yaml", "--plugin", "crest_rule.py", "--json")
    assert not code, error
    assert json.loads(said)["left_out"] == [
        {"rule": "punch.kick", "why": "counts gain over time or effects, which a finished mix does not tell"}
    ]


@pytest.mark.long
def test_processes_of_a_batch_know_it_and_an_edit_makes_its_mixes_anew(hybrid: Run, song: Path, tmp_path: Path):
    options = ("--rules", "punch.yaml", "--plugin", "crest_rule.py", "--model", "none", "--steps", "0", "--jobs", "1")
    code, said, error = hybrid("batch", "songs", "-o", "out", *options, "--json")
    assert not code, error
    assert json.loads(said)["done"] == 1
    assert excess_in(tmp_path / "out") > 1.0
    code, said, _ = hybrid("batch", "songs", "-o", "out", *options, "--resume", "--json")
    assert json.loads(said)["kept_from_before"] == 1
    path = tmp_path / "crest_rule.py"
    path.write_text(path.read_text().replace("hits - db(", "hits + 100.0 - db("))
    # as in a process that has read no rules yet
    rules_of.cache_clear()
    code, said, error = hybrid("batch", "songs", "-o", "out", *options, "--resume", "--json")
    assert not code, error
    assert json.loads(said)["kept_from_before"] == 0
    assert excess_in(tmp_path / "out") == 0.0


def excess_in(out: Path) -> float:
    """By how many scales the last song that was mixed breaks the rule."""
    record = json.loads((out / "manifest.jsonl").read_text().splitlines()[-1])
    return record["rules"]["punch.kick"]


def test_the_arms_of_a_study_are_made_with_it(hybrid: Run, tmp_path: Path, song: Path):
    study = "schema: study/1\ntitle: t\nrules: [punch.yaml]\narms: [{leave_one_out: [punch.kik]}]\n"
    (tmp_path / "study.yaml").write_text(study)
    code, _, error = hybrid("ablate", "study.yaml", "-o", "out", "--songs", "songs", "--plugin", "crest_rule.py")
    assert code == 2 and "no rule 'punch.kik'; did you mean punch.kick?" in error
