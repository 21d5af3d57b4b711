"""Jobs for tests: songs of two tones, and fakes of the mixer that take no time."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from hybrid.audio.wav import MIX_FILE
from hybrid.audio.write import OutputFolder
from hybrid.batch.record import Record
from hybrid.batch.work import BatchConfig, Job, Worker, stamp_of
from hybrid.corpus.find import SongFiles
from tests.corpus.miniature import tone


def songs(root: Path, *names: str) -> None:
    """A folder of song folders."""
    for number, name in enumerate(names):
        tone(root / name / "Kick.wav", 60.0 + number)
        tone(root / name / "Vox.wav", 400.0 + number)


def job(root: Path, name: str, hash_: str = "h") -> Job:
    return Job(SongFiles(name, root / name), {}, root / "out" / name, name, BatchConfig(), hash_)


def mixed(job: Job, worker: Worker | None = None) -> Record:
    """The record of a fake mix whose content is the song's name."""
    with OutputFolder(job.out, overwrite=True, inputs=[]) as folder:
        (folder.path / MIX_FILE).write_text(f"{job.song.name} {job.hash}")
    stamp = stamp_of(job.song)
    return Record(job.song.name, "done", job.place, job.hash, stamp, duration_s=2.0, rules={"a.rule": 0.5})


def mixed_or_killed(job: Job, worker: Worker) -> Record:
    """The record of a fake mix; a song whose name begins with "deadly" kills the process."""
    if job.song.name.startswith("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    return mixed(job)


def killed_once(job: Job, worker: Worker) -> Record:
    """The record of a fake mix; a song named "deadly" kills the process at the first attempt only."""
    mark = job.out.parent / f"{job.place}.tried"
    if job.song.name.startswith("deadly") and not mark.exists():
        mark.parent.mkdir(exist_ok=True)
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return mixed(job)


def part_killed_once(job: Job, worker: Worker) -> Record:
    """The record of a fake mix that takes 0.2 s; at the first attempt, a song named "deadly" kills both the process
    that handed out the job and this one, in the middle of the part."""
    mark = job.out.parent / f"{job.place}.tried"
    time.sleep(0.2)
    with (job.out.parent / "log").open("a") as log:
        log.write(f"{job.song.name}\n")
    if job.song.name.startswith("deadly") and not mark.exists():
        mark.touch()
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    return mixed(job)


def slow(job: Job, worker: Worker) -> Record:
    """Writes half a mix, then waits until it is stopped."""
    with OutputFolder(job.out, overwrite=True, inputs=[]) as folder:
        (folder.path / MIX_FILE).write_text("half")
        time.sleep(60.0)
    return mixed(job)


def report_threads(job: Job, worker: Worker) -> Record:
    """A record whose notes are the worker's number of threads and the environment's."""
    notes = (str(worker.n_threads), os.environ.get("HYBRID_THREADS", ""))
    return Record(job.song.name, "done", job.place, job.hash, "", notes=notes)
