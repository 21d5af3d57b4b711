"""Results on disk: output folders that are published whole or not at all, and WAV files of any length."""

from __future__ import annotations

import errno
import secrets
import shutil
import struct
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
import soundfile
from jaxtyping import Float32, Int32

from hybrid.errors import InputError, Problem, UnwritableError

Subtype = Literal["PCM_16", "PCM_24", "PCM_32", "FLOAT"]

MIX_FILE = "mix.wav"
"""The mix, in the folder of a song's results."""
_MARKER = ".hybrid"
_MAX_RIFF_BYTES = 0xFFFF_FFFF
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class OutputFolder:
    """A folder of results that is renamed to its target when the `with` block ends; until then `path` is hidden.

    If the block is left by an exception, interruption included, it is deleted and an older folder is unchanged.
    Raises InputError, on entering, if the folder exists and `overwrite` is false; if it exists and another program
    wrote it; if it is or holds one of the `inputs`; or if it cannot be created.
    """

    def __init__(self, path: Path, overwrite: bool, inputs: Iterable[Path]) -> None:
        self._target = path.expanduser().resolve()
        self._overwrite = overwrite
        self._inputs = tuple(inputs)
        parent = next((each for each in self._target.parents if each.exists()), self._target)
        self.path = parent / f".{self._target.name}.{secrets.token_hex(4)}"

    def __enter__(self) -> OutputFolder:
        try:
            self._check()
            self.path.mkdir()
            (self.path / _MARKER).touch()
        except OSError as error:
            raise _write_error(self._target, error) from error
        except BaseException:
            shutil.rmtree(self.path, ignore_errors=True)
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
            shutil.rmtree(self.path, ignore_errors=True)

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
        self._target.parent.mkdir(parents=True, exist_ok=True)
        older = self.path.with_name(f"{self.path.name}.old")
        try:
            if self._target.exists():
                self._target.rename(older)
            self.path.rename(self._target)
        except BaseException:
            if older.exists() and not self._target.exists():
                older.rename(self._target)
            raise
        shutil.rmtree(older, ignore_errors=True)


class WavWriter:
    """A WAV file, written block by block; from 4 GB on it is an RF64 file (EBU Tech 3306)."""

    def __init__(self, path: Path, sample_rate: int, channels: int, subtype: Subtype) -> None:
        self._path = path
        self._bits = 0 if subtype == "FLOAT" else int(subtype.removeprefix("PCM_"))
        self._sound = soundfile.SoundFile(path, "w", sample_rate, channels, subtype, format="RF64")

    def write(self, block: Float32[np.ndarray, "channel n"]) -> None:
        """Appends a block. Samples beyond full scale are the caller's error, unless the file is FLOAT."""
        assert not self._bits or max(block.max(initial=0.0), -block.min(initial=0.0)) <= 1.0, "sample beyond full scale"
        try:
            self._sound.write(_rounded(block.T, self._bits) if self._bits else block.T)
        except soundfile.LibsndfileError as error:
            raise UnwritableError(Problem(str(self._path), "cannot be written", "is the disk full?")) from error

    def __enter__(self) -> WavWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sound.close()
        if self._path.stat().st_size <= _MAX_RIFF_BYTES:
            _as_riff(self._path)


def _rounded(block: Float32[np.ndarray, "n channel"], bits: int) -> Int32[np.ndarray, "n channel"]:
    """The nearest integers of `bits` bits, in the upper bits: libsndfile would truncate floats instead."""
    full = 2.0 ** (bits - 1)
    # a float32 holds every integer of 24 bits
    steps = np.multiply(block, full, dtype=np.float32 if bits <= 24 else np.float64)
    np.clip(np.rint(steps, out=steps), -full, full - 1.0, out=steps)
    return np.left_shift(steps.astype(np.int32), 32 - bits)


def _as_riff(path: Path) -> None:
    """Turns an RF64 file into the WAV file of the same samples, in place, as EBU Tech 3306 lays out.

    Its 64-bit sizes, reserved in a `ds64` chunk, become a `JUNK` chunk.
    """
    with path.open("r+b") as file:
        head = file.read(256)
        riff_bytes, data_bytes = struct.unpack_from("<QQ", head, 20)
        for at, value in (
            (0, b"RIFF"),
            (4, struct.pack("<I", riff_bytes)),
            (12, b"JUNK"),
            (head.index(b"data", 48) + 4, struct.pack("<I", data_bytes)),
        ):
            file.seek(at)
            file.write(value)


def is_result_folder(folder: Path) -> bool:
    """Whether a folder holds results of this program, which may be overwritten."""
    return (folder / _MARKER).exists()


def _write_error(path: Path, error: OSError) -> InputError:
    kind = UnwritableError if error.errno in _DISK_FULL + _READ_ONLY else InputError
    return kind(Problem(str(path), f"cannot be written: {error.strerror}"))


def _input_error(path: Path, what: str, hint: str = "") -> InputError:
    return InputError(Problem(str(path), what, hint))
