"""What becomes of Ctrl-C and of a request to terminate."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module


def terminate_as_interrupted() -> None:
    """From now on SIGTERM leaves by an exception, as Ctrl-C does: what is half written is removed."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def load(*modules: str) -> None:
    """Import modules that start JAX, undisturbed: its libraries crash if they are interrupted while they load."""
    with _deferred():
        for module in modules:
            import_module(module)


@contextmanager
def _deferred() -> Iterator[None]:
    """Signals that arrive in the block are raised after it."""
    arrived: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    usual = [signal.signal(number, lambda number, frame: arrived.append(number)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, usual, strict=True):
            signal.signal(number, handler)
        for number in arrived[:1]:
            signal.raise_signal(number)
