"""`hybrid mix` from the command line: exit codes, messages, and files on disk."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from hybrid.cli.app import main
from hybrid.mixing import plan, programs

RATE = 16000
N = 3 * RATE // 2
_RULE = """\
schema: mixrules/1
id: mine
title: A test
license: CC0-1.0
rules:
  - id: lead.level
    type: lead_to_rest_ratio
    for: {tag: lead}
    against: {role: all, not: {tag: lead}}
    target: 0.5 LU
    tolerance: 2 LU
    acts_on: [gain.level]
    evidence: guess
"""
_SHARES = """\
  - id: balance
    type: role_budget
    targets: {bass: {target: 6 LU, tolerance: 1 LU}}
    acts_on: [gain.level]
    evidence: guess
"""


class Output(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def hybrid(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Output]:
    """Runs the command line."""
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)

    def run(*arguments: object) -> Output:
        monkeypatch.setattr(sys, "argv", ["hybrid", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        output = capfd.readouterr()
        return Output(int(left.value.code or 0), output.out, output.err)

    return run


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A folder of two tracks, whose names are awkward."""
    folder = tmp_path / "ein Lied"
    folder.mkdir()
    time_s = np.arange(N) / RATE
    noise = np.random.default_rng(0).normal(size=N)
    soundfile.write(folder / "bäss & <b>.wav", 0.2 * np.sin(2 * np.pi * 80 * time_s), RATE)
    soundfile.write(folder / "lead vocal.wav", 0.05 * noise * np.sin(2 * np.pi * 2 * time_s), RATE)
    return folder


def _float(samples: np.ndarray) -> Callable[[Path], None]:
    return lambda path: soundfile.write(path, samples, RATE, subtype="FLOAT")


def _cut(path: Path) -> None:
    soundfile.write(path, np.full(N, 0.1), RATE)
    path.write_bytes(path.read_bytes()[:N])


_BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (Path.touch, "is empty"),
    "not-audio": (lambda path: path.write_text("words " * 99), "cannot be read as audio"),
    "cut": (_cut, "is truncated"),
    "no-samples": (_float(np.zeros(0)), "has no samples"),
    "nan": (_float(np.append(np.zeros(RATE), np.nan)), "holds NaN at 1.000 s"),
    "infinite": (_float(np.append(np.ones(RATE), -np.inf)), "holds an infinite sample at 1.000 s"),
    "absurd": (_float(np.full(9, 1e30)), "holds a sample of 1e+30, 600 dBFS at 0.000 s"),
    "six": (_float(np.ones((9, 6))), "has 6 channels, expected 1 or 2"),
    "slow": (lambda path: soundfile.write(path, np.ones(9), 4000), "4000 Hz, expected 8000 to 192000 Hz"),
    "gone": (lambda path: path.symlink_to("nowhere"), "cannot be read: No such file"),
}


@pytest.mark.parametrize("kind", _BAD_FILES)
def test_an_unfit_file_is_named_and_nothing_is_written(
    kind: str, song: Path, tmp_path: Path, hybrid: Callable[..., Output]
) -> None:
    damage, what = _BAD_FILES[kind]
    damage(song / "gtr.wav")
    output = hybrid("mix", song, "-o", tmp_path / "out")
    assert output.code == 3
    assert output.err.startswith(f"{song / 'gtr.wav'}: ")
    assert what in output.err.splitlines()[0]
    assert output.out == ""
    assert [path.name for path in tmp_path.iterdir()] == [song.name]


def test_all_silent_tracks_are_refused(tmp_path: Path, hybrid: Callable[..., Output]) -> None:
    soundfile.write(tmp_path / "bass.wav", np.zeros(N), RATE)
    output = hybrid("mix", tmp_path, "-o", tmp_path / "out")
    assert (output.code, output.err) == (3, f"{tmp_path}: all tracks are silent: bass\n")


_BAD_RULES = {
    "unit": (_RULE.replace("0.5 LU", "0.5 Hz"), ":10:13: rules[0].target: expected a loudness difference"),
    "key": (_RULE.replace("target", "tarjet"), ":10:5: rules[0].tarjet: unknown key; did you mean target?"),
    "twice": (_RULE + "    target: 1 LU\n", ":14:5: duplicate key 'target', first given at line 10"),
    "cycle": (_RULE.replace("rules:", "extends: [./mine.yaml]\nrules:"), "extends itself: mine → mine"),
    "budget": (_RULE + _SHARES, "the shares add up to +6.0 LU of the mix: more than there is"),
    "syntax": ("a: [1", "mine.yaml:"),
}


@pytest.mark.parametrize("kind", _BAD_RULES)
def test_a_bad_rule_file_is_refused_at_its_place(
    kind: str, song: Path, tmp_path: Path, hybrid: Callable[..., Output]
) -> None:
    text, what = _BAD_RULES[kind]
    (tmp_path / "mine.yaml").write_text(text)
    output = hybrid("mix", song, "-o", tmp_path / "out", "--rules", tmp_path / "mine.yaml")
    assert output.code == 2
    assert what in output.err
    assert not (tmp_path / "out").exists()


_BAD_OPTIONS = {
    ("--set", "nonsense"): "expected rule.id.key=value",
    ("--set", "lead.levl.target=1LU"): "did you mean lead.level?",
    ("--set", "lead.level.target=5"): "without its unit",
    ("--rules", "bas"): "did you mean base?",
    ("--subtype", "PCM_8"): "PCM_16",
    ("--sample-rate", "44"): "8000",
    ("--steps", "-1"): "--steps",
}


@pytest.mark.parametrize("options", _BAD_OPTIONS, ids=" ".join)
def test_a_bad_option_is_refused(
    options: tuple[str, str], song: Path, tmp_path: Path, hybrid: Callable[..., Output]
) -> None:
    output = hybrid("mix", song, "-o", tmp_path / "out", *options)
    assert output.code == 2
    assert _BAD_OPTIONS[options] in output.err
    assert not (tmp_path / "out").exists()


def test_an_unknown_role_is_refused_at_its_place(song: Path, tmp_path: Path, hybrid: Callable[..., Output]) -> None:
    tracks = "tracks:\n  - {id: a, file: lead vocal.wav, role: bas}\n"
    (song / "song.yaml").write_text(f"schema: song/1\nname: x\n{tracks}")
    output = hybrid("mix", song, "-o", tmp_path / "out")
    assert output.code == 2
    assert "song.yaml:4:" in output.err
    assert "no such role: 'bas'; did you mean bass?" in output.err


@pytest.mark.parametrize("name", ["nowhere", "a" * 300])
def test_a_song_that_is_not_there_is_refused(name: str, tmp_path: Path, hybrid: Callable[..., Output]) -> None:
    assert hybrid("mix", tmp_path / name, "-o", tmp_path / "out").code == 2
    assert not list(tmp_path.iterdir())


def test_an_output_folder_in_the_way_is_refused(song: Path, tmp_path: Path, hybrid: Callable[..., Output]) -> None:
    before = sorted(tmp_path.rglob("*"))
    for out, what in (
        (song, "holds the input"),
        (tmp_path, "holds the input"),
        (song / "lead vocal.wav", "the input"),
        (song / "lead vocal.wav" / "out", "cannot be written"),
        (tmp_path / ("a" * 300), "cannot be written: File name too long"),
    ):
        output = hybrid("mix", song, "-o", out, "--overwrite")
        assert (output.code, what in output.err) == (2, True), output.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_writes_nothing(song: Path, tmp_path: Path, hybrid: Callable[..., Output]) -> None:
    output = hybrid("mix", song, "-o", tmp_path / "out", "--dry-run", "--json")
    assert output.code == 0
    assert json.loads(output.out)["matched"]["lead.level"] == ["lead vocal"]
    assert list(tmp_path.iterdir()) == [song]


def test_a_dry_run_of_the_demo_needs_no_folder(hybrid: Callable[..., Output]) -> None:
    output = hybrid("mix", "demo", "--dry-run", "--json")
    assert output.code == 0
    assert json.loads(output.out)["matched"]["lead.level"] == ["12_LeadVox"]


def test_a_mix_needs_a_folder_to_write(song: Path, hybrid: Callable[..., Output]) -> None:
    output = hybrid("mix", song)
    assert (output.code, output.err) == (2, "-o, --out: is missing: expected the folder to write\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_mix_that_is_stopped_leaves_nothing_behind(number: signal.Signals, song: Path, tmp_path: Path) -> None:
    command = "from hybrid.cli.app import main; main()"
    process = subprocess.Popen([sys.executable, "-c", command, "mix", song, "-o", tmp_path / "out"])
    while not list(tmp_path.glob(".out.*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait(300) == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
    assert list(tmp_path.iterdir()) == [song]


def test_a_set_without_rules_asks_for_nothing(song: Path, tmp_path: Path, hybrid: Callable[..., Output]) -> None:
    rules = tmp_path / "none.yaml"
    rules.write_text("schema: mixrules/1\nid: none\ntitle: No rules\nrules: []\n")
    output = hybrid("-q", "mix", song, "-o", tmp_path / "out", "--rules", rules, "--model", "none", "--steps", 2)
    assert (output.code, output.err) == (0, "")
    assert "0 of 0 rules kept" in output.out


@pytest.mark.long
def test_a_mix_that_compiles_is_stopped_at_once(song: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory):
    kept = tmp_path_factory.mktemp("programs")
    command = "from hybrid.cli.app import main; main()"
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(kept)}
    process = subprocess.Popen([sys.executable, "-c", command, "mix", song, "-o", tmp_path / "out"], env=environment)
    # a program is kept as it was traced, and then takes long to compile
    while not list(kept.glob("traced/*")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 143
    assert list(tmp_path.iterdir()) == [song]


def test_an_interrupted_mix_leaves_a_first_version_where_programs_are_new(
    song: Path, tmp_path: Path, hybrid: Callable[..., Output], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(plan, "refine", interrupted)
    monkeypatch.setattr(programs, "n_made", iter(range(100)).__next__)
    out = tmp_path / "out <i>"
    command = ("mix", song, "-o", out, "--rules", "loudness", "--steps", 50)
    output = hybrid(*command)
    assert output.code == 130
    assert "out <i>: a first version" in output.err and "out <i> keeps the first version" in output.err
    assert {path.name for path in out.iterdir()} == {"mix.wav", "settings.json", "report.html", ".hybrid"}
    assert [path.name for path in tmp_path.iterdir() if path != song] == [out.name]
    mix, rate = soundfile.read(out / "mix.wav")
    assert (rate, mix.shape) == (RATE, (N, 2)) and np.abs(mix).max() > 0.01
    made_with = json.loads((out / "settings.json").read_text(encoding="utf-8"))["made_with"]
    assert made_with["version"] == "first: not refined"
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "lead vocal" in page and "first version" in page and "bäss &amp; _b_" in page
    # an older folder of results is better than a first version: it stays until the new ones are complete
    again = hybrid(*command, "--overwrite")
    assert again.code == 130 and "first version" not in again.err and (out / "mix.wav").exists()


def test_a_mix_is_written_whole(
    song: Path, tmp_path: Path, hybrid: Callable[..., Output], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "n_made", iter(range(100)).__next__)
    out = tmp_path / "out <i>"
    command = ("mix", song, "-o", out, "--rules", "loudness", "--steps", 50, "--json", "--timings")
    output = hybrid(*command)
    assert (output.code, output.err.count("\n"), "first version" in output.err) == (0, 1, True)
    assert {"before", "after"} <= json.loads(output.out).keys()
    stages = {"start", "analyse", "preview", "refine", "rehearse", "render", "write"}
    taken = json.loads(output.out)["timings_s"]
    assert stages <= taken.keys() and min(taken.values()) >= 0.0
    written = {path.relative_to(out).as_posix() for path in out.rglob("*.*") if not path.name.startswith(".")}
    stems = {f"stems/{name}.wav" for name in ("bäss & _b_", "lead vocal")}
    assert written == {"mix.wav", "settings.json", "verdict.json", "report.html", *stems}
    mix, rate = soundfile.read(out / "mix.wav")
    assert (rate, mix.shape, soundfile.info(out / "mix.wav").subtype) == (RATE, (N, 2), "PCM_24")
    apart = mix - sum(soundfile.read(path)[0] for path in (out / "stems").iterdir())
    assert 20 * np.log10(np.abs(apart).max() + 1e-12) < -90
    for name in ("settings.json", "verdict.json"):
        assert json.loads((out / name).read_text(encoding="utf-8"))["made_with"]
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "lead vocal" in report
    assert not re.search(r"<script>alert|@import|(?:src|href)=[\"']?(?:https?:|//|file:)", report)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([song.name, out.name])
    again = hybrid(*command)
    assert (again.code, "exists" in again.err, "--overwrite" in again.err) == (2, True, True)
