"""Traced programs stored on disk: a second run with the same rules and shapes traces nothing.

JAX caches compiled programs, but its cache is keyed by the traced program, and tracing fifty rules and their gradients
takes longer than the analysis of a song. Traced programs are keyed by the source of the modules that they are made of:
changed code never loads a program of older code, and a change elsewhere retraces nothing.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import os
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path

import jax
from jax import export
from jaxtyping import PyTree

from hybrid import shelf
from hybrid.errors import InputError
from hybrid.source_hash import source_hash

_MAPS = Path("/proc/self/maps")
_MOST_MAPS = 30_000
_SIZE = Path("/proc/self/statm")
_MOST_BYTES = 2.5e9
"""Resident memory above which programs are dropped between songs. A guess: a process per core, 4 GB a core."""
_DIGEST_BYTES = hashlib.sha256().digest_size
_MOST_PROGRAMS = 64
Shapes = tuple[tuple[tuple[int, ...], str], ...]


class ExportedFunction:
    """A function of arrays, in any containers, that is traced once for each structure and set of shapes.

    `name` identifies the values that the function closes over; its module, and what that imports, its code. The result
    consists of tuples, lists and arrays.
    """

    def __init__(self, name: str, function: Callable[..., PyTree]) -> None:
        self.name, self.function = name, function
        self.module = _module_of(function)

    def __call__(self, *given: PyTree) -> PyTree:
        leaves, tree = jax.tree.flatten(given)
        return _program(self, tree, _shapes(leaves))(leaves)

    def bound(self, *first: PyTree) -> Callable[..., PyTree]:
        """The function of its other arguments, for many calls: the first ones are put on the device once.

        The shapes of the others are those of the first call.
        """
        first = jax.device_put(first)
        leaves, program = jax.tree.leaves(first), list[Callable[[list], PyTree]]()

        def call(*given: PyTree) -> PyTree:
            every = [*leaves, *jax.tree.leaves(given)]
            if not program:
                program.append(_program(self, jax.tree.structure((*first, *given)), _shapes(every)))
            return program[0](every)

        return call

    def prepare(self, *given: PyTree) -> None:
        """Compiles the program for arguments of these structures and shapes."""
        leaves, tree = jax.tree.flatten(given)
        _program(self, tree, _shapes(leaves))


@lru_cache(maxsize=_MOST_PROGRAMS)
def _program(function: ExportedFunction, tree: Hashable, shapes: Shapes) -> Callable[[list], PyTree]:
    arguments = [jax.ShapeDtypeStruct(*shape) for shape in shapes]
    traced = _traced(function, tree, shapes, arguments)
    return jax.jit(traced.call).lower(arguments).compile()


def _traced(
    function: ExportedFunction, tree: Hashable, shapes: Shapes, arguments: list[jax.ShapeDtypeStruct]
) -> export.Exported:
    here = (
        source_hash(function.module),
        jax.__version__,
        jax.default_backend(),
        str(jax.dtypes.canonicalize_dtype(float)),
    )
    words = (function.name, str(tree), shapes, here)
    path = cached_file(hashlib.sha256(repr(words).encode()).hexdigest())
    if path and (whole := _whole(path)):
        return export.deserialize(whole)
    traced = export.export(jax.jit(lambda leaves: function.function(*jax.tree.unflatten(tree, leaves))))(arguments)
    if path:
        stored = traced.serialize()
        with suppress(OSError, InputError):
            path.parent.mkdir(parents=True, exist_ok=True)
            shelf.write(path, hashlib.sha256(stored).digest() + stored)
    return traced


def clear_compiled() -> None:
    """Drops compiled programs if this process holds too many memory maps or too much memory.

    Each program takes some of the 65,530 memory maps that Linux grants a process, which is aborted when none is left.
    Dropped programs are on disk, and are loaded again when they are called. In any case unused memory goes back to the
    system: glibc keeps what compiling took, half a gigabyte for each shape of song.
    """
    _trim()
    if _n_maps() > _MOST_MAPS or _resident_bytes() > _MOST_BYTES:
        _program.cache_clear()
        jax.clear_caches()
        gc.collect()
        _trim()


def _trim() -> None:
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _n_maps() -> int:
    """Number of memory maps of this process; 0 where that is not known."""
    with suppress(OSError), _MAPS.open("rb") as lines:
        return sum(1 for _ in lines)
    return 0


def _resident_bytes() -> int:
    """Resident memory of this process, in bytes; 0 where that is not known."""
    with suppress(OSError):
        return int(_SIZE.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _module_of(function: Callable[..., PyTree]) -> str:
    """The module in which a function is written, whatever of it is already given."""
    while isinstance(function, partial):
        function = function.func
    return function.__module__


def _shapes(leaves: list) -> Shapes:
    return tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)


def cached_file(name: str) -> Path | None:
    """Where a file is kept beside the programs that JAX keeps; None where it keeps none, or in no folder."""
    folder = jax.config.values["jax_compilation_cache_dir"]
    return Path(folder) / "traced" / name if folder and "://" not in folder else None


def _whole(path: Path) -> bytearray | None:
    """The program stored at `path`; None if there is none, or if it is damaged."""
    with suppress(OSError):
        stored = path.read_bytes()
        digest, stored = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
        return bytearray(stored) if hashlib.sha256(stored).digest() == digest else None
