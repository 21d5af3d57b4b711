"""Samples of one file, checked as they are read: from any position, in blocks, or at another rate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from types import TracebackType

import numpy as np
import soundfile
import soxr
from jaxtyping import Float32

from hybrid.audio.probe import AudioFile, without_stderr
from hybrid.errors import Problem, SongError

SILENCE_PEAK = 4e-5
"""Largest magnitude that counts as silence: one step of 16-bit dither, -88 dBFS."""

MAX_SAMPLE = 1e10
"""Largest plausible magnitude of a sample: floats on the scale of 32-bit integers end at 2e9."""

_BLOCK = 1 << 16
_LOSSY_TOLERANCE_S = 0.05


class FileReader:
    """Reads an open audio file. Not safe to use from two threads at once."""

    def __init__(self, file: AudioFile) -> None:
        self.file = file
        self._sounds = file.open()
        self._tolerance = int(_LOSSY_TOLERANCE_S * file.sample_rate) if file.is_lossy else 0

    @property
    def n_samples(self) -> int:
        """Samples of each channel."""
        return self.file.n_samples

    def __enter__(self) -> FileReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sound in self._sounds:
            sound.close()

    def read(self, start: int, n: int) -> Float32[np.ndarray, "n channel"]:
        """`n` samples from `start` on; both ends must lie in the file.

        Up to 50 ms that a lossy header declares may be missing at the end, since encoders round: they read as zero.
        Raises SongError, with the time, if more is missing or cannot be decoded, and for NaN, infinity and samples
        above `MAX_SAMPLE`.
        """
        blocks, first = [], 0
        for sound, length in zip(self._sounds, self.file.lengths, strict=True):
            start_in, end_in = max(start, first) - first, min(start + n, first + length) - first
            if start_in < end_in:
                blocks.append(self._read(sound, start_in, end_in - start_in, first))
            first += length
        return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)

    def _read(self, sound: soundfile.SoundFile, start: int, n: int, first: int) -> Float32[np.ndarray, "n channel"]:
        """Samples of one stream, whose first sample is that of the file at `first`."""
        try:
            # sequential reads need no seek, which is slow and, in lossy files, inexact
            if sound.tell() != start:
                sound.seek(start)
            with without_stderr() if self.file.is_lossy else nullcontext():
                block = sound.read(n, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise self._error("is damaged: cannot be decoded", first + start) from error
        if n - len(block) > self._tolerance:
            raise self._error("is truncated or damaged: it ends", first + start + len(block))
        if self.file.scale != 1.0:
            block *= np.float32(self.file.scale)
        if self.file.is_float:
            self._check_range(block, first + start)
        return np.pad(block, ((0, n - len(block)), (0, 0))) if len(block) < n else block

    def blocks(self) -> Iterator[Float32[np.ndarray, "n channel"]]:
        """All samples from the first to the last."""
        for start in range(0, self.file.n_samples, _BLOCK):
            yield self.read(start, min(_BLOCK, self.file.n_samples - start))

    def blocks_at(self, sample_rate: int) -> Iterator[Float32[np.ndarray, "n channel"]]:
        """All samples at another rate. soxr compensates its delay: sample 0 stays sample 0."""
        stream = soxr.ResampleStream(self.file.sample_rate, sample_rate, self.file.channels, dtype="float32")
        for block in self.blocks():
            yield stream.resample_chunk(block)
        yield stream.resample_chunk(np.zeros((0, self.file.channels), np.float32), last=True)

    def _check_range(self, block: Float32[np.ndarray, "n channel"], start: int) -> None:
        peaks = np.abs(block).max(axis=1, initial=0.0)
        if np.all(peaks <= MAX_SAMPLE):
            return
        # comparisons with NaN are false: the first sample that is not within the range
        at = int(np.argmin(peaks <= MAX_SAMPLE))
        value = f"a sample of {peaks[at]:.0e}, {20 * np.log10(peaks[at]):.0f} dBFS"
        if not np.isfinite(peaks[at]):
            value = "NaN" if np.isnan(block[at]).any() else "an infinite sample"
        raise self._error(f"holds {value}", start + at)

    def _error(self, what: str, at: int) -> SongError:
        what = f"{what} at {at / self.file.sample_rate:.3f} s"
        return SongError(Problem(str(self.file.path), what, hint="export the track again"))


def is_silent(file: AudioFile) -> bool:
    """Whether no sample of a file exceeds `SILENCE_PEAK`. Reads only as far as the first that does."""
    with FileReader(file) as reader:
        return all(np.max(np.abs(block)) <= SILENCE_PEAK for block in reader.blocks())
