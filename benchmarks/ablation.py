"""Time of one study against that of its arms as separate commands: python benchmarks/ablation.py SONGS [--arms 20]

Times `hybrid ablate` over all songs, arms and seeds. Then times `hybrid mix` and `hybrid judge`, one after another, for
a random sample of those mixes, equally many of each song, and extrapolates to all of them; `--apart 0` makes all. Both
after everything was compiled once. Prints both times and their ratio, with an interval over the sample.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

HYBRID = (sys.executable, "-c", "from hybrid.cli.app import main; main()")
STUDY = Path(__file__).parents[1] / "train/ablations/leave_one_out.yaml"


def timed(*arguments: str) -> float:
    """Wall time of a command, s."""
    start = time.perf_counter()
    done = subprocess.run([*HYBRID, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return time.perf_counter() - start


def ablate(songs: Path, rules: list[str], seeds: int, steps: int, out: Path) -> float:
    """Time of one study, s."""
    shipped = yaml.safe_load(STUDY.read_text())
    study = {**shipped, "seeds": list(range(seeds)), "steps": steps, "arms": [{"leave_one_out": rules}]}
    path = out.with_suffix(".yaml")
    path.write_text(json.dumps(study))
    return timed("ablate", str(path), "--songs", str(songs), "-o", str(out))


def alone(song: Path, rule: str | None, seed: int, steps: int, out: Path) -> float:
    """Time of one mix of the study by commands of its own, s."""
    off = ["--set", f"{rule}.enabled=false"] if rule else []
    took = timed("mix", str(song), "-o", str(out), "--steps", str(steps), "--seed", str(seed), *off)
    human = next(iter(sorted(song.glob("mix.*"))), None)
    against = ["--against", str(human)] if human else []
    return took + timed("judge", str(out / "mix.wav"), "--song", str(song), *against)


def main() -> None:
    """Prints the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("songs", type=Path)
    parser.add_argument("--arms", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--apart", type=int, default=3, help="mixes of each song by separate commands; 0 for all")
    parser.add_argument("--out", type=Path, help="keeps the study here")
    options = parser.parse_args()
    rules = yaml.safe_load(STUDY.read_text())["arms"][0]["leave_one_out"][: options.arms]
    songs = sorted(path for path in options.songs.iterdir() if path.is_dir())
    arms = list(itertools.product([None, *rules], range(options.seeds)))
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        ablate(options.songs, rules[:1], 1, options.steps, root / "warm")
        together = ablate(options.songs, rules, options.seeds, options.steps, options.out or root / "study")
        print(f"one study, {len(arms)} mixes of each of {len(songs)} songs: {together:.0f} s", flush=True)
        took = []
        for number, song in enumerate(songs):
            alone(song, None, 0, options.steps, root / f"warm{number}")
            drawn = rng.permutation(len(arms))[: options.apart or None]
            mixes = [(*arms[k], root / f"{number}-{k}") for k in drawn]
            times = [alone(song, rule, seed, options.steps, out) for rule, seed, out in mixes]
            took.append(np.array(times))
            print(f"{song.name}: {np.mean(times):.1f} s for one of them alone, {len(times)} made", flush=True)
    # bootstrap: draws with replacement from the timed mixes of each song
    draws = [len(arms) * sum(rng.choice(each, len(each)).mean() for each in took) for _ in range(2000)]
    apart = len(arms) * sum(each.mean() for each in took)
    low, high = np.quantile(together / np.array(draws), (0.025, 0.975))
    print(f"as separate commands: {apart:.0f} s; ratio {together / apart:.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
