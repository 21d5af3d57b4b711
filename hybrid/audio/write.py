"""Folders of results: published whole or not at all, by one run at a time, and never over files of others."""

from __future__ import annotations

import errno
import hashlib
import json
import re
import secrets
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from hybrid import shelf
from hybrid.errors import InputError, Problem, UnwritableError
from hybrid.processes import may_be_running, signals_deferred, this_process

_MARKER = ".hybrid"
_SMALL = 1 << 20
"""Files up to this size are known by their content, larger ones by their size: settings are edited, sound is not."""
_FRESH_S = 10.0
"""An empty lock that is younger than this is being written."""
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class OutputFolder:
    """A folder of results that is renamed to its target when the `with` block ends; until then `path` is hidden.

    If the block is left by an exception, interruption included, it is deleted and an older folder is unchanged. An
    older folder of results is replaced if `overwrite` is true; files in it that are not results, or that were edited
    since, are kept in the new one, and `notes` tells so. Raises InputError, on entering, if the folder exists and
    `overwrite` is false; if another program wrote it; if it is or holds one of the `inputs`; if another run writes it;
    or if it cannot be created; and on leaving if a folder has appeared meanwhile: the results are then beside it.
    """

    def __init__(self, path: Path, overwrite: bool, inputs: Iterable[Path]) -> None:
        self._target = shelf.expanded(path).resolve()
        self._overwrite = overwrite
        self._inputs = tuple(inputs)
        self._parent = next((each for each in self._target.parents if each.exists()), self._target)
        self.path = self._parent / f".{self._target.name}.{secrets.token_hex(4)}"
        self._was_there = False
        self.notes: tuple[str, ...] = ()
        """After the block: which files of others were kept."""

    def __enter__(self) -> OutputFolder:
        try:
            self._check()
            # between its creation and its content nobody could tell whose it is
            with signals_deferred():
                _lock(self._lock_file, self._target, self.path.name)
            _clear(self._parent, self._target)
            self._was_there = self._target.exists()
            self.path.mkdir()
            (self.path / _MARKER).touch()
        except OSError as error:
            self._discard()
            raise _write_error(self._target, error) from error
        except BaseException:
            self._discard()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._publish()
            if isinstance(error, InputError):
                error.problems = tuple(p._replace(where=self._target_path(p.where)) for p in error.problems)
            # a write that fails, unlike an opening, does not name its file
            if isinstance(error, OSError) and (error.errno in _DISK_FULL or str(self.path) in str(error.filename)):
                where = Path(self._target_path(str(error.filename or self._target)))
                raise _write_error(where, error) from error
        finally:
            self._discard()

    @property
    def is_new(self) -> bool:
        """Whether there was nothing at the target, so that a first version takes nobody's place."""
        return not self._was_there

    @contextmanager
    def first_version(self) -> Iterator[Path]:
        """A folder that is at the target from the end of this block on, until the results replace it, and stays if they
        never come. Raises InputError if something has appeared at the target meanwhile."""
        assert self.is_new
        first = self.path.with_name(f".{self._target.name}.{secrets.token_hex(4)}")
        try:
            first.mkdir()
            (first / _MARKER).touch()
            yield first
            self._rename(first)
            self._was_there = True
        finally:
            shutil.rmtree(first, ignore_errors=True)

    @property
    def _lock_file(self) -> Path:
        return self._parent / f".{self._target.name}.lock"

    def _discard(self) -> None:
        try:
            shutil.rmtree(self.path, ignore_errors=True)
        finally:
            # even if a second signal interrupts; another run's lock is not ours
            with suppress(OSError):
                if self._lock_file.read_text().endswith(f"\n{self.path.name}"):
                    self._lock_file.unlink()

    def _target_path(self, where: str) -> str:
        """The text with the path of the target folder, which the user knows, in place of the hidden one."""
        return where.replace(str(self.path), str(self._target))

    def _check(self) -> None:
        inside = next((each for each in self._inputs if each.resolve().is_relative_to(self._target)), None)
        if inside is not None:
            raise _input_error(self._target, f"holds the input {inside}", "choose another output folder")
        if not self._target.exists():
            return
        if not self._target.is_dir():
            raise _input_error(self._target, "is a file, expected a folder")
        if not self._overwrite:
            raise _input_error(self._target, "exists", "choose another output folder, or add --overwrite")
        if any(self._target.iterdir()) and not is_result_folder(self._target):
            raise _input_error(self._target, "holds files that are not results", "choose another output folder")

    def _publish(self) -> None:
        """Renames the finished folder. The older one is renamed first and deleted last."""
        older = self._rename(self.path)
        if older.exists():
            self.notes = tuple(_keep_foreign(older, self._target))
            shutil.rmtree(older, ignore_errors=True)

    def _rename(self, finished: Path) -> Path:
        """Puts a finished folder at the target, and returns where an older one is, if there was one."""
        (finished / _MARKER).write_text(json.dumps(_described(finished)))
        self._target.parent.mkdir(parents=True, exist_ok=True)
        if self._target.exists() and not (self._was_there and self._is_still_ours()):
            beside = next(path for n in range(2, 10**6) if not (path := _numbered(self._target, n)).exists())
            finished.rename(beside)
            raise _input_error(
                self._target, f"has changed while this ran and is left as it is: results are in {beside}"
            )
        older = finished.with_name(f"{finished.name}.old")
        try:
            if self._target.exists():
                self._target.rename(older)
            finished.rename(self._target)
        except BaseException:
            if older.exists() and not self._target.exists():
                older.rename(self._target)
            raise
        return older

    def _is_still_ours(self) -> bool:
        return self._target.is_dir() and (not any(self._target.iterdir()) or is_result_folder(self._target))


def is_result_folder(folder: Path) -> bool:
    """Whether a folder holds results of this program, which may be overwritten."""
    return (folder / _MARKER).is_file()


def clear_unfinished(target: Path, n_parents: int = 1) -> None:
    """Removes what killed runs have left of a folder of results in so many of the folders above it, of which a run
    takes the lowest that exists; results that had been moved aside come back."""
    for parent in target.parents[:n_parents]:
        lock = parent / f".{target.name}.lock"
        if parent.exists() and not (lock.exists() and _is_held(lock)):
            _clear(parent, target)
            with suppress(OSError):
                lock.unlink()


def _clear(parent: Path, target: Path) -> None:
    hidden = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}(\.old)?")
    for path in parent.iterdir():
        match = hidden.fullmatch(path.name)
        # a name may be anybody's: a marker is ours
        if match is None or not is_result_folder(path):
            continue
        if match[1] and not target.exists():
            # the older results had been moved aside for new ones that were never finished
            path.rename(target)
        shutil.rmtree(path, ignore_errors=True)


def _lock(path: Path, target: Path, name: str) -> None:
    """Creates the file that says which process writes a folder, and under which hidden name. Raises InputError if
    another run does."""
    content = f"{this_process()}\n{name}"
    for _ in range(2):
        try:
            with path.open("x") as file:
                try:
                    file.write(content)
                except BaseException:
                    path.unlink(missing_ok=True)
                    raise
            return
        except FileExistsError:
            if _is_held(path):
                hint = f"choose another output folder; if no run does, delete {path}"
                raise _input_error(target, "is being written by another run", hint) from None
            path.unlink(missing_ok=True)


def _is_held(path: Path) -> bool:
    """Whether the run that has created a lock may still be running."""
    try:
        return may_be_running(path.read_text().partition("\n")[0])
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        # created by a run that has not yet written into it, or has died before it could
        with suppress(OSError):
            return time.time() - path.stat().st_mtime < _FRESH_S
        return False


def _described(folder: Path) -> dict[str, object]:
    """What the marker of a folder says of its files: sizes of large ones, digests of small ones."""
    return {"files": {path.relative_to(folder).as_posix(): _known_by(path) for path in _files(folder)}}


def _known_by(path: Path) -> int | str:
    size = path.stat().st_size
    return size if size > _SMALL else hashlib.sha256(path.read_bytes()).hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    marker = folder / _MARKER
    yield from (path for path in sorted(folder.rglob("*")) if path != marker and (path.is_symlink() or path.is_file()))


def _keep_foreign(older: Path, target: Path) -> Iterator[str]:
    """Moves files of an older folder that are not its results into the new one; a note for each."""
    try:
        own = dict(json.loads((older / _MARKER).read_text())["files"])
    except (OSError, ValueError, KeyError, TypeError):
        # a marker that says nothing: nothing is deleted
        own = {}
    for path in _files(older):
        name = path.relative_to(older).as_posix()
        if not path.is_symlink() and own.get(name) == _known_by(path):
            continue
        kept = target / name
        if kept.exists() or kept.is_symlink():
            kept = next(other for n in range(1, 10**6) if not (other := _numbered(kept, n)).exists())
        kept.parent.mkdir(parents=True, exist_ok=True)
        path.rename(kept)
        what = "was edited" if name in own else "is not a result"
        yield f"{name} {what}: kept as {kept.relative_to(target).as_posix()}"


def _numbered(path: Path, n: int) -> Path:
    return path.with_name(f"{path.stem}-{n}{path.suffix}")


def _write_error(path: Path, error: OSError) -> InputError:
    kind = UnwritableError if error.errno in _DISK_FULL + _READ_ONLY else InputError
    return kind(Problem(str(path), f"cannot be written: {error.strerror}"))


def _input_error(path: Path, what: str, hint: str = "") -> InputError:
    return InputError(Problem(str(path), what, hint))
