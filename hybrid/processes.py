"""Worker processes that do not outlive the process that has started them."""

from __future__ import annotations

import os
import signal
import threading
import time

_WATCH_S, _GRACE_S = 2.0, 30.0


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
