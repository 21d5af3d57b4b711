"""A run on several machines that see the same files: on a Ray cluster, or as an array of SLURM jobs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from hybrid.batch.local import Work, run_local
from hybrid.batch.record import Record
from hybrid.batch.run import SLURM, BatchProgress, BatchResult, RunOptions, Shard, open_results, run
from hybrid.batch.work import Job, Worker, attempt, stamp_of
from hybrid.errors import InputError, Problem

RETRIES = 2
"""Restarts of a song, or of an array job, whose process or machine was lost."""
_POLL_S = 2.0


def run_on_ray(jobs: Sequence[Job], address: str | None, work: Work = attempt) -> Iterator[Record]:
    """Records of the jobs as they finish on the Ray cluster at `address`, or on one started on this machine. Raises
    InputError if Ray is not installed, or the cluster cannot be reached."""
    _require("ray", "ray")
    ray = import_module("ray")
    try:
        ray.init(address=address, log_to_driver=False, include_dashboard=False if address is None else None)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(Problem("--address", f"no Ray cluster can be reached: {error}")) from error
    try:
        remote = ray.remote(num_cpus=1, max_retries=RETRIES)(_alone)
        waiting, running = list(reversed(jobs)), {}
        while waiting or running:
            # twice as many as can run at once, so that no core waits for this process
            while waiting and len(running) < 2 * max(1, int(ray.cluster_resources().get("CPU", 1))):
                job = waiting.pop()
                running[remote.remote(work, job)] = job
            (ready, *_), _ = ray.wait(list(running), num_returns=1)
            job = running.pop(ready)
            try:
                yield ray.get(ready)
            except ray.exceptions.RayError as error:
                why = f"the process that mixed it was lost {RETRIES + 1} times: {type(error).__name__}"
                yield Record(job.song.name, "failed", job.place, job.hash, stamp_of(job.song), reason=why)
    finally:
        ray.shutdown()


def _alone(work: Work, job: Job) -> Record:
    """The record of a job, in a process to which Ray gave one core."""
    return work(job, Worker(n_threads=1))


class SlurmArray(NamedTuple):
    """An array of SLURM jobs."""

    n_tasks: int
    settings: Mapping[str, object]
    """Of submitit, such as slurm_partition; cluster=local runs the array on this machine."""


class _ArrayTask:
    """One part of the jobs, as a task of an array: restarted after a preemption, it resumes."""

    def __init__(self, jobs: Sequence[Job], options: RunOptions, n_processes: int, work: Work) -> None:
        self._jobs, self._options, self._n_processes, self._work = jobs, options, n_processes, work

    def __call__(self) -> BatchResult:
        def engine(left: Sequence[Job]) -> Iterator[Record]:
            return run_local(left, self._n_processes, self._work)

        return run(self._jobs, self._options, engine, lambda progress: None)

    def checkpoint(self) -> object:
        """The task to resubmit; submitit calls this when the job is preempted or runs out of time."""
        return import_module("submitit").helpers.DelayedSubmission(self)


def run_on_slurm(
    jobs: Sequence[Job],
    options: RunOptions,
    array: SlurmArray,
    progress: Callable[[BatchProgress], None],
    work: Work = attempt,
) -> BatchResult:
    """The records of all jobs, done by an array of SLURM jobs, which is waited for. An interruption cancels what is
    left.

    Raises InputError if submitit is not installed, or if a task is lost more often than it is restarted.
    """
    _require("submitit", "slurm")
    submitit = import_module("submitit")
    open_results(jobs, options)
    settings, folder = dict(array.settings), options.out / SLURM
    n_processes = int(str(settings.get("cpus_per_task", 1)))
    executor = submitit.AutoExecutor(folder, cluster=str(settings.pop("cluster", "slurm")))
    executor.update_parameters(**settings)
    shards = [Shard(number, array.n_tasks) for number in range(1, array.n_tasks + 1)]
    tasks = [
        _ArrayTask(
            [job for job in jobs if shard.has(job.song.name)],
            RunOptions(options.out, shard, resume=True),
            n_processes,
            work,
        )
        for shard in shards
    ]
    with executor.batch():
        running = {index: executor.submit(task) for index, task in enumerate(tasks)}
    n_starts, results, records = dict.fromkeys(running, 1), list[BatchResult](), dict[str, Record]()
    try:
        while running:
            time.sleep(_POLL_S)
            for index, job in [(index, job) for index, job in running.items() if job.done()]:
                del running[index]
                error = job.exception()
                if error is None:
                    results.append(job.result())
                elif n_starts[index] > RETRIES:
                    what = f"part {index + 1} of {array.n_tasks} was lost {n_starts[index]} times: {error}"
                    raise InputError(Problem("slurm", what, f"see {folder}; continue with --resume"))
                else:
                    n_starts[index] += 1
                    running[index] = executor.submit(tasks[index])
            records = {name: record for each in results for name, record in each.records.items()}
            failed = sum(record.state == "failed" for record in records.values())
            audio_s = sum(record.duration_s for record in records.values())
            progress(BatchProgress(len(records) - failed, failed, len(jobs), audio_s))
    finally:
        # after an interruption; empty after a normal end
        for job in running.values():
            job.cancel()
    return BatchResult(records, sum(each.n_done_before for each in results))


def _require(module: str, extra: str) -> None:
    if find_spec(module) is None:
        raise InputError(Problem("--engine", f"{module} is not installed", f"pip install 'hybrid-mix[{extra}]'"))
