"""A fixture that runs the command line."""

from __future__ import annotations

import sys

import pytest

from hybrid.cli import app, progress


@pytest.fixture
def hybrid(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """A function that runs a command and returns its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int | str | None, str, str]:
        # what a log is told depends on the machine's speed
        monkeypatch.setattr(progress, "_QUIET_S", 1e6)
        monkeypatch.setattr(sys, "argv", ["hybrid", *arguments])
        with pytest.raises(SystemExit) as leaving:
            app.main()
        out, err = capsys.readouterr()
        return leaving.value.code, out, err

    return run
