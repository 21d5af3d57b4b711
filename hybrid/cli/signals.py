"""The run of a command: Ctrl-C and SIGTERM, and how much it says."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple, TextIO

import typer

from hybrid.processes import signals_deferred

if TYPE_CHECKING:
    from typer import Context as Context
else:
    # commands receive a context of the class that Typer derives its own from
    Context = typer.Context.__base__


class Verbosity(NamedTuple):
    """How much a command says beside its results."""

    is_quiet: bool = False
    """No progress, only results, notes and errors."""
    is_verbose: bool = False
    """Lines of progress more often, and traces of faults."""
    log: TextIO | None = None
    """A file of all lines, with their time, and of lines of progress."""


class Session:
    """The run of a command: a pending request to stop, and how much it says; created by `main`, and passed to commands
    in Typer's context."""

    def __init__(self) -> None:
        self._number: int | None = None
        self.verbosity = Verbosity()
        self.resources = ExitStack()
        """Closed when everything is said."""

    @property
    def is_requested(self) -> bool:
        """Whether a signal was received."""
        return self._number is not None

    def listen(self) -> None:
        """Installs handlers by which SIGTERM raises an exception, as Ctrl-C does, so that unfinished output is
        removed."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._receive)

    def raise_again(self) -> None:
        """Raises the exception of a received signal again, in case a finaliser or a library has swallowed it."""
        if self._number is not None:
            _leave(self._number)

    @contextmanager
    def exit_by_signal(self) -> Iterator[None]:
        """Exits with the code of a received signal if the block raises an error: an interrupted library may raise its
        own."""
        try:
            yield
        except Exception as error:
            if self._number is not None:
                raise SystemExit(128 + self._number) from error
            raise

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._number = self._number or number
        _leave(number)


def _leave(number: int) -> None:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def load(*modules: str) -> None:
    """Imports modules that start JAX, with signals deferred: its libraries crash if they are interrupted while
    loading."""
    with signals_deferred():
        for module in modules:
            import_module(module)
