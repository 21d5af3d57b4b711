"""Songs on the cores of this machine: a process for each, started anew, that may die without taking others along."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context
from typing import TYPE_CHECKING, TypeVar

from hybrid.batch.record import Record
from hybrid.batch.work import Job, Worker, attempt, clear_unfinished, stamp_of

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

Do = Callable[[Job, Worker], Record]
_Job = TypeVar("_Job")
_Told = TypeVar("_Told")
Engine = Callable[[Sequence[Job]], Iterator[Record]]
"""Does jobs, and tells of each what became of it."""
_WATCH_S, _GRACE_S = 2.0, 30.0
DIED = "the process that mixed it died twice: it may have run out of memory"


def run_here(jobs: Sequence[Job], n_processes: int, do: Do = attempt) -> Iterator[Record]:
    """Records as songs are done, in no order."""

    def lost(job: Job) -> Record:
        return Record(job.found.name, "failed", job.place, job.hash, stamp_of(job.found), reason=DIED)

    return on_cores(jobs, n_processes, do, clear_unfinished, lost)


def on_cores(
    jobs: Sequence[_Job],
    n_processes: int,
    do: Callable[[_Job, Worker], _Told],
    clear: Callable[[_Job], None],
    lost: Callable[[_Job], _Told],
) -> Iterator[_Told]:
    """What `do` tells of each job, as it is done, in no order.

    `clear` removes what a job that was broken off has left; of one whose process dies twice, what `lost` says is told.
    """
    waiting, suspects = list(reversed(jobs)), list[_Job]()
    while waiting:
        suspects += yield from _some(waiting, n_processes, do)
    # those that were at work when a process died are tried one by one: whoever is alone at the next death did it
    for job in suspects:
        clear(job)
        if (yield from _some([job], 1, do)):
            clear(job)
            yield lost(job)


def _some(
    waiting: list[_Job], n_processes: int, do: Callable[[_Job, Worker], _Told]
) -> Generator[_Told, None, list[_Job]]:
    """Takes jobs from the end of `waiting` until none is left or a process dies; returns those that were at work."""
    context = get_context("spawn")
    n_cores, taken = os.cpu_count() or 1, context.Value("i", 0)
    threads = max(1, n_cores // n_processes)
    pool = ProcessPoolExecutor(n_processes, mp_context=context, initializer=_begin, initargs=(taken, n_processes))
    running: dict[Future[_Told], _Job] = {}
    try:
        while waiting or running:
            while waiting and len(running) < n_processes:
                # a pool that breaks here takes no job: only what it has taken leaves the list
                running[pool.submit(_done, do, waiting[-1], threads)] = waiting[-1]
                waiting.pop()
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                record = future.result()
                del running[future]
                yield record
    except BrokenProcessPool:
        return list(running.values())
    finally:
        # songs at hand are discarded whole: each process leaves as one that is asked to stop
        for process in active_children():
            process.terminate()
        pool.shutdown(cancel_futures=True)
    return []


def _begin(taken: Synchronized[int], n_processes: int) -> None:
    """In a new process: its share of the cores, and what signals do."""
    with taken.get_lock():
        number = taken.value
        taken.value += 1
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        mine = set(cores[number % n_processes :: n_processes]) or set(cores)
        os.sched_setaffinity(0, mine)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave_idle)
    sys.unraisablehook = lambda lost: None if lost.exc_type is SystemExit else sys.__unraisablehook__(lost)
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()


def _done(do: Callable[[_Job, Worker], _Told], job: _Job, threads: int) -> _Told:
    """What is told of a job. A request to stop ends the process once it has cleaned up: its pool would go on."""
    worker = Worker(threads)
    try:
        signal.signal(signal.SIGTERM, worker.stop)
        try:
            told = do(job, worker)
        finally:
            signal.signal(signal.SIGTERM, _leave_idle)
        worker.stop_if_asked()
    except SystemExit as leaving:
        os._exit(int(leaving.code or 0))
    return told


def _leave_with(parent: int) -> None:
    """Asks this process to stop once its parent is gone: a killed run leaves nobody behind."""
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)


def _leave_idle(number: int, frame: object) -> None:
    os._exit(128 + number)
