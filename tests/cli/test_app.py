"""What all commands share: how much they say, logs, completion, and the words of the help."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hybrid import __version__, shelf
from hybrid.cli.app import _COMMANDS
from hybrid.cli.log import logged
from hybrid.cli.progress import now_and_then
from hybrid.cli.signals import Verbosity
from hybrid.knowledge.types import TYPES


def _completed(line: str) -> set[str]:
    """What a shell is offered for the last word of a line."""
    words = line.split(" ")
    environment = {**os.environ, "_HYBRID_COMPLETE": "complete_bash", "COMP_WORDS": line}
    environment["COMP_CWORD"] = str(len(words) - 1)
    command = [sys.executable, "-c", "from hybrid.cli.app import main; main()"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    return set(done.stdout.split())


def test_the_package_is_the_command():
    done = subprocess.run([sys.executable, "-m", "hybrid", "-V"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"hybrid {__version__}\n")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("hybrid ru", {"rules"}),
        ("hybrid mix --rules genres/r", {"genres/rock"}),
        ("hybrid mix --model b", {"base"}),
        ("hybrid mix --set lead.level.tar", {"lead.level.target="}),
        ("hybrid rules explain true_p", {name for name in TYPES if name.startswith("true_p")}),
        ("hybrid ablate by", {"by_family"}),
        ("hybrid batch musdb18", {name for name in shelf.names("datasets") if name.startswith("musdb18")}),
    ],
)
def test_shells_complete_names(line: str, offered: set[str]):
    assert offered and _completed(line) == offered


def test_a_log_has_every_line_with_its_time_and_errors_too(tmp_path: Path, hybrid):
    log, broken = tmp_path / "run.log", tmp_path / "broken.yaml"
    broken.write_text("schema: mixrules/1\nid: broken\nrulez: []\n")
    for _ in range(2):
        code, _, err = hybrid("--log-file", str(log), "rules", "check", str(broken))
        assert code == 2 and "rulez" in err
    lines = log.read_text().splitlines()
    assert len(lines) == 2 and all(
        re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* .*rulez: unknown key", line) for line in lines
    )
    code, _, err = hybrid("--log-file", str(tmp_path / "no" / "run.log"), "rules", "list")
    assert code == 2 and "cannot be written" in err


def test_quiet_says_nothing_but_the_log_does(tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch):
    monkeypatch.setattr("hybrid.cli.progress._QUIET_S", 0.02)
    monkeypatch.setattr("hybrid.cli.progress._EVERY_S", 0.02)
    with (tmp_path / "log").open("w") as log, now_and_then(lambda: "still", Verbosity(is_quiet=True, log=log)):
        time.sleep(0.2)
    assert capsys.readouterr().err == ""
    assert "still" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("command", _COMMANDS)
def test_the_help_speaks_in_words_not_in_types_of_python(command: str, hybrid):
    code, out, _ = hybrid(command, "--help")
    assert code == 0
    options = out.partition("Options:")[2]
    assert not re.search(r"<(str|int|path|float|list)", options)


def test_a_fault_is_one_line_and_in_the_log(tmp_path: Path, hybrid, monkeypatch):
    def fail() -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr("hybrid.cli.schema.schema", fail)
    log = tmp_path / "run.log"
    code, _, err = hybrid("--log-file", str(log), "schema")
    assert code == 1 and err.startswith("ZeroDivisionError: by nothing") and "Traceback" not in err
    assert "ZeroDivisionError: by nothing" in log.read_text()
    code, _, err = hybrid("-v", "schema")
    assert code == 1 and "Traceback" in err


def test_a_line_after_one_that_was_redrawn_is_logged_as_it_is_seen(tmp_path: Path):
    with (tmp_path / "log").open("w") as log, logged(log):
        sys.stderr.write("\r\x1b[Ksong 1 of 2")
        sys.stderr.write("\r\x1b[Kone: \x1b[1mwarning\x1b[0m\n")
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert line.endswith(" one: warning") and "song 1" not in line


def test_results_are_logged_too_and_stay_what_they_are(tmp_path: Path, hybrid):
    log = tmp_path / "run.log"
    code, out, _ = hybrid("--log-file", str(log), "rules", "list", "--json")
    assert code == 0 and len(json.loads(out)) > 10
    assert "base" in log.read_text()


def test_bars_that_are_drawn_again_are_not_logged(tmp_path: Path):
    with (tmp_path / "log").open("w") as log, logged(log):
        sys.stderr.write("\x1b[2Kanalyse 100 %\nrefine 3 %\r\x1b[1A\x1b[2Kanalyse 100 %\nrefine 9 %")
        sys.stderr.write("\r\x1b[2Kwrote out\n\r\x1b[Kone note\n")
    assert [line.split(" ", 2)[2] for line in (tmp_path / "log").read_text().splitlines()] == ["one note"]


def test_completion_after_a_mistyped_command_prints_no_fault():
    assert _completed("hybrid mxi ") == set(_COMMANDS)
