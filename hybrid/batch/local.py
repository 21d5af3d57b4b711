"""Songs on the cores of this machine, in worker processes whose death fails no other song."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from typing import TYPE_CHECKING, TypeVar

from hybrid.batch.record import Record
from hybrid.batch.shapes import likely_shape, next_job
from hybrid.batch.work import Job, Worker, attempt, clear_unfinished, stamp_of
from hybrid.processes import leave_with

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

Work = Callable[[Job, Worker], Record]
_Job = TypeVar("_Job")
_Result = TypeVar("_Result")
Engine = Callable[[Sequence[Job]], Iterator[Record]]
"""Does jobs, and yields the record of each."""
DIED = "the process that mixed it died twice: it may have run out of memory"


def run_local(jobs: Sequence[Job], n_processes: int, work: Work = attempt) -> Iterator[Record]:
    """Records of the jobs in the order in which they finish."""

    def lost(job: Job) -> Record:
        return Record(job.song.name, "failed", job.place, job.hash, stamp_of(job.song), reason=DIED)

    return run_in_processes(
        jobs, n_processes, work, clear_unfinished, lost, shape_of=lambda job: likely_shape(job.song)
    )


def run_in_processes(
    jobs: Sequence[_Job],
    n_processes: int,
    work: Callable[[_Job, Worker], _Result],
    clear: Callable[[_Job], None],
    lost: Callable[[_Job], _Result],
    *,
    shape_of: Callable[[_Job], Hashable | None] = lambda job: None,
) -> Iterator[_Result]:
    """Results of `work` for each job, in the order in which they finish.

    `clear` removes what an interrupted job has left; a job whose process dies twice has the result of `lost`. Jobs are
    begun in their order, but for those of a new `shape_of` while others can go ahead with programs that are compiled.
    """
    # reversed, since jobs are taken from the end
    waiting, suspects = list(reversed(jobs)), list[_Job]()
    known: dict[int, Hashable | None] = {}

    def known_shape(job: _Job) -> Hashable | None:
        if id(job) not in known:
            known[id(job)] = shape_of(job)
        return known[id(job)]

    while waiting:
        suspects += yield from _run_some(waiting, n_processes, work, known_shape)
    # jobs that were running when a process died are retried one by one: only the culprit can kill its process now
    for job in suspects:
        clear(job)
        if (yield from _run_some([job], 1, work, known_shape)):
            clear(job)
            yield lost(job)


def _run_some(
    waiting: list[_Job],
    n_processes: int,
    work: Callable[[_Job, Worker], _Result],
    shape_of: Callable[[_Job], Hashable | None],
) -> Generator[_Result, None, list[_Job]]:
    """Takes jobs from the end of `waiting` until none is left or a process dies; returns those that were running
    then."""
    # a forked process would inherit the threads and locks of JAX in an undefined state
    context = get_context("spawn")
    n_cores, taken = os.cpu_count() or 1, context.Value("i", 0)
    threads = max(1, n_cores // n_processes)
    pool = ProcessPoolExecutor(
        n_processes, mp_context=context, initializer=_begin, initargs=(taken, n_processes, os.getpid())
    )
    running: dict[Future[_Result], _Job] = {}
    ready = set[Hashable | None]()
    try:
        while waiting or running:
            while waiting and len(running) < n_processes:
                # `submit` raises if the pool is broken: a job leaves the list only once the pool has it
                index = next_job(waiting, running.values(), ready, shape_of)
                running[pool.submit(_run, work, waiting[index], threads)] = waiting[index]
                waiting.pop(index)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                record = future.result()
                ready.add(shape_of(running.pop(future)))
                yield record
    except BrokenProcessPool:
        return list(running.values())
    finally:
        # unfinished songs are discarded whole: each process cleans up as on a request to stop
        for process in active_children():
            process.terminate()
        pool.shutdown(cancel_futures=True)
    return []


def _begin(taken: Synchronized[int], n_processes: int, parent: int) -> None:
    """Sets up a worker process: its share of the cores, and its signal handlers."""
    with taken.get_lock():
        number = taken.value
        taken.value += 1
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        # disjoint sets of cores, so that the thread pools of the processes do not compete
        mine = set(cores[number % n_processes :: n_processes]) or set(cores)
        os.sched_setaffinity(0, mine)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave_idle)
    sys.unraisablehook = lambda lost: None if lost.exc_type is SystemExit else sys.__unraisablehook__(lost)
    leave_with(parent)


def _run(work: Callable[[_Job, Worker], _Result], job: _Job, threads: int) -> _Result:
    """The result of a job. A request to stop ends the process once it has cleaned up: its pool would start another
    job."""
    worker = Worker(threads)
    try:
        signal.signal(signal.SIGTERM, worker.stop)
        try:
            result = work(job, worker)
        finally:
            signal.signal(signal.SIGTERM, _leave_idle)
        worker.stop_if_asked()
    except SystemExit as leaving:
        os._exit(int(leaving.code or 0))
    return result


def _leave_idle(number: int, frame: object) -> None:
    os._exit(128 + number)
