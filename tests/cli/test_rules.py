from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hybrid import __version__, shelf
from hybrid.knowledge.resolve import load_rules

GOOD = "schema: mixrules/1\nid: good\nrules: [{id: peak, type: true_peak, max: -1 dBTP, evidence: standard}]\n"
BAD = "schema: mixrules/1\nid: bad\nrules:\n  - {id: peak, type: true_peak, max: -1 dBFS, scael: 1 dB}\n"


def _modules_after(*arguments: str) -> set[str]:
    code = (
        f"import sys; sys.argv = ['hybrid', *{arguments!r}]\n"
        "from hybrid.cli.app import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('\\n' + ' '.join(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["rules", "list"],
        ["rules", "check", "base"],
        ["rules", "explain", "lead.level"],
        ["rules", "explain", "true_peak", "--json"],
        ["rules", "diff", "base", "loudness"],
    ],
)
def test_help_and_commands_on_rules_never_import_jax(arguments: list[str]):
    heavy = {"jax", "jaxlib", "flax", "optax", "scipy", "matplotlib", "librosa", "soundfile"}
    assert not heavy & _modules_after(*arguments)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["rules", "show", "base"]])
def test_an_output_that_cannot_be_written_is_reported_in_one_line(arguments: list[str]):
    code = f"import sys; sys.argv = ['hybrid', *{arguments!r}]\nfrom hybrid.cli.app import main\nmain()\n"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "standard output: cannot be written: No space left on device\n")


def test_a_closed_pipe_is_no_error():
    code = "import sys; sys.argv = ['hybrid', 'rules', 'show', 'base']\nfrom hybrid.cli.app import main\nmain()\n"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""


def test_help_lists_every_command(hybrid):
    code, out, _ = hybrid("--help")
    assert code == 0
    assert all(f"\n  {name} " in out for name in ("mix", "scan", "check", "rules"))


def test_the_version_is_printed(hybrid):
    assert hybrid("--version") == (0, f"hybrid {__version__}\n", "")


def test_an_unknown_command_is_a_usage_error(hybrid):
    code, out, err = hybrid("mxi")
    assert (code, out) == (2, "")
    assert "no command 'mxi'; did you mean mix?" in err


def test_list_names_every_shipped_file_with_its_title(hybrid):
    code, out, _ = hybrid("rules", "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows.keys() == set(shelf.names("rules"))
    assert rows["base"]["title"] == "Conservative rules for pop and rock"
    assert rows["base"]["rules"] == len(load_rules(["base"]).rules)
    assert "Conservative rules for pop and rock" in hybrid("rules", "list")[1]


def test_list_shows_a_file_that_is_not_valid(hybrid, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "bad.yaml").write_text(BAD)
    code, out, _ = hybrid("rules", "list")
    assert code == 0
    assert "not valid: hybrid rules check rules/bad.yaml" in out


def test_show_gives_every_value_with_its_place(hybrid):
    code, out, _ = hybrid("rules", "show", "base", "--set", "out.loudness.target=-14 LUFS")
    assert code == 0
    assert "    target: -14 LUFS  # --set\n" in out
    assert "    max: -1 dBTP  # output.yaml:" in out


def test_show_as_json_is_one_document(hybrid):
    code, out, _ = hybrid("rules", "show", "output", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["hash"] == load_rules(["output"]).hash
    assert "output.yaml:" in document["provenance"]["out.true-peak"]["max"]


def test_check_reports_the_evidence_of_the_rules(hybrid, tmp_path: Path):
    (tmp_path / "good.yaml").write_text(GOOD)
    code, out, err = hybrid("rules", "check", str(tmp_path / "good.yaml"), "base")
    assert (code, err) == (0, "")
    assert "good.yaml: 1 rules, files: 1, no mistakes" in out
    assert "1 standard; 0% guesses" in out
    assert "spectrum.tilt excludes spectrum.curve" in out


def test_check_names_all_mistakes_of_all_files_and_exits_with_2(hybrid, tmp_path: Path):
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(BAD)
    (tmp_path / "worse.yaml").write_text("a: 1\na: 2\n")
    paths = [str(tmp_path / f"{name}.yaml") for name in ("good", "bad", "worse")]
    code, out, err = hybrid("rules", "check", *paths)
    assert code == 2
    assert "good.yaml: 1 rules" in out
    assert f"{paths[1]}:4:38: rules[0].max: expected a true-peak level" in err
    assert f"{paths[1]}:4:47: rules[0].scael: unknown key; did you mean scale?" in err
    assert f"{paths[2]}:2:1: duplicate key 'a', first given at line 1" in err


def test_check_prints_warnings_on_stderr_and_passes(hybrid, tmp_path: Path):
    (tmp_path / "odd.yaml").write_text(GOOD.replace("evidence", "cite: [X], evidence"))
    code, out, err = hybrid("rules", "check", "--json", str(tmp_path / "odd.yaml"))
    assert code == 0
    assert err.startswith("warning: ")
    (report,) = json.loads(out).values()
    assert "'X' is not in the bibliography" in report["warnings"][0]


def test_the_schema_is_printed_as_json(hybrid):
    code, out, _ = hybrid("rules", "schema")
    assert code == 0
    assert json.loads(out)["properties"]["schema"]["const"] == "mixrules/1"


def test_an_interruption_is_one_line_and_exits_with_130(hybrid, monkeypatch):
    def interrupt(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shelf, "names", interrupt)
    assert hybrid("rules", "list") == (130, "", "interrupted\n")


_FAULTY = """
from hybrid import shelf
from hybrid.cli.app import main

def fail(kind):
    raise RuntimeError("no such luck")

shelf.names = fail
main()
"""


@pytest.mark.parametrize(("debug", "shows_trace"), [("", False), ("1", True)])
def test_a_fault_of_the_program_is_short_without_debug(debug: str, shows_trace: bool):
    command = [sys.executable, "-c", _FAULTY, "rules", "list"]
    process = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HYBRID_DEBUG": debug})
    assert process.returncode == 1
    assert "RuntimeError: no such luck" in process.stderr
    assert ("Traceback" in process.stderr) is shows_trace


def test_a_single_rule_is_shown_with_its_places(hybrid):
    code, out, err = hybrid("rules", "show", "base", "lead.level")
    assert (code, err) == (0, "") and out.startswith("  - id: lead.level") and "id: mask.lead" not in out
    assert json.loads(hybrid("rules", "show", "lead.level", "--json")[1])["rules"][0]["type"] == "lead_to_rest_ratio"
    code, _, err = hybrid("rules", "show", "base", "lead.levle")
    assert code == 2 and "lead.levle: is no rule and no file; did you mean lead.level?" in err
