"""Temporary folders that do not outlive the program by more than one run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hybrid.processes import may_be_running, this_process

_PREFIX, _OWNER = "hybrid-", ".hybrid-owner"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder among the system's temporary files, deleted at the end; those of killed runs are deleted first."""
    _clear(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as outer:
        # beside the folder that is handed out, which is empty
        (Path(outer) / _OWNER).write_text(this_process())
        folder = Path(outer) / "files"
        folder.mkdir()
        yield folder


def _clear(parent: Path) -> None:
    for path in parent.glob(f"{_PREFIX}*"):
        # without an owner it is somebody else's, or just being made; what another user has left cannot be deleted
        with suppress(OSError, ValueError):
            if not may_be_running((path / _OWNER).read_text()):
                shutil.rmtree(path, ignore_errors=True)
