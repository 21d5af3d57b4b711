"""The command line as a person meets it."""

from __future__ import annotations

import sys

import pytest

from hybrid.cli import app


@pytest.fixture
def hybrid(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs a command; gives its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int | str | None, str, str]:
        monkeypatch.setattr(sys, "argv", ["hybrid", *arguments])
        with pytest.raises(SystemExit) as leaving:
            app.main()
        out, err = capsys.readouterr()
        return leaving.value.code, out, err

    return run
