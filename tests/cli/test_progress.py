"""What a run says of itself: stages and their times, on terminals and in logs."""

from __future__ import annotations

import time

import pytest

from hybrid.cli import progress
from hybrid.cli.progress import Stages, clock, now_and_then, of_about
from hybrid.cli.signals import Context


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(time.time())
    monkeypatch.setattr(time, "time", clock)
    return clock


def test_time_is_that_of_the_stage_that_is_reported_next(now: Clock):
    stages = Stages()
    assert stages.line == "start: 0 s"
    now.at += 3.0
    stages("analyse", 0.5)
    now.at += 3.0
    stages("analyse", 1.0)
    now.at += 4.0
    stages("compile", 0.5)
    assert stages.line == "compile, once for this shape: 4 of about 8 s"
    now.at += 1.0
    assert stages.line == "compile, once for this shape: 5 of about 10 s"
    stages("compile", 1.0)
    now.at += 1.0
    # what comes next has not reported yet
    assert stages.line == "after compile: 1 s"
    start, *others = stages.finished().items()
    assert start[0] == "start" and start[1] > 0.0
    assert others == [("analyse", 6.0), ("compile", 5.0), ("write", 1.0)]


@pytest.mark.parametrize(
    ("elapsed_s", "share", "text"),
    [
        (12.0, 0.48, "12 of about 25 s"),
        (12.0, 0.0, "12 s"),
        # too little is done to tell, or it takes longer than was expected
        (12.0, 0.01, "12 s"),
        (70.0, 0.99, "70 s"),
        (12.0, 1.0, "12 s"),
    ],
)
def test_a_time_is_part_of_another_if_that_can_be_told(elapsed_s: float, share: float, text: str):
    assert of_about(elapsed_s, share) == text


def test_hours_are_told_from_minutes():
    assert (clock(5.4), clock(3723.0)) == ("0:00:05", "1:02:03")


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_line_is_shown_although_nothing_is_reported(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_terminal)
    monkeypatch.setattr(progress, "_QUIET_S", 0.05)
    monkeypatch.setattr(progress, "_EVERY_S", 0.05)
    monkeypatch.setattr(progress, "_TURN_S", 0.05)
    with now_and_then(lambda: "still at \x1b[2Jit"):
        time.sleep(0.5)
    shown = capsys.readouterr().err
    assert shown.count("still at \\x1b[2Jit") >= 2
    # on a terminal one line is redrawn, and is gone in the end
    assert shown.endswith("\r\x1b[K") == is_terminal and ("\n" in shown) != is_terminal


def test_a_short_run_leaves_no_line_in_a_log(capsys: pytest.CaptureFixture[str]):
    with now_and_then(lambda: "still"):
        time.sleep(0.2)
    assert capsys.readouterr().err == ""


def test_a_long_stage_is_told_in_a_log(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(progress, "_QUIET_S", 0.05)
    monkeypatch.setattr(progress, "_EVERY_S", 0.05)
    with progress.progress_bar(a_context()) as shown:
        shown("refine", 0.5)
        time.sleep(0.3)
        shown.say("wrote out\x07")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("refine: ") and "wrote out\\x07" in lines


def a_context() -> Context:
    import typer

    from hybrid.cli import app
    from hybrid.cli.signals import Session

    return typer.Context(typer.main.get_command(app.app), obj=Session())
