"""What a command is doing, on stderr: bars on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

import psutil

from hybrid.cli.log import write_line
from hybrid.cli.signals import Context, Session, Verbosity
from hybrid.errors import printable

_QUIET_S = 10.0
"""A run that takes no longer leaves nothing in a log."""
_EVERY_S = 30.0
"""Spacing of the lines in a log. A guess: rare enough to be read, and no minute is silent."""
_OFTEN_S = 5.0
"""The same, where a command is verbose."""
_TURN_S = 1.0
"""Spacing of redrawing a line on a terminal."""
_TELLING = (0.05, 0.99)
"""Shares of a stage between which something is said of how long it will take: later it takes longer than expected."""
_WORDS = {"compile": "compile, once for this shape"}
"""Stages that their name alone would not explain."""


_USUAL = Verbosity()


class Stages:
    """The stages of a run as they are reported: what is done now, and what each has taken.

    Work is reported when it is done: the time since the last report is that of the stage that is reported.
    """

    def __init__(self) -> None:
        self._last, self._name, self._share = time.time(), "start", 0.0
        self.seconds = {self._name: self._last - psutil.Process().create_time()}
        self._begun = self._last

    def __call__(self, stage: str, share: float) -> None:
        """A stage was worked on, and this share of it (0 to 1) is done."""
        now = time.time()
        if stage != self._name:
            self._name, self._begun = stage, self._last
        self._share = share
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now

    def finished(self) -> dict[str, float]:
        """Seconds of each stage, and, as "write", of what came after the last report."""
        return {**self.seconds, "write": time.time() - self._last}

    @property
    def line(self) -> str:
        """What is done now, for how long, and for how long it will be."""
        if self._share >= 1.0:
            return f"after {self._name}: {time.time() - self._last:.0f} s"
        return f"{_WORDS.get(self._name, self._name)}: {of_about(time.time() - self._begun, self._share)}"


def of_about(elapsed_s: float, share: float) -> str:
    """A time, and what it is a part of, if that can be told: "12 of about 25 s"."""
    low, high = _TELLING
    expected = f" of about {elapsed_s / share:.0f}" if low <= share < high else ""
    return f"{elapsed_s:.0f}{expected} s"


class Shown:
    """What reports of progress are given to. They raise a pending request to stop, whose exception may have been lost
    elsewhere."""

    def __init__(self, stop: Session, show: Callable[[str, float], None], say: Callable[[str], None]) -> None:
        self._stop, self._show, self._say = stop, show, say
        self.stages = Stages()

    def __call__(self, stage: str, share: float) -> None:
        self._stop.raise_again()
        self.stages(stage, share)
        self._show(stage, share)

    def say(self, text: str) -> None:
        """Prints a line, whatever else is shown."""
        self._say(printable(text))


@contextmanager
def progress_bar(context: Context) -> Iterator[Shown]:
    """A function that shows the share (0 to 1) of a stage that is done; NO_COLOR is honoured."""
    session = context.ensure_object(Session)
    if session.verbosity.is_quiet or not sys.stderr.isatty():
        shown = Shown(session, lambda stage, share: None, _print)
        with now_and_then(lambda: shown.stages.line, session.verbosity):
            yield shown
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
    from rich.text import Text

    class OfAbout(ProgressColumn):
        """The time of a stage so far, and how long it will be."""

        def render(self, task: Task) -> Text:
            elapsed = task.finished_time if task.finished else task.elapsed
            return Text(of_about(elapsed or 0.0, task.completed))

    columns = (TextColumn("{task.description:8}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), OfAbout())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, share: float) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(_WORDS.get(stage, stage), total=1.0)
            bars.update(tasks[stage], completed=share)

        shown = Shown(session, show, lambda text: bars.console.print(text, markup=False, highlight=False))
        # the bars are on the terminal: lines go to the log alone, if there is one
        with now_and_then(lambda: shown.stages.line, session.verbosity._replace(is_quiet=True)):
            yield shown


@contextmanager
def now_and_then(line: Callable[[], str], verbosity: Verbosity = _USUAL) -> Iterator[None]:
    """Shows a line in the course of the block, whether or not anything is reported: redrawn on a terminal, printed
    every half minute elsewhere, and in the log; nowhere else if the command is quiet."""
    done, is_terminal = Event(), sys.stderr.isatty() and not verbosity.is_quiet

    def run() -> None:
        every_s = _OFTEN_S if verbosity.is_verbose else _EVERY_S
        due_s = time.monotonic() + min(_QUIET_S, every_s)
        while not done.wait(_TURN_S if is_terminal else max(0.0, due_s - time.monotonic())):
            if is_terminal:
                print(f"\r\x1b[K{printable(line())}", end="", file=sys.stderr, flush=True)
            if time.monotonic() >= due_s:
                due_s += every_s
                if not verbosity.is_quiet and not is_terminal:
                    _print(printable(line()))
                elif verbosity.log:
                    write_line(verbosity.log, line())

    thread = Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        if is_terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def print_above(text: str) -> None:
    """Prints a line on stderr, where another one may be redrawn in the meantime."""
    erased = "\r\x1b[K" if sys.stderr.isatty() else ""
    _print(f"{erased}{printable(text)}")


def clock(seconds: float) -> str:
    """A time as hours, minutes and seconds: "1:02:03"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


def _print(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
