"""Programs that are compiled ahead: what is told of them, and that nobody waits for what is no longer wanted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from hybrid import ahead as module
from hybrid.ahead import ahead
from hybrid.errors import InputError, Problem
from tests.test_compiled import kept_in


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, float]]]:
    """What was reported, in a place where nothing was compiled before, with every wait told."""
    monkeypatch.setattr(module, "_NOTICED_S", 0.0)
    monkeypatch.setattr(module, "_TURN_S", 0.01)
    with kept_in(tmp_path):
        yield []


def compile_for(seconds: float, told: list[tuple[str, float]]) -> None:
    with ahead(lambda *each: told.append(each)) as submit:
        submit(time.sleep, seconds)


def test_the_share_that_is_done_rests_on_what_it_took_before(told: list[tuple[str, float]]):
    compile_for(0.3, told)
    assert {stage for stage, _ in told} == {"compile"} and told[-1][1] == 1.0
    # a minute is expected where nothing is known
    assert told[-2][1] < 0.3 / 30.0
    first = len(told)
    compile_for(0.3, told)
    shares = [share for _, share in told[first:]]
    assert shares == sorted(shares) and shares[-1] == 1.0 and shares[-2] > 0.5


def test_damaged_times_are_forgotten(told: list[tuple[str, float]], tmp_path: Path):
    path = tmp_path / "traced" / "seconds.json"
    path.parent.mkdir()
    path.write_text('{"a": ')
    compile_for(0.1, told)
    assert told[-1] == ("compile", 1.0) and path.read_text().startswith("[0.")


def test_who_leaves_waits_for_nothing(told: list[tuple[str, float]]):
    done, start = Event(), time.monotonic()
    with pytest.raises(KeyboardInterrupt), ahead(lambda *each: told.append(each)) as submit:
        submit(done.wait, 60.0)
        raise KeyboardInterrupt
    assert time.monotonic() - start < 5.0 and not told
    done.set()


def test_an_error_of_what_is_compiled_is_raised(told: list[tuple[str, float]]):
    def fail() -> None:
        raise InputError(Problem("rules.yaml", "cannot be compiled"))

    with pytest.raises(InputError, match="cannot be compiled"), ahead(lambda *each: told.append(each)) as submit:
        submit(fail)


def test_what_is_submitted_by_what_was_submitted_is_waited_for_as_well(told: list[tuple[str, float]]):
    done: list[int] = []
    with ahead(lambda *each: told.append(each)) as submit:

        def slow(number: int) -> None:
            time.sleep(0.1)
            if number < 3:
                submit(slow, number + 1)
            done.append(number)

        submit(slow, 0)
    assert sorted(done) == [0, 1, 2, 3]


def test_a_fault_of_what_was_submitted_later_is_raised(told: list[tuple[str, float]]):
    def fail() -> None:
        raise InputError(Problem("here", "is wrong"))

    with pytest.raises(InputError, match="here: is wrong"), ahead(lambda *each: told.append(each)) as submit:
        submit(submit, fail)
