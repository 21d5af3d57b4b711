"""Jobs for tests: songs of two tones, and stand-ins for the mixer that take no time."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from hybrid.audio.write import MIX_FILE, OutputFolder
from hybrid.batch.record import Record
from hybrid.batch.work import Asked, Job, Worker, stamp_of
from hybrid.corpus.find import SongFiles
from tests.corpus.miniature import tone


def songs(root: Path, *names: str) -> None:
    """A folder of song folders."""
    for number, name in enumerate(names):
        tone(root / name / "Kick.wav", 60.0 + number)
        tone(root / name / "Vox.wav", 400.0 + number)


def job(root: Path, name: str, hash_: str = "h") -> Job:
    return Job(SongFiles(name, root / name), {}, root / "out" / name, name, Asked(), hash_)


def mixed(job: Job, worker: Worker | None = None) -> Record:
    """As if it had been mixed: a mix that follows from the song's name."""
    with OutputFolder(job.out, overwrite=True, inputs=[]) as folder:
        (folder.path / MIX_FILE).write_text(f"{job.found.name} {job.hash}")
    stamp = stamp_of(job.found)
    return Record(job.found.name, "done", job.place, job.hash, stamp, duration_s=2.0, rules={"a.rule": 0.5})


def mixed_or_killed(job: Job, worker: Worker) -> Record:
    """As if it had been mixed, but for a song by whose name the process dies."""
    if job.found.name.startswith("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    return mixed(job)


def killed_once(job: Job, worker: Worker) -> Record:
    """As if it had been mixed, but for the first time that anybody tries."""
    mark = job.out.parent / f"{job.place}.tried"
    if job.found.name.startswith("deadly") and not mark.exists():
        mark.parent.mkdir(exist_ok=True)
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return mixed(job)


def part_killed_once(job: Job, worker: Worker) -> Record:
    """As if it had been mixed, a little slowly; the first time that anybody tries, the process that handed the job out
    is killed, in the middle of its part, and this one with it."""
    mark = job.out.parent / f"{job.place}.tried"
    time.sleep(0.2)
    with (job.out.parent / "log").open("a") as log:
        log.write(f"{job.found.name}\n")
    if job.found.name.startswith("deadly") and not mark.exists():
        mark.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    return mixed(job)


def slow(job: Job, worker: Worker) -> Record:
    """Half a mix, for as long as it is not stopped."""
    with OutputFolder(job.out, overwrite=True, inputs=[]) as folder:
        (folder.path / MIX_FILE).write_text("half")
        time.sleep(60.0)
    return mixed(job)


def threads_told(job: Job, worker: Worker) -> Record:
    """How many threads the song has, and what the environment says of them."""
    said = (str(worker.n_threads), os.environ.get("HYBRID_THREADS", ""))
    return Record(job.found.name, "done", job.place, job.hash, "", notes=said)
