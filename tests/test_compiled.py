"""Programs that are kept: traced once for each shape, found again by another run, made anew when damaged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from filelock import FileLock
from jaxtyping import Array

from hybrid import compiled
from hybrid.compiled import ExportedFunction, lock_file, storable


class Pair(NamedTuple):
    first: Array
    second: Array


storable(Pair)


class Counted:
    """A function that knows how often it was traced."""

    def __init__(self, factor: float) -> None:
        self.factor, self.n_traced = factor, 0

    def __call__(self, pair: Pair) -> list[Array]:
        self.n_traced += 1
        return [self.factor * jnp.sum(pair.first), pair.second + 1.0]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with kept_in(tmp_path):
        yield tmp_path / "traced"


@contextmanager
def kept_in(folder: Path | None) -> Iterator[None]:
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", folder and str(folder))
    try:
        yield
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


def pair(n: int) -> Pair:
    return Pair(jnp.arange(n, dtype=jnp.float32), jnp.ones(2))


def found(exported: ExportedFunction, n: int) -> tuple[float, list[float]]:
    total, rest = exported(pair(n))
    return float(total), rest.tolist()


def test_each_shape_is_traced_once(folder: Path):
    counted = Counted(2.0)
    exported = ExportedFunction("doubled", counted)
    assert found(exported, 3) == (6.0, [2.0, 2.0])
    assert found(exported, 3) == (6.0, [2.0, 2.0])
    assert counted.n_traced == 1
    assert found(exported, 4) == (12.0, [2.0, 2.0])
    assert counted.n_traced == 2


def test_another_run_finds_what_was_traced(folder: Path):
    ExportedFunction("doubled", Counted(2.0)).prepare(pair(3))
    counted = Counted(2.0)
    assert found(ExportedFunction("doubled", counted), 3) == (6.0, [2.0, 2.0])
    assert counted.n_traced == 0


@pytest.mark.parametrize("name", ["tripled", "doubled"])
def test_another_function_or_version_does_not(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    ExportedFunction("doubled", Counted(2.0)).prepare(pair(3))
    if name == "doubled":
        monkeypatch.setattr(compiled, "source_hash", lambda module: f"another {module}")
    assert found(ExportedFunction(name, Counted(3.0)), 3) == (9.0, [2.0, 2.0])


@pytest.mark.parametrize("damage", [b"", b"\x00\x01 nothing of the kind", None])
def test_a_damaged_file_is_made_anew(folder: Path, damage: bytes | None):
    ExportedFunction("doubled", Counted(2.0)).prepare(pair(3))
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    n_traced = []
    for counted in (Counted(2.0), Counted(2.0)):
        assert found(ExportedFunction("doubled", counted), 3) == (6.0, [2.0, 2.0])
        n_traced.append(counted.n_traced)
    assert n_traced == [1, 0]


@pytest.mark.filterwarnings("ignore:Error writing persistent compilation cache entry")
def test_a_folder_that_cannot_be_written_does_no_harm(tmp_path: Path):
    (tmp_path / "file").touch()
    with kept_in(tmp_path / "file"):
        assert found(ExportedFunction("doubled", Counted(2.0)), 3) == (6.0, [2.0, 2.0])


def test_where_jax_keeps_nothing_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with kept_in(None):
        assert found(ExportedFunction("doubled", Counted(2.0)), 3) == (6.0, [2.0, 2.0])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("most", ["_MOST_MAPS", "_MOST_BYTES"])
def test_programs_that_are_too_many_or_too_large_are_let_go_and_come_back(most: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compiled, "_MOST_BYTES", 1e12)
    double = jax.jit(lambda x: 2.0 * x)
    assert double(3.0) == 6.0
    exported = ExportedFunction("one that is let go", lambda x: [x + 1.0])
    exported(jnp.ones(3))
    compiled.clear_compiled()
    assert double._cache_size() == 1 and compiled._programs.cache_info().currsize >= 1  # a few are kept
    monkeypatch.setattr(compiled, most, 0)
    compiled.clear_compiled()
    assert double._cache_size() == 0 and compiled._programs.cache_info().currsize == 0
    np.testing.assert_array_equal(exported(jnp.ones(3))[0], [2.0, 2.0, 2.0])
    assert double(4.0) == 8.0
    monkeypatch.setattr(compiled, "_MAPS", Path("/nowhere"))
    monkeypatch.setattr(compiled, "_SIZE", Path("/nowhere"))
    compiled.clear_compiled()  # not Linux


def test_what_another_process_makes_is_waited_for_and_found(folder: Path, monkeypatch: pytest.MonkeyPatch):
    exported = ExportedFunction("doubled", Counted(2.0))
    exported.prepare(pair(3))
    (path,) = folder.iterdir()
    made = path.read_bytes()
    path.unlink()
    counted = Counted(2.0)
    # the lock is held by another process, which stores the program and lets go
    with ThreadPoolExecutor(1) as threads:
        with FileLock(lock_file("tracing", path)):
            waiting = threads.submit(ExportedFunction("doubled", counted).prepare, pair(3))
            time.sleep(0.3)
            assert not waiting.done() and counted.n_traced == 0
            path.write_bytes(made)
        waiting.result()
        assert counted.n_traced == 0
        path.unlink()
        # it takes too long: this process goes on by itself
        monkeypatch.setattr(compiled, "_MOST_WAITING_S", 0.1)
        with FileLock(lock_file("tracing", path)), FileLock(lock_file("compiling", path)):
            threads.submit(ExportedFunction("doubled", counted).prepare, pair(3)).result()
    assert counted.n_traced == 1


def test_threads_that_ask_for_one_program_at_once_trace_it_once(folder: Path):
    class Slow(Counted):
        def __call__(self, pair: Pair) -> list[Array]:
            time.sleep(0.1)  # long enough for every thread to ask
            return super().__call__(pair)

    function = Slow(3.0)
    exported = ExportedFunction("slow", function)
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda _: found(exported, 4), range(4)))
    assert results == [(18.0, [2.0, 2.0])] * 4
    assert function.n_traced == 1


def test_a_program_that_runs_once_gives_what_one_for_many_calls_gives(folder: Path):
    once, often = (ExportedFunction(name, Counted(2.0), runs_once=name == "once") for name in ("once", "often"))
    assert found(once, 5) == found(often, 5) == (20.0, [2.0, 2.0])


def test_results_hold_storable_containers_and_outlines_tell_their_shapes(folder: Path):
    def swapped(pair: Pair) -> Pair:
        return Pair(pair.second, 2.0 * pair.first)

    outline = ExportedFunction("swapped", swapped).outline(pair(3))
    assert (outline.first.shape, outline.second.shape) == ((2,), (3,))
    # traced by the one, found on disk by the other
    again = ExportedFunction("swapped", swapped)(pair(3))
    assert isinstance(again, Pair) and again.second.tolist() == [0.0, 2.0, 4.0]


def test_an_option_that_xla_does_not_have_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_OPTIONS", {"xla_of_another_year": True, "xla_backend_optimization_level": "1"})
    assert compiled._options(runs_once=False) == {"xla_backend_optimization_level": "1"}
    double = ExportedFunction("an option of another year", Counted(2.0))
    assert double(pair(3))[0] == 6.0


def test_what_is_called_seldom_is_compiled_quickly_alone_and_is_part_of_what_calls_it():
    traced: list[bool] = []

    @compiled.seldom(static="n")
    def scaled(x: Array, n: int) -> Array:
        traced.append(True)
        return x * n

    x = jnp.arange(3.0)
    np.testing.assert_array_equal(scaled(x, n=2), [0.0, 2.0, 4.0])
    np.testing.assert_array_equal(scaled(x, n=2), [0.0, 2.0, 4.0])
    assert len(traced) == 1
    np.testing.assert_array_equal(jax.jit(lambda x: scaled(x, n=3) + 1.0)(x), [1.0, 4.0, 7.0])
    np.testing.assert_array_equal(jax.grad(lambda x: jnp.sum(scaled(x, n=3)))(x), [3.0, 3.0, 3.0])
