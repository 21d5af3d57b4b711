"""Programs that are compiled ahead, in threads of their own, while something else is done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from statistics import median

from hybrid import shelf
from hybrid.compiled import cached_file
from hybrid.errors import InputError

_TURN_S = 0.2
_NOTICED_S = 1.0
"""Programs that are on disk take less to load, and are no stage of their own."""
_UNKNOWN_S = 60.0
"""Seconds that are expected where nothing was compiled yet. A guess."""
_REMEMBERED = 9

Submit = Callable[..., None]


@contextmanager
def ahead(progress: Callable[[str, float], None]) -> Iterator[Submit]:
    """Compiles what is submitted, a function and its arguments, and waits for all of it at the end of the block.

    What is submitted may submit more. What is waited for is the stage "compile"; its share is that of the seconds that
    it took before on this machine, less those that something else was done in. A block that raises waits for nothing:
    compiling cannot be interrupted.
    """
    threads, tasks, start = ThreadPoolExecutor(2), list[Future](), time.monotonic()

    def submit(function: Callable[..., object], *given: object) -> None:
        tasks.append(threads.submit(function, *given))

    try:
        yield submit
        _wait(tasks, start, progress)
    except BaseException:
        threads.shutdown(wait=False, cancel_futures=True)
        raise
    threads.shutdown()


def _wait(tasks: list[Future], start: float, progress: Callable[[str, float], None]) -> None:
    begun, before_s = time.monotonic(), _seconds_before()
    expected_s = (median(before_s) if before_s else _UNKNOWN_S) - (begun - start)
    # the list grows meanwhile; a task is done after all that it submits is in it
    while not all(task.done() for task in tasks):
        wait(tasks, _TURN_S)
        if time.monotonic() - begun > _NOTICED_S:
            progress("compile", min(0.99, (time.monotonic() - begun) / max(expected_s, 1e-3)))
    for task in tasks:
        task.result()
    if time.monotonic() - begun > _NOTICED_S:
        progress("compile", 1.0)
        _remember([*before_s, round(time.monotonic() - start, 1)][-_REMEMBERED:])


def _seconds_before() -> list[float]:
    """What it took before, the last times, s."""
    path = cached_file("seconds.json")
    with suppress(OSError, ValueError):
        found = json.loads(path.read_bytes()) if path else []
        return [float(each) for each in found if isinstance(each, int | float) and each > 0.0]
    return []


def _remember(seconds: list[float]) -> None:
    path = cached_file("seconds.json")
    with suppress(OSError, InputError):
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            shelf.write(path, json.dumps(seconds) + "\n")
