"""How many programs are compiled: arms that differ in data alone must not add to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import jax

from hybrid.errors import InputError, Problem

_EVENT = "/jax/core/compile/backend_compile_duration"
"""What JAX calls it: no part of its interface, so that it may be called otherwise in another version."""


@dataclass
class CompiledPrograms:
    """Programs that this process has compiled, or taken from the cache on disk, since they are counted."""

    n: int = 0


@contextmanager
def counted_programs() -> Iterator[CompiledPrograms]:
    """Counts what is compiled in the block."""
    programs = CompiledPrograms()

    def note(event: str, duration_secs: float, **more: str | int) -> None:
        programs.n += event == _EVENT

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        yield programs
    finally:
        jax.monitoring.unregister_event_duration_listener(note)


def check_counting() -> None:
    """Raises InputError if JAX does not tell of a program that it compiles: a count of none would mean nothing."""
    with counted_programs() as programs:
        jax.jit(lambda: 1.0)()
    if not programs.n:
        what = f"version {jax.__version__} does not tell what it compiles: expected the event {_EVENT!r}"
        raise InputError(Problem("jax", what, "install a version of JAX that hybrid-mix is tested with"))
