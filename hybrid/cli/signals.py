"""What becomes of Ctrl-C and of a request to terminate."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType

_asked: list[int] = []


def stop_when_asked() -> None:
    """From now on SIGTERM leaves by an exception, as Ctrl-C does: what is half written is removed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)


def stop_if_asked() -> None:
    """Raises again what was asked for: an exception that meets a finaliser or a library at work may be lost there."""
    if _asked:
        _leave(_asked[0])


@contextmanager
def heard_under_any_name() -> Iterator[None]:
    """A library that is interrupted at work may raise an error of its own: it leaves by the code that was asked for."""
    try:
        yield
    except Exception as error:
        if _asked:
            raise SystemExit(128 + _asked[0]) from error
        raise


def load(*modules: str) -> None:
    """Import modules that start JAX, undisturbed: its libraries crash if they are interrupted while they load."""
    with _deferred():
        for module in modules:
            import_module(module)


def _stop(number: int, frame: FrameType | None) -> None:
    _asked.append(number)
    _leave(number)


def _leave(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


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
