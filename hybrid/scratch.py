"""Temporary folders that do not outlive the program by more than one run."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_NAME = re.compile(r"hybrid-(\d+)-\w+")


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder among the system's temporary files, deleted at the end; those of killed runs are deleted first."""
    _clear(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=f"hybrid-{os.getpid()}-") as folder:
        yield Path(folder)


def _clear(parent: Path) -> None:
    with suppress(OSError):
        for path in parent.iterdir():
            match = _NAME.fullmatch(path.name)
            if match and not psutil.pid_exists(int(match[1])):
                # what another user has left is theirs: it cannot be deleted
                shutil.rmtree(path, ignore_errors=True)
