"""Time of a mix from disk to disk, by stage, and its memory: python benchmarks/disk_to_disk.py

Makes songs by repeating the demo's tracks, mixes each in two processes, the first of which finds the compilation cache
empty, and prints wall time and the largest resident set of each, and times real time by stage in a third, warm one.
Arguments: tracks x seconds, such as 8x180 60x600 (the default).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from hybrid.corpus.demo import SAMPLE_RATE, demo_tracks


def write_song(folder: Path, n_tracks: int, seconds: int) -> None:
    """Writes a song in 16 bits, made of the demo's tracks; repeated ones are shifted in time."""
    tracks = list(demo_tracks().items())
    folder.mkdir(parents=True)
    for index in range(n_tracks):
        name, samples = tracks[index % len(tracks)]
        n = seconds * SAMPLE_RATE
        repeated = np.tile(samples, (1, -(-n // samples.shape[1])))[:, :n]
        repeated = np.roll(repeated, 4410 * index, axis=1) if index >= len(tracks) else repeated
        soundfile.write(folder / f"{index + 1:02d}_{name.split('_')[-1]}.wav", repeated.T, SAMPLE_RATE, "PCM_16")


def stages(song: Path, out: Path) -> dict[str, float]:
    """Time of each stage of one mix in this process with warm caches, s."""
    from hybrid.audio.manifest import load_song
    from hybrid.audio.read import open_song
    from hybrid.knowledge.resolve import load_rules
    from hybrid.mixing.deliver import Format, deliver
    from hybrid.mixing.plan import MixConfig, plan_mix

    rules, loaded = load_rules(["base"]), load_song(song)
    for attempt in range(2):
        marks: list[tuple[str, float]] = []
        folder = out / str(attempt)
        folder.mkdir(parents=True)

        def note(stage: str, share: float, marks: list[tuple[str, float]] = marks) -> None:
            marks.append((stage, time.perf_counter()))

        start = time.perf_counter()
        with open_song(loaded) as reader:
            plan = plan_mix(loaded, reader, rules, MixConfig(300), note)
            planned = time.perf_counter()
            deliver(plan, reader, folder, Format(loaded.sample_rate, "PCM_24"), note)
        end = time.perf_counter()
        analysed = max(t for stage, t in marks if stage == "analyse")
        refined = max(t for stage, t in marks if stage == "refine")
        rehearsed = max(t for stage, t in marks if stage == "rehearse")
    return {
        "analyse": analysed - start,
        "refine": refined - analysed,
        "judge in advance": planned - refined,
        "rehearse": rehearsed - planned,
        "write": end - rehearsed,
        "all": end - start,
    }


def main() -> None:
    """Prints a row for each size of song."""
    sizes = sys.argv[1:] or ["8x180", "60x600"]
    with tempfile.TemporaryDirectory() as scratch:
        for each in sizes:
            n_tracks, seconds = map(int, each.split("x"))
            song = Path(scratch) / each
            write_song(song, n_tracks, seconds)
            command = [sys.executable, "-c", "from hybrid.cli.app import main; main()", "mix", str(song), "-o"]
            os.environ["JAX_COMPILATION_CACHE_DIR"] = str(Path(scratch) / f"{each}-programs")
            for run in ("cold", "warm"):
                start = time.perf_counter()
                process = subprocess.Popen([*command, str(Path(scratch) / f"{each}-{run}")], stdout=subprocess.DEVNULL)
                _, status, used = os.wait4(process.pid, 0)
                wall = time.perf_counter() - start
                rate, peak_mb = seconds / wall, used.ru_maxrss / 1024
                print(f"{each} {run}: {wall:.1f} s, {rate:.0f} times real time, {peak_mb:.0f} MiB", flush=True)
                if status:
                    sys.exit(f"{each} failed")
            if n_tracks <= 16:
                took = stages(song, Path(scratch) / f"{each}-stages")
                print(json.dumps({stage: round(s, 2) for stage, s in took.items()}), flush=True)
                rates = {stage: round(seconds / took[stage]) for stage in ("analyse", "rehearse", "write")}
                print(f"times real time: {json.dumps(rates)}", flush=True)


if __name__ == "__main__":
    main()
