"""Traced programs stored on disk: a second run with the same rules and shapes traces nothing.

JAX caches compiled programs, but its cache is keyed by the traced program, and tracing fifty rules and their gradients
takes longer than the analysis of a song. Traced programs are keyed by the source of the modules that they are made of:
changed code never loads a program of older code, and a change elsewhere retraces nothing.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import json
import os
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache, cached_property, lru_cache, partial, wraps
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

import jax
from filelock import FileLock, Timeout
from jax import export
from jax.core import Tracer
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
_MOST_PROGRAMS = 512
"""About thirty for each shape of song; what they may take is bounded by `clear_compiled`."""
_OPTIONS: dict[str, str | bool] = {"xla_backend_optimization_level": "1", "xla_cpu_use_fusion_emitters": False}
"""Of XLA on a CPU: compiling takes less than half of the time, and programs run as fast as with all of its passes.
What a release of XLA does not have is left out."""
_OPTIONS_ONCE: dict[str, str | bool] = {**_OPTIONS, "xla_backend_optimization_level": "0"}
"""Of programs that run a few times for a song: compiling takes half of that again, running four times as long."""
_MOST_WAITING_S = 300.0
"""For a program that another process makes. A guess: ten times what the largest takes."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Parameters of glibc's mallopt, from malloc.h."""
R = TypeVar("R")
Shapes = tuple[tuple[tuple[int, ...], str], ...]


def storable(*containers: type[tuple]) -> None:
    """Lets results of exported functions hold these types of named tuples."""
    for each in containers:
        export.register_namedtuple_serialization(each, serialized_name=f"{each.__module__}.{each.__name__}")


def storable_dataclass(container: type) -> None:
    """Lets results of exported functions hold a dataclass whose static fields, the last ones, are numbers."""

    def rebuilt(aux_data: Any, children: Sequence[Any]) -> Any:
        return container(*children, *aux_data)

    export.register_pytree_node_serialization(
        container,
        serialized_name=f"{container.__module__}.{container.__name__}",
        serialize_auxdata=lambda static: json.dumps(static).encode(),
        deserialize_auxdata=lambda stored: tuple(json.loads(stored)),
        from_children=rebuilt,
    )


class ExportedFunction:
    """A function of arrays, in any containers, that is traced once for each structure and set of shapes.

    `name` identifies the values that the function closes over; its module, and what that imports, its code. Containers
    of the result are tuples, lists, dictionaries and those that are `storable`. `runs_once` says that it is called a
    few times for a song at most, so that compiling it well takes longer than it saves.
    """

    def __init__(self, name: str, function: Callable[..., PyTree], *, runs_once: bool = False) -> None:
        self.name, self.function, self.runs_once = name, function, runs_once
        self.module = _module_of(function)

    def __call__(self, *given: PyTree) -> PyTree:
        leaves, tree = jax.tree.flatten(given)
        return _program(self, tree, _shapes(leaves)).compiled()(leaves)

    def bound(self, *first: PyTree) -> Callable[..., PyTree]:
        """The function of its other arguments, for many calls: the first ones are put on the device once.

        The shapes of the others are those of the first call.
        """
        first = jax.device_put(first)
        leaves, program = jax.tree.leaves(first), list[Callable[[list], PyTree]]()

        def call(*given: PyTree) -> PyTree:
            every = [*leaves, *jax.tree.leaves(given)]
            if not program:
                program.append(_program(self, jax.tree.structure((*first, *given)), _shapes(every)).compiled())
            return program[0](every)

        return call

    def prepare(self, *given: PyTree) -> None:
        """Compiles the program for arguments of these structures and shapes."""
        self._for(given).compiled()

    def outline(self, *given: PyTree) -> PyTree:
        """The shapes of the result for arguments of these structures and shapes, by tracing alone."""
        return self._for(given).outline()

    def _for(self, given: tuple[PyTree, ...]) -> _Program:
        leaves, tree = jax.tree.flatten(given)
        return _program(self, tree, _shapes(leaves))


class _Program:
    """A function for one structure and set of shapes: traced once and compiled once, whichever thread asks first."""

    def __init__(self, function: ExportedFunction, tree: Hashable, shapes: Shapes) -> None:
        self._function, self._tree, self._shapes = function, tree, shapes
        self._arguments = [jax.ShapeDtypeStruct(*shape) for shape in shapes]
        self._tracing, self._compiling = Lock(), Lock()
        self._exported: export.Exported | None = None
        self._outline: PyTree = None
        self._compiled: Callable[[list], PyTree] | None = None

    def compiled(self) -> Callable[[list], PyTree]:
        with self._compiling:
            if self._compiled is None:
                with _alone("compiling", self._path):
                    exported = self._traced()
                    lowered = jax.jit(exported.call).lower(self._arguments)
                    self._compiled = lowered.compile(_options(runs_once=self._function.runs_once))
                # a traced program takes megabytes, and is on disk
                self._exported = None
            return self._compiled

    def outline(self) -> PyTree:
        if self._outline is None:
            self._traced()
        return self._outline

    def _traced(self) -> export.Exported:
        with self._tracing:
            if self._exported is None:
                with _alone("tracing", self._path):
                    self._exported = _stored(self._path) or _newly_traced(self)
                avals = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in self._exported.out_avals]
                self._outline = jax.tree.unflatten(self._exported.out_tree, avals)
            return self._exported

    def newly_traced(self) -> export.Exported:
        function, tree = self._function.function, self._tree
        traced = export.export(jax.jit(lambda leaves: function(*jax.tree.unflatten(tree, leaves))))(self._arguments)
        if self._path:
            stored = traced.serialize()
            with suppress(OSError, InputError):
                self._path.parent.mkdir(parents=True, exist_ok=True)
                shelf.write(self._path, hashlib.sha256(stored).digest() + stored)
        return traced

    @cached_property
    def _path(self) -> Path | None:
        """Where the traced program is kept."""
        here = (
            source_hash(self._function.module),
            jax.__version__,
            jax.default_backend(),
            str(jax.dtypes.canonicalize_dtype(float)),
        )
        words = (self._function.name, str(self._tree), self._shapes, here)
        return cached_file(hashlib.sha256(repr(words).encode()).hexdigest())


def _stored(path: Path | None) -> export.Exported | None:
    whole = path and _whole(path)
    return export.deserialize(whole) if whole else None


@contextmanager
def _alone(doing: str, path: Path | None) -> Iterator[None]:
    """Of several processes one traces or compiles a program, and the others find it on disk then.

    Where files cannot be locked, or another process takes too long, this one goes on by itself.
    """
    with ExitStack() as stack:
        if path:
            with suppress(OSError, NotImplementedError, Timeout):
                stack.enter_context(FileLock(lock_file(doing, path), timeout=_MOST_WAITING_S))
        yield


# a cache that holds nothing: it counts what this process had to trace
_newly_traced = lru_cache(maxsize=0)(_Program.newly_traced)
_programs = lru_cache(maxsize=_MOST_PROGRAMS)(_Program)
_looking_up = Lock()


def _program(function: ExportedFunction, tree: Hashable, shapes: Shapes) -> _Program:
    # the cache alone would give each of two threads a program of its own
    with _looking_up:
        return _programs(function, tree, shapes)


def seldom(*, static: str = "") -> Callable[[Callable[..., R]], Callable[..., R]]:
    """As `jax.jit`, for what runs a few times for a song: compiling it well would take longer than it saves.

    `static` names an argument that is part of the program. Within another function that is traced it is part of that.
    """

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        inside = jax.jit(function, static_argnames=static or None)

        @cache
        def alone() -> Callable[..., R]:
            # not before it is called: which options there are is known once JAX has started
            options = _options(runs_once=True)
            return jax.jit(function, static_argnames=static or None, compiler_options=options)

        @wraps(function)
        def call(*given: object, **named: object) -> R:
            is_traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((given, named)))
            return (inside if is_traced else alone())(*given, **named)

        return call

    return decorate


def lock_file(doing: str, path: Path) -> Path:
    """What is locked while something is done for a program. Raises OSError if there is no place for it."""
    # one of few files, which stay: one that was deleted could be held by two
    folder = path.parent.with_name("locks")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{doing}-{path.name[:2]}"


def n_made() -> int:
    """The number of programs that this process found nowhere, and traced: they are compiled next."""
    return _newly_traced.cache_info().misses


def clear_compiled() -> None:
    """Drops compiled programs if this process holds too many memory maps or too much memory.

    Each program takes some of the 65,530 memory maps that Linux grants a process, which is aborted when none is left.
    Dropped programs are on disk, and are loaded again when they are called. In any case unused memory goes back to the
    system: glibc keeps what compiling took, half a gigabyte for each shape of song.
    """
    _trim()
    if _n_maps() > _MOST_MAPS or _resident_bytes() > _MOST_BYTES:
        _programs.cache_clear()
        jax.clear_caches()
        gc.collect()
        _trim()


def reuse_memory() -> None:
    """Lets glibc keep what is freed for the next array, until `clear_compiled`: an array of a megabyte is otherwise
    mapped, filled with zeros and unmapped again at every call, which takes a fifth of the time of a refinement."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)
        libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


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


def _options(*, runs_once: bool) -> dict[str, str | bool] | None:
    """What a program is compiled with; nothing of ours where it is not for a CPU."""
    if jax.default_backend() != "cpu":
        return None
    options = _OPTIONS_ONCE if runs_once else _OPTIONS
    return {name: value for name, value in options.items() if _known(name, value)}


@cache
def _known(option: str, value: str | bool) -> bool:
    """Whether this release of XLA has an option: it names some that it drops a year later, and refuses those."""
    try:
        jax.jit(lambda: 0.0).lower().compile({option: value})
    except jax.errors.JaxRuntimeError:
        return False
    return True


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
