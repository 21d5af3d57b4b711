"""A request to stop is heard, even where the exception that it raises is lost."""

from __future__ import annotations

import subprocess
import sys

import pytest

LOST = """
import signal, sys
from hybrid.cli import app, progress, signals

signals.stop_when_asked()
try:
    signal.raise_signal(signal.{name})
except BaseException:
    print("lost")
with progress.progress_bar() as told:
    told("refine", 0.5)
print("went on")
"""


@pytest.mark.parametrize(("name", "code"), [("SIGINT", -2), ("SIGTERM", 143)])
def test_what_was_lost_is_raised_again_at_the_next_progress(name: str, code: int):
    done = subprocess.run([sys.executable, "-c", LOST.format(name=name)], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("lost\n", code)
