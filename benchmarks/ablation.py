"""One study against its arms as separate commands: python benchmarks/ablation.py SONG_FOLDER [--arms 20] [--steps 100]

Times `hybrid ablate` over one song and one seed, and then, one after another, `hybrid mix` and `hybrid judge` for every
arm of it; both after everything was compiled once. Prints both times and their ratio.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

HYBRID = (sys.executable, "-c", "from hybrid.cli.app import main; main()")


def timed(*arguments: str) -> float:
    """Wall time of a command, s."""
    start = time.perf_counter()
    done = subprocess.run([*HYBRID, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return time.perf_counter() - start


def main() -> None:
    """Prints the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path)
    parser.add_argument("--arms", type=int, default=20)
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    shipped = yaml.safe_load((Path(__file__).parents[1] / "train/ablations/leave_one_out.yaml").read_text())
    rules = shipped["arms"][0]["leave_one_out"][: options.arms]
    study = {**shipped, "seeds": [0], "steps": options.steps, "songs": [], "arms": [{"leave_one_out": rules}]}
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        songs = root / "songs"
        shutil.copytree(options.song, songs / options.song.name)
        song = songs / options.song.name
        human = next(iter(sorted(song.glob("mix.*"))), None)
        (root / "study.yaml").write_text(json.dumps(study))

        def whole(name: str) -> float:
            return timed("ablate", str(root / "study.yaml"), "--songs", str(songs), "-o", str(root / name))

        def apart(number: int, rule: str | None) -> float:
            out = root / f"arm{number}"
            off = ["--set", f"{rule}.enabled=false"] if rule else []
            took = timed("mix", str(song), "-o", str(out), "--steps", str(options.steps), *off)
            against = ["--against", str(human)] if human else []
            return took + timed("judge", str(out / "mix.wav"), "--song", str(song), *against)

        whole("warm")
        apart(-1, None)
        together = whole("study")
        one_by_one = sum(apart(number, rule) for number, rule in enumerate([None, *rules]))
        rows = [json.loads(line) for line in (root / "study" / "rows.jsonl").read_text().splitlines()]
    print(f"{len(rows)} mixes of {options.song.name}, {options.steps} steps")
    print(f"one study: {together:.1f} s; as separate commands: {one_by_one:.1f} s; ratio {together / one_by_one:.2f}")


if __name__ == "__main__":
    main()
