"""Speed of mixing a data set, and its results after being killed: python benchmarks/batch.py [--kills 10]

Makes 40 songs of 8 tracks and 60 s, a few of them broken on purpose, and mixes them with `--steps 0 --only-mix`: with
one process on one core and on all, with one per core, and on Ray, where that is installed; prints times real time,
how they compare, and how the largest resident set of the processes grew over the run. Then asks a finished run of
1,000 records to go on. With --kills, a run over short songs is killed that many times at random moments and resumed
each time; its files must be those of a run that was left alone.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from disk_to_disk import write_song

HYBRID = (sys.executable, "-c", "from hybrid.cli.app import main; main()")
QUICK = ("--steps", "0", "--only-mix")
BROKEN = 3
_CHILD_PAUSE_S = 0.5
_RUNNING_RAY = "Ray, that was up already"


def write_set(root: Path, n_songs: int, n_tracks: int, seconds: int) -> None:
    """Songs that differ in a gain of each track; beside them three that are broken."""
    write_song(root / "song 000", n_tracks, seconds)
    rng = np.random.default_rng(0)
    for number in range(1, n_songs):
        folder = root / f"song {number:03d}"
        folder.mkdir()
        for path in sorted((root / "song 000").iterdir()):
            samples, rate = soundfile.read(path, dtype="float32")
            soundfile.write(folder / path.name, np.float32(rng.uniform(0.2, 0.9)) * samples, rate, "PCM_16")
    cut = root / "broken cut"
    shutil.copytree(root / "song 000", cut)
    first = min(cut.iterdir())
    first.write_bytes(first.read_bytes()[:-10000])
    (root / "broken empty").mkdir()
    nan = root / "broken nan"
    nan.mkdir()
    soundfile.write(nan / "Bass.wav", np.full(44100, np.nan, np.float32), 44100, "FLOAT")


def resident_mib(process: subprocess.Popen) -> float:
    """Resident memory of the process and all its descendants, MiB."""
    pids, total = [process.pid], 0.0
    while pids:
        pid = pids.pop()
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
            pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        except OSError:
            continue
    return total


def timed(arguments: Sequence[str]) -> tuple[float, list[float]]:
    """Wall time, s, and resident set by time, MiB."""
    start, sizes = time.perf_counter(), []
    process = subprocess.Popen([*HYBRID, "batch", *arguments], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        sizes.append(resident_mib(process))
        time.sleep(_CHILD_PAUSE_S)
    return time.perf_counter() - start, sizes


def ray(*arguments: str) -> None:
    """Ray's own command."""
    subprocess.run([str(Path(sys.executable).with_name("ray")), *arguments], capture_output=True, check=True)


def speed(root: Path, out: Path, n_songs: int, seconds: int) -> None:
    """Prints the table of rates."""
    timed([str(root), "-o", str(out / "warm"), *QUICK, "--limit", "2"])
    took, n_cores = {}, os.cpu_count() or 1
    modes = {
        "1 process on one core": ["--jobs", "1"],
        "1 process": ["--jobs", "1"],
        f"{n_cores} processes": ["--jobs", str(n_cores)],
    }
    if importlib.util.find_spec("ray"):
        modes["Ray, started for the run"] = ["--engine", "ray"]
        modes[_RUNNING_RAY] = ["--engine", "ray", "--address", "auto"]
    for name, options in modes.items():
        if name == _RUNNING_RAY:
            ray("start", "--head", "--num-cpus", str(n_cores), "--include-dashboard=false", "--disable-usage-stats")
        everywhere = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(everywhere)} if "one core" in name else everywhere)
        took[name], sizes = timed([str(root), "-o", str(out / name), *QUICK, *options])
        os.sched_setaffinity(0, everywhere)
        third = max(1, len(sizes) // 3)
        rate = n_songs * seconds / took[name]
        grown = max(sizes[-third:]) - max(sizes[third : 2 * third])
        print(
            f"{name}: {took[name]:.1f} s, {rate:.0f} times real time, {max(sizes):.0f} MiB at the peak, "
            f"{grown:+.0f} MiB from the second third to the last",
            flush=True,
        )
    if _RUNNING_RAY in modes:
        ray("stop")
    most = took[f"{n_cores} processes"]
    print("times of the others over that of a process per core:")
    print(", ".join(f"{name} {each / most:.2f}" for name, each in took.items()))


def resumed(root: Path, out: Path) -> None:
    """Prints the time that resuming a finished run of 1,000 songs takes."""
    from hybrid.audio.wav import MIX_FILE
    from hybrid.batch.record import Manifest, last_records
    from hybrid.batch.run import SongFilter, jobs_of
    from hybrid.batch.work import BatchConfig, stamp_of
    from hybrid.corpus.dataset import open_dataset

    folder = root / "many"
    for number in range(1000):
        song = folder / f"song {number:04d}"
        song.mkdir(parents=True)
        for source in sorted((root / "set" / "song 000").iterdir()):
            os.link(source, song / source.name)
    config = BatchConfig(steps=0, verdict=False)
    record = next(iter(last_records(out / "1 process").values()))
    jobs = jobs_of(open_dataset(str(folder)), out / "many", config, SongFilter(), "{song}")
    (out / "many").mkdir()
    with Manifest(out / "many") as manifest:
        for job in jobs:
            job.out.mkdir()
            (job.out / MIX_FILE).touch()
            (job.out / ".hybrid").touch()
            done = record._replace(song=job.song.name, state="done", out=job.place, asked=job.hash, reason="")
            manifest.add(done._replace(stamp=stamp_of(job.song)))
    took, _ = timed([str(folder), "-o", str(out / "many"), *QUICK, "--resume"])
    print(f"a finished run of 1,000 songs: {took:.1f} s")


def hashes(out: Path) -> dict[str, str]:
    """SHA-256 of every result file except those that hold times."""
    with_times = ("manifest", "summary")
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.name.startswith(with_times)
    }


def killed(root: Path, out: Path, kills: int) -> None:
    """Prints whether a run that was killed and resumed left the same files as an undisturbed one."""
    arguments = [str(root), *QUICK]
    subprocess.run([*HYBRID, "batch", *arguments, "-o", str(out / "clean")], capture_output=True)
    rng, done = random.Random(0), 0
    for number in range(kills):
        command = [*HYBRID, "batch", *arguments, "-o", str(out / "killed"), "--resume"]
        process = subprocess.Popen(
            command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(rng.uniform(8.0, 14.0))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            done += 1
        print(f"kill {number + 1}: {len(list((out / 'killed').glob('song*/mix.wav')))} songs are there", flush=True)
    subprocess.run([*HYBRID, "batch", *arguments, "-o", str(out / "killed"), "--resume"], capture_output=True)
    same = hashes(out / "clean") == hashes(out / "killed")
    print(f"killed {done} times, then finished: {'the same files' if same else 'OTHER FILES'}")
    if not same:
        sys.exit(1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--songs", type=int, default=40)
    parser.add_argument("--kills", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root, out = Path(scratch), Path(scratch) / "out"
        if options.kills:
            write_set(root / "short", 60, 4, 30)
            killed(root / "short", out, options.kills)
            return
        write_set(root / "set", options.songs, 8, 60)
        speed(root / "set", out, options.songs, 60)
        resumed(root, out)


if __name__ == "__main__":
    main()
