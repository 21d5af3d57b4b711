"""Inputs that Python, a library or a terminal would stumble over: refused with their place, or harmless."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from benchmarks.robustness import KINDS, some
from hybrid import start
from hybrid.audio.song import Track, file_name
from hybrid.document import parse
from hybrid.errors import InputError, Problem, suggest, without_controls
from hybrid.json_text import json_text
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.select import Selector, select
from hybrid.processes import this_process
from hybrid.quantity import UnitError, read, read_clock, read_range
from hybrid.scratch import scratch_folder


@pytest.mark.parametrize("kind", list(KINDS))
def test_mutated_inputs_are_refused_or_accepted(kind: str) -> None:
    outcomes = [outcome for _, outcome in some(kind, 0, 25)]
    assert {outcome.how for outcome in outcomes} <= {"refused", "accepted"}, outcomes
    assert "refused" in {outcome.how for outcome in outcomes}


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "9" * 5000, "1e400", "-1e31", "." + "9" * 10 + "e99"])
def test_numbers_beyond_all_measure_are_refused_with_their_place(number: str) -> None:
    with pytest.raises(InputError, match=r"a.yaml:2:4: the number .* is too large") as caught:
        parse(f"a: 1\nb: {number}\n", Path("a.yaml"))
    assert len(str(caught.value)) < 200


def test_numbers_of_many_digits_are_read_where_they_are_small() -> None:
    assert parse("a: 0." + "3" * 5000, Path("a.yaml")).data == {"a": pytest.approx(1 / 3)}
    assert parse(f"a: {2**62}", Path("a.yaml")).data == {"a": 2**62}
    assert parse("a: " + "x" * 10_000, Path("a.yaml")).data == {"a": "x" * 10_000}


@pytest.mark.parametrize(
    ("text", "unit"),
    [("1e308 LU", "LU"), ("-1e308 dBTP", "dBTP"), ("9" * 90 + " Hz", "Hz"), ("1e7 s", "s"), ("-101 dBTP", "dBTP")],
)
def test_quantities_beyond_what_a_mix_can_bear_are_refused(text: str, unit: str) -> None:
    with pytest.raises(UnitError, match="out of range"):
        read(text, unit)


@pytest.mark.parametrize("reading", [lambda x: read(x, "dB"), lambda x: read_range(x, "dB"), read_clock])
def test_long_text_is_no_quantity_and_takes_no_time(reading) -> None:
    begin = time.monotonic()
    with pytest.raises(UnitError, match="characters"):
        reading("1" * 20_000 + "x")
    assert time.monotonic() - begin < 0.1


def test_a_clock_of_many_digits_is_refused() -> None:
    with pytest.raises(UnitError):
        read_clock("1" * 60 + ":59")


@pytest.mark.parametrize("pattern", ["/a{99999999999}/", "/[/", "/" + "(" * 300 + "/", "/" + "a" * 501 + "/"])
def test_patterns_that_cannot_be_compiled_are_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        Selector.model_validate({"name": pattern})


def test_a_pattern_that_takes_for_ever_is_given_up() -> None:
    selector = Selector.model_validate({"name": "/^(a|aa)+$/"})
    begin = time.monotonic()
    with pytest.raises(InputError, match="takes too long"):
        select(selector, [Track("a" * 60 + "!", (), 1, "unknown", (), 0.0)], {})
    assert time.monotonic() - begin < 5.0


def test_the_id_of_a_rule_cannot_be_set() -> None:
    with pytest.raises(InputError, match="the id of a rule cannot be set"):
        load_rules(["masking"], ["mask.lead.id=other"])


@pytest.mark.parametrize(
    ("name", "as_file"),
    [
        *[("AUX", "AUX_"), ("con", "con_"), ("NUL.wav", "NUL_.wav"), ("COM1", "COM1_"), ("Console", "Console")],
        *[("Aux 1", "Aux 1"), ("lpt¹", "lpt¹_"), ("é" * 300, "é" * 100), ("a\x7fb", "a_b")],
    ],
)
def test_names_are_fit_for_every_system(name: str, as_file: str) -> None:
    assert file_name(name) == as_file
    assert file_name(as_file) == as_file


def test_long_words_are_not_searched_for_what_was_meant() -> None:
    begin = time.monotonic()
    assert suggest("a" * 200_000, ["abc" * 1000]) == ""
    assert time.monotonic() - begin < 0.1


def test_a_refusal_does_not_quote_a_file() -> None:
    assert len(str(Problem("x" * 3000, "y" * 100_000))) < 3000


def test_json_has_no_numbers_that_json_does_not_have() -> None:
    text = json_text({"a": [float("inf"), 1.5, {"b": float("nan")}], "c": ("é", -0.0)})
    assert json.loads(text) == {"a": [None, 1.5, {"b": None}], "c": ["é", 0.0]}


def test_control_characters_are_escapes_that_json_reads() -> None:
    hostile = "a\x1b[2Jb\x9bc\u202ed\re\ud800\n\té"
    clean = without_controls(hostile)
    assert clean == "a\\u001b[2Jb\\u009bc\\u202ed\\u000de\\ud800\n\té"
    assert json.loads(without_controls(json_text("\x9b\u202e"))) == "\x9b\u202e"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", "from hybrid.cli.app import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, env={**os.environ, **environment})


def test_output_in_an_old_encoding_replaces_what_it_cannot_spell(tmp_path: Path) -> None:
    (tmp_path / "Été.yaml").write_text("schema: mixrules/1\nid: x\ntitle: Été\nrules: []\n", encoding="utf-8")
    done = run("rules", "check", str(tmp_path / "Été.yaml"), PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert done.returncode == 0
    assert b"?t?.yaml" in done.stdout and not done.stderr


def test_titles_cannot_command_a_terminal(tmp_path: Path) -> None:
    rules = tmp_path / "x.yaml"
    text = 'schema: mixrules/1\nid: x\ntitle: "t\\e[2J\\u202e"\nrules:\n'
    rules.write_text(text + '  - {id: a.b, title: "\\e]0;x\\a", type: true_peak, target: -1 dBTP}\n')
    done = run("rules", "list", "--rules", str(rules))
    assert b"\x1b" not in done.stdout + done.stderr
    assert "\u202e".encode() not in done.stdout + done.stderr


def test_temporary_folders_of_killed_runs_are_cleared(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    mine = json.loads(this_process())
    owners = {
        "hybrid-killed": json.dumps({**mine, "started": 0.0}),
        "hybrid-running": json.dumps(mine),
        "hybrid-elsewhere": json.dumps({**mine, "host": "elsewhere", "started": 0.0}),
        "hybrid-torn": "",
        "hybrid-2024-mixes": None,
    }
    for name, owner in owners.items():
        (tmp_path / name).mkdir()
        if owner is not None:
            (tmp_path / name / ".hybrid-owner").write_text(owner)
    with scratch_folder() as folder:
        assert folder.parent.parent == tmp_path
        assert list(folder.iterdir()) == []
        assert {path.name for path in tmp_path.iterdir()} - {folder.parent.name} == set(owners) - {"hybrid-killed"}
    assert not folder.parent.exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users")
def test_a_cache_that_others_can_write_is_not_executed(tmp_path: Path) -> None:
    fault_of = start._fault_of_cache
    assert fault_of(str(tmp_path / "new" / "cache")) == ""
    assert (tmp_path / "new" / "cache").stat().st_mode & 0o777 == 0o700
    (tmp_path / "new" / "cache").chmod(0o777)
    assert "can be written by others" in fault_of(str(tmp_path / "new" / "cache"))
