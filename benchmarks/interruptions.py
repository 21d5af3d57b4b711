"""Runs that are killed and resumed: python benchmarks/interruptions.py [WHAT...] [-n KILLS]

A batch, a study and a training run are killed (SIGKILL, the main process alone) at random times and resumed, over and
over, and then left to end: all their files are compared with those of a run that nobody interrupted. Mixes are sent
SIGINT and SIGTERM at random times. Prints how often, what differs, which processes outlived a kill by 40 s, how long a
mix took to stop, and what it left behind. Minutes for each.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import psutil
import soundfile

RATE, SECONDS = 22050, 6.0
LONGEST_LIFE_S = 40.0
"""Workers look for their parent every 2 s, and have 30 s to clean up."""
NOT_COMPARED = ("summary", "tfevents", "report.html", ".hybrid", "checkpoints")
"""Names of files that tell times, are named at random, or differ in what they are compressed with. Of a checkpoint's
arrays, the weights are compared."""
TIMES = ("seconds", "created", "wall_s", "time", "took_s", "compiled")
"""What differs between two runs: times, and how many programs a process had compiled before."""

STUDY = """\
schema: study/1
title: A study that is killed
songs:
  - {{dataset: {songs}}}
seeds: [0]
rules: [loudness, output]
model: none
steps: 3
arms:
  - leave_one_out: [lead.level]
  - controls: [raw, no_rules]
"""
RECIPE = """\
schema: recipe/1
about: a run that is killed
data: [{songs: 4, validation: 2}]
rules: [[loudness]]
network: {frame: 16, whole: 24, n_moment_blocks: 1, n_whole_blocks: 1, n_unrolled_steps: 1}
batch: 2
steps: 12
warm_up: 2
validate_every: 3
"""


def write_songs(folder: Path, n: int = 4) -> None:
    """Songs of noise and tones, so short that most of the time of a run is not theirs."""
    length = int(RATE * SECONDS)
    time_s = np.arange(length) / RATE
    for number in range(n):
        rng = np.random.default_rng(number)
        song = folder / f"song {number}"
        song.mkdir(parents=True)
        beats = np.exp(-(time_s % 0.5) / 0.05) * rng.standard_normal(length)
        for name, signal_ in (
            ("Kick", np.sin(2 * np.pi * 60 * time_s) * np.exp(-(time_s % 0.5) / 0.1)),
            ("Snare", beats),
            ("Vox", np.sin(2 * np.pi * (220 + 10 * number) * time_s)),
        ):
            soundfile.write(song / f"{name}.wav", 0.2 * signal_, RATE, "PCM_16")


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-c", "from hybrid.cli.app import main; main()", *map(str, arguments)]


def content(folder: Path) -> dict[str, str]:
    """Digests of all files of a run by their paths, of records without what they say of time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or any(part in name for part in NOT_COMPARED):
            continue
        data = path.read_bytes()
        if path.suffix == ".jsonl":
            # rows of processes that work side by side come in any order
            data = "\n".join(sorted(map(_without_times, data.decode().splitlines()))).encode()
        elif path.suffix == ".json":
            data = _without_times(data.decode()).encode()
        found[name] = hashlib.sha256(data).hexdigest()
    return found


def _without_times(text: str) -> str:
    """JSON without what differs between two runs, at any depth."""

    def without(pairs: list[tuple[str, object]]) -> dict[str, object]:
        return {key: value for key, value in pairs if key not in TIMES}

    try:
        return json.dumps(json.loads(text, object_pairs_hook=without), sort_keys=True)
    except ValueError:
        return text


def outlived(processes: list[psutil.Process]) -> list[int]:
    """Processes that are still there after as long as they may take."""
    _, alive = psutil.wait_procs(processes, timeout=LONGEST_LIFE_S)
    return [process.pid for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def killed_and_resumed(what: str, arguments: list[str | Path], root: Path, n_kills: int, seed: int) -> str:
    """How a run that is killed `n_kills` times compares with one that is not."""
    rng = random.Random(seed)
    subprocess.run(command(*arguments, "-o", root / "whole"), check=True, capture_output=True)
    # a run that finds its programs compiled, as those that are killed do
    start = time.monotonic()
    subprocess.run(command(*arguments, "-o", root / "again"), check=True, capture_output=True)
    whole_s, left, n_killed, out = time.monotonic() - start, [], 0, root / "killed"
    for _ in range(n_kills):
        resume = ["--resume"] if out.exists() else []
        run = subprocess.Popen(
            command(*arguments, "-o", out, *resume), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(rng.uniform(0.5, 0.8 * whole_s))
        try:
            children = psutil.Process(run.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            children = []
        n_killed += run.poll() is None
        run.kill()
        run.wait()
        left += outlived(children)
    resume = ["--resume"] if out.exists() else []
    last = subprocess.run(command(*arguments, "-o", out, *resume), capture_output=True, text=True)
    if last.returncode:
        return f"| {what} | {n_killed} | {len(left)} | fails to resume: {last.stderr.strip().splitlines()[-1:]} |"
    wanted, found = content(root / "whole"), content(out)
    different = [name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)]
    hidden = [path.name for path in out.rglob(".*") if path.name != ".hybrid"]
    same = f"{len(wanted)} files are the same" if not different else f"differ: {', '.join(sorted(different)[:5])}"
    return f"| {what} | {n_killed} | {len(left)} | {same}{f', left: {hidden[:3]}' if hidden else ''} |"


def interrupted_mixes(songs: Path, root: Path, n: int, seed: int) -> str:
    """How mixes end that are sent a signal."""
    rng, slowest, wrong, left = random.Random(seed), 0.0, 0, 0
    arguments = command("mix", songs / "song 0", "-o", root / "mix", "--steps", "20")
    subprocess.run(arguments, check=True, capture_output=True)
    start = time.monotonic()
    subprocess.run([*arguments, "--overwrite"], check=True, capture_output=True)
    whole_s = time.monotonic() - start
    shutil.rmtree(root / "mix")
    for number in range(n):
        run = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.3, 0.9 * whole_s))
        sent = (signal.SIGINT, signal.SIGTERM)[number % 2]
        begin = time.monotonic()
        run.send_signal(sent)
        code = run.wait()
        slowest = max(slowest, time.monotonic() - begin)
        is_done = (root / "mix" / "mix.wav").is_file()
        wrong += code not in (128 + sent, -sent) and not (code == 0 and is_done)
        left += len([path for path in root.iterdir() if path.name.startswith(".mix")])
        shutil.rmtree(root / "mix", ignore_errors=True)
    return f"| mix, signals | {n} | {left} hidden folders | {wrong} wrong exit codes, {slowest:.1f} s to stop at most |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["batch", "study", "training", "mix"])
    parser.add_argument("-n", type=int, default=5, help="kills of each run; four times as many signals to mixes")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("| run | interrupted | left behind | then |\n|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        songs = folder / "songs"
        write_songs(songs)
        (folder / "study.yaml").write_text(STUDY.format(songs=songs))
        (folder / "recipe.yaml").write_text(RECIPE)
        runs: Mapping[str, list[str | Path]] = {
            "batch": ["batch", songs, "--steps", "3", "--jobs", "2", "--rules", "loudness"],
            "study": ["ablate", folder / "study.yaml", "--jobs", "2"],
            "training": ["train", folder / "recipe.yaml"],
        }
        for what in options.what:
            root = folder / what
            root.mkdir()
            if what == "mix":
                print(interrupted_mixes(songs, root, 4 * options.n, options.seed), flush=True)
            else:
                print(killed_and_resumed(what, runs[what], root, options.n, options.seed), flush=True)


if __name__ == "__main__":
    main()
