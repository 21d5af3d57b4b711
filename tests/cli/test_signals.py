"""A request to stop takes effect even if a library swallows or replaces its exception."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOST = """
import signal, sys
import typer
from hybrid.cli import app, progress, signals

stop = signals.Session()
stop.listen()
context = typer.Context(typer.main.get_command(app.app), obj=stop)
try:
    signal.raise_signal(signal.{name})
except BaseException:
    print("lost")
with progress.progress_bar(context) as progress_:
    progress_("refine", 0.5)
print("went on")
"""

RENAMED = """
import signal
from hybrid.cli import app


def command():
    try:
        signal.raise_signal(signal.{name})
    except BaseException:
        raise ValueError("an error of a library that was interrupted")


app.get_command = lambda _: lambda **_: command()
app.main()
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_an_exception_replaced_by_a_library_keeps_the_exit_code(name: str, code: int):
    done = subprocess.run([sys.executable, "-c", RENAMED.format(name=name)], capture_output=True, text=True)
    assert done.returncode == code
    assert "ValueError" not in done.stderr


@pytest.mark.parametrize(("name", "code"), [("SIGINT", -2), ("SIGTERM", 143)])
def test_a_swallowed_exception_is_raised_again_at_the_next_progress(name: str, code: int):
    done = subprocess.run([sys.executable, "-c", LOST.format(name=name)], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("lost\n", code)
