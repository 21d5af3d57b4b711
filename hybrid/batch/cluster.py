"""The same songs on more than one machine: on Ray, or as array jobs of SLURM. All see the same files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from hybrid.batch.local import Do, run_here
from hybrid.batch.record import Record
from hybrid.batch.run import SLURM, Ended, Shard, Told, check_fresh, run
from hybrid.batch.work import Job, Worker, attempt, stamp_of
from hybrid.errors import InputError, Problem

RETRIES = 2
"""How often a song, or an array job, is begun again when the machine or the process under it is lost."""
_POLL_S = 2.0


def run_on_ray(jobs: Sequence[Job], address: str | None, do: Do = attempt) -> Iterator[Record]:
    """Records as songs are done on a Ray cluster: at an address, else on this machine. Raises InputError if Ray is not
    installed, or the cluster cannot be reached."""
    _need("ray", "ray")
    ray = import_module("ray")
    try:
        ray.init(address=address, log_to_driver=False, include_dashboard=False if address is None else None)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(Problem("--address", f"no Ray cluster can be reached: {error}")) from error
    try:
        remote = ray.remote(num_cpus=1, max_retries=RETRIES)(_alone)
        waiting, running = list(reversed(jobs)), {}
        while waiting or running:
            # a few more than can run, so that none waits for this process
            while waiting and len(running) < 2 * max(1, int(ray.cluster_resources().get("CPU", 1))):
                job = waiting.pop()
                running[remote.remote(do, job)] = job
            (ready, *_), _ = ray.wait(list(running), num_returns=1)
            job = running.pop(ready)
            try:
                yield ray.get(ready)
            except ray.exceptions.RayError as error:
                why = f"the process that mixed it was lost {RETRIES + 1} times: {type(error).__name__}"
                yield Record(job.found.name, "failed", job.place, job.hash, stamp_of(job.found), reason=why)
    finally:
        ray.shutdown()


def _alone(do: Do, job: Job) -> Record:
    """In a process that Ray gave one core."""
    return do(job, Worker(n_threads=1))


class _Part:
    """A part of the jobs, in an array job: begun again after a preemption, it goes on where it was."""

    def __init__(self, jobs: Sequence[Job], out: Path, shard: Shard, n_processes: int, do: Do) -> None:
        self._jobs, self._out, self._shard, self._n, self._do = jobs, out, shard, n_processes, do

    def __call__(self) -> Ended:
        def engine(left: Sequence[Job]) -> Iterator[Record]:
            return run_here(left, self._n, self._do)

        return run(self._jobs, self._out, self._shard, engine, True, lambda told: None)

    def checkpoint(self) -> object:
        """What submitit asks for when the job is preempted or runs out of time."""
        return import_module("submitit").helpers.DelayedSubmission(self)


def run_on_slurm(
    jobs: Sequence[Job],
    out: Path,
    options: dict[str, object],
    n_parts: int,
    resume: bool,
    tell: Callable[[Told], None],
    do: Do = attempt,
) -> Ended:
    """Does the jobs as an array of `n_parts` jobs, and waits for them; `options` are submitit's, such as
    slurm_partition, and cluster=local to try it on this machine. An interruption cancels what is left.

    Raises InputError if submitit is not installed, or if a part is lost more often than it is begun again.
    """
    _need("submitit", "slurm")
    submitit = import_module("submitit")
    check_fresh(jobs, out, resume)
    n_processes = int(str(options.get("cpus_per_task", 1)))
    executor = submitit.AutoExecutor(out / SLURM, cluster=str(options.pop("cluster", "slurm")))
    executor.update_parameters(**options)
    shards = [Shard(number, n_parts) for number in range(1, n_parts + 1)]
    parts = [_Part([job for job in jobs if shard.has(job.found.name)], out, shard, n_processes, do) for shard in shards]
    with executor.batch():
        running = {index: executor.submit(part) for index, part in enumerate(parts)}
    begun, ended, records = dict.fromkeys(running, 1), list[Ended](), dict[str, Record]()
    try:
        while running:
            time.sleep(_POLL_S)
            for index, job in [(index, job) for index, job in running.items() if job.done()]:
                del running[index]
                lost = job.exception()
                if lost is None:
                    ended.append(job.result())
                elif begun[index] > RETRIES:
                    what = f"part {index + 1} of {n_parts} was lost {begun[index]} times: {lost}"
                    raise InputError(Problem("slurm", what, f"see {out / SLURM}; go on with --resume"))
                else:
                    begun[index] += 1
                    running[index] = executor.submit(parts[index])
            records = {name: record for each in ended for name, record in each.records.items()}
            failed = sum(record.state == "failed" for record in records.values())
            audio_s = sum(record.duration_s for record in records.values())
            tell(Told(len(records) - failed, failed, len(jobs), audio_s))
    finally:
        for job in running.values():
            job.cancel()
    return Ended(records, sum(each.kept for each in ended))


def _need(module: str, extra: str) -> None:
    if find_spec(module) is None:
        raise InputError(Problem("--engine", f"{module} is not installed", f"pip install 'hybrid-mix[{extra}]'"))
