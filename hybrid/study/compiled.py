"""The number of compiled programs: arms that differ in data alone must not raise it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import jax

from hybrid.errors import InputError, Problem

_EVENT = "/jax/core/compile/backend_compile_duration"
"""The event of JAX. Its name is not part of JAX's interface, and may change between versions."""


@dataclass
class CompiledPrograms:
    """Number of programs that this process has compiled, or loaded from the cache on disk, within a block."""

    n: int = 0


@contextmanager
def counted_programs() -> Iterator[CompiledPrograms]:
    """The count of programs compiled within the block."""
    programs = CompiledPrograms()

    def note(event: str, duration_secs: float, **more: str | int) -> None:
        programs.n += event == _EVENT

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        yield programs
    finally:
        jax.monitoring.unregister_event_duration_listener(note)


def check_counting() -> None:
    """Raises InputError if JAX does not report a program that it compiles, so that a count of 0 would mean nothing."""
    with counted_programs() as programs:
        jax.jit(lambda: 1.0)()
    if not programs.n:
        what = f"version {jax.__version__} does not report what it compiles: expected the event {_EVENT!r}"
        raise InputError(Problem("jax", what, "install a version of JAX that hybrid-mix is tested with"))
