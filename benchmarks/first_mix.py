"""What a user waits for: the first mix on a machine, the first of a shape, and the effect of an edited rule.

python benchmarks/first_mix.py [--against CHECKOUT] [--rounds 3] [--cases demo,rule,parameter,shape,first]

Every mix is made in a process of its own; `--against` runs each case with another checkout too, in turn, so that both
meet the same machine. Prints medians of wall time, CPU time and the largest resident set.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from disk_to_disk import write_song

HERE = Path(__file__).parents[1]
COMMAND = "import sys; sys.path.insert(0, {!r}); from hybrid.cli.app import main; main()"
ADDED = """
schema: mixrules/1
id: added
title: One rule more
license: CC0-1.0
extends: [base]
rules:
  - {id: mask.added, type: spectral_overlap, max: 0.9, weight: weak}
"""
CHANGED = "mask.general.offset=5 dB"


class Cost(NamedTuple):
    """What a process took."""

    wall_s: float
    cpu_s: float
    peak_mib: float
    first_s: float
    """Until something could be heard in the folder of results; that of the whole where nothing was earlier."""


class Bench(NamedTuple):
    """A checkout, with a folder for its caches and results."""

    checkout: Path
    scratch: Path

    def mix(self, caches: str, *arguments: str) -> Cost:
        """A mix in a process of its own, with the compiled programs of these caches."""
        out = self.scratch / "out"
        shutil.rmtree(out, ignore_errors=True)
        environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(self.scratch / caches)}
        start, first_s = time.monotonic(), 0.0
        command = [sys.executable, "-c", COMMAND.format(str(self.checkout)), "mix", *arguments, "-o", str(out)]
        with (self.scratch / "log").open("w") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
            while True:
                ended, status, usage = os.wait4(process.pid, os.WNOHANG)
                if not first_s and (out / "mix.wav").exists():
                    first_s = time.monotonic() - start
                if ended:
                    break
                time.sleep(0.05)
        if status:
            raise SystemExit((self.scratch / "log").read_text())
        wall_s = time.monotonic() - start
        return Cost(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, first_s)


def demo(bench: Bench) -> Iterator[tuple[str, Cost]]:
    """The README's first command, and once more."""
    yield "demo, caches empty", bench.mix("demo", "demo")
    yield "demo, caches warm", bench.mix("demo", "demo")


def rule(bench: Bench) -> Iterator[tuple[str, Cost]]:
    """A rule added to base, where base is warm."""
    added = bench.scratch / "added.yaml"
    added.write_text(ADDED)
    bench.mix("rule", "demo")
    yield "one rule added", bench.mix("rule", "demo", "--rules", str(added))
    yield "with it, caches warm", bench.mix("rule", "demo", "--rules", str(added))


def parameter(bench: Bench) -> Iterator[tuple[str, Cost]]:
    """A parameter changed that is part of the program, where base is warm."""
    bench.mix("parameter", "demo")
    yield "one parameter changed", bench.mix("parameter", "demo", "--set", CHANGED)
    yield "with it, caches warm", bench.mix("parameter", "demo", "--set", CHANGED)


def shape(bench: Bench) -> Iterator[tuple[str, Cost]]:
    """A song of another shape, where the demo's is warm."""
    bench.mix("shape", "demo")
    song = _song(bench, 8, 180)
    yield "8 tracks of 3 min, a new shape", bench.mix("shape", str(song))
    yield "8 tracks of 3 min, caches warm", bench.mix("shape", str(song))


def first(bench: Bench) -> Iterator[tuple[str, Cost]]:
    """The first sound of a song, with empty caches."""
    yield "8 tracks of 3 min, caches empty", bench.mix("first", str(_song(bench, 8, 180)))


CASES = {case.__name__: case for case in (demo, rule, parameter, shape, first)}


def _song(bench: Bench, n_tracks: int, seconds: int) -> Path:
    song = bench.scratch / f"{n_tracks}x{seconds}"
    if not song.exists():
        write_song(song, n_tracks, seconds)
    return song


def main() -> None:
    """Prints a line for each mix, and in the end a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", default=",".join(CASES))
    asked = parser.parse_args()
    checkouts = {"here": HERE, **({"there": asked.against.resolve()} if asked.against else {})}
    costs: dict[tuple[str, str], list[Cost]] = {}
    for _ in range(asked.rounds):
        for case in asked.cases.split(","):
            for where, checkout in checkouts.items():
                with tempfile.TemporaryDirectory() as scratch:
                    for name, cost in CASES[case](Bench(checkout, Path(scratch))):
                        costs.setdefault((name, where), []).append(cost)
                        print(f"{name}, {where}: {' '.join(f'{each:.1f}' for each in cost)}", flush=True)
    print("\n| | | wall, s | CPU, s | peak, MiB | first sound, s |\n|---|---|---|---|---|---|")
    for (name, where), found in costs.items():
        print(f"| {name} | {where} | {' | '.join(f'{median(each):.1f}' for each in zip(*found, strict=True))} |")


if __name__ == "__main__":
    main()
