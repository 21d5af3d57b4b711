"""What becomes of Ctrl-C and of a request to terminate."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from typer import Context as Context
else:
    # what Typer hands to a command is not of its own class, but of that from which this is derived
    Context = typer.Context.__base__


class StopRequest:
    """Whether this run has been asked to stop; made by the program's entry, and handed down in Typer's context."""

    def __init__(self) -> None:
        self._number: int | None = None

    def listen(self) -> None:
        """From now on SIGTERM leaves by an exception, as Ctrl-C does: what is half written is removed."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def raise_again(self) -> None:
        """Raises what was asked for: an exception that meets a finaliser or a library at work may be lost there."""
        if self._number is not None:
            _leave(self._number)

    @contextmanager
    def heard_under_any_name(self) -> Iterator[None]:
        """A library that is interrupted at work may raise an error of its own: it leaves by the code that was asked
        for."""
        try:
            yield
        except Exception as error:
            if self._number is not None:
                raise SystemExit(128 + self._number) from error
            raise

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._number = self._number or number
        _leave(number)


def _leave(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


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
