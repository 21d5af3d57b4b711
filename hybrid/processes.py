"""Processes: workers that do not outlive what has started them, and who holds a lock or a temporary folder."""

from __future__ import annotations

import json
import os
import platform
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

_WATCH_S, _GRACE_S = 2.0, 30.0
_SAME_START_S = 1.0


def this_process() -> str:
    """What identifies this process, on any machine and after its number is given to another one."""
    me = psutil.Process()
    return json.dumps({"host": platform.node(), "process": me.pid, "started": me.create_time()})


def may_be_running(identity: str) -> bool:
    """Whether the process of an identity may still be running; of another machine's it is not known. Raises ValueError
    for text that is no identity."""
    try:
        holder = json.loads(identity)
        if holder["host"] != platform.node():
            return True
        return abs(psutil.Process(holder["process"]).create_time() - holder["started"]) < _SAME_START_S
    except psutil.Error:
        return False
    except (KeyError, TypeError) as error:
        raise ValueError(f"no identity of a process: {identity!r}") from error


def leave_with(parent: int) -> None:
    """Stops this process once `parent` is gone, so that a killed run leaves no process behind; an initialiser of
    pools.

    The parent tells its own number: by the time a child could ask, another process may have inherited it.
    """
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(1)


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Defers signals to stop that arrive in the block to its end; they reach the main thread alone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    arrived: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = [signal.signal(number, lambda number, frame: arrived.append(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)
        for number in arrived[:1]:
            signal.raise_signal(number)
