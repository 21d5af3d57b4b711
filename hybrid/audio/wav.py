"""WAV files of any length."""

from __future__ import annotations

import struct
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
import soundfile
from jaxtyping import Float32, Int32

from hybrid.errors import Problem, UnwritableError

Subtype = Literal["PCM_16", "PCM_24", "PCM_32", "FLOAT"]

MIX_FILE = "mix.wav"
"""The mix, in the folder of a song's results."""
_MAX_RIFF_BYTES = 0xFFFF_FFFF


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
