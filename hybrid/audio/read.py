"""Samples of a song's tracks, from any place, at the song's rate, never more in memory than asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
from jaxtyping import Float32

from hybrid.audio.probe import AudioFile, cut_short, probe, probe_all
from hybrid.audio.song import Song, Track
from hybrid.errors import Problem, SongError

_BLOCK = 1 << 16
_LOSSY_SLACK_S = 0.05


class _Placed(NamedTuple):
    """An open file, the channels of its track that it fills, and the song's sample where it begins."""

    samples: _Samples
    rows: slice
    start: int
    gain: np.float32


class SongReader:
    """The samples of a song; made by `open_song`.

    Different tracks may be read from different threads at once; one track by one thread at a time.
    """

    def __init__(self, song: Song, sources: tuple[tuple[_Placed, ...], ...]) -> None:
        self.song = song
        self._sources = sources

    def read(self, track_index: int, start: int, n: int) -> Float32[np.ndarray, "channel n"]:
        """`n` samples of a track from the song's sample `start` on, with the track's gain and offset.

        Zero where the track has no samples, `start` may be negative. Raises SongError where the file holds
        NaN or infinity or ends too soon.
        """
        block = np.zeros((self.song.tracks[track_index].channels, n), np.float32)
        for samples, rows, begin, gain in self._sources[track_index]:
            first = max(start, begin)
            last = min(start + n, begin + samples.file.n_samples)
            if first < last:
                block[rows, first - start : last - start] = samples.read(first - begin, last - first).T
                block[rows] *= gain
        return block


@contextmanager
def open_song(song: Song) -> Iterator[SongReader]:
    """A reader of the song's tracks, whose files stay open as long as the `with` block.

    Files at another rate, and lossy ones (in which no seek is exact), are unpacked once to temporary float
    files, which are deleted at the end: they need four bytes a sample in the system's temporary folder.
    Raises SongError with every file that is unfit.
    """
    files = probe_all(path for track in song.tracks for path in track.files)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hybrid-")))
        opener = _Opener(song.sample_rate, files, scratch, stack)
        yield SongReader(song, tuple(opener.open(track) for track in song.tracks))


class _Samples:
    """Random access to one open file."""

    def __init__(self, file: AudioFile, stack: ExitStack) -> None:
        self.file = file
        self._sound = stack.enter_context(soundfile.SoundFile(file.path))
        self._slack = int(_LOSSY_SLACK_S * file.sample_rate) if file.is_lossy else 0

    def read(self, start: int, n: int) -> Float32[np.ndarray, "n channel"]:
        """`n` samples from `start` on; both must lie in the file.

        The last 50 ms that a lossy header promises may be missing, since encoders round: they read as zero.
        """
        try:
            if self._sound.tell() != start:
                self._sound.seek(start)
            block = self._sound.read(n, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise cut_short(self.file.path, start / self.file.sample_rate) from error
        if n - len(block) > self._slack:
            raise cut_short(self.file.path, (start + len(block)) / self.file.sample_rate)
        if self.file.is_float:
            self._check_finite(block, start)
        return np.pad(block, ((0, n - len(block)), (0, 0))) if len(block) < n else block

    def _check_finite(self, block: Float32[np.ndarray, "n channel"], start: int) -> None:
        if np.isfinite(block).all():
            return
        at = int(np.argmin(np.isfinite(block).all(axis=1)))
        value = "NaN" if np.isnan(block[at]).any() else "an infinite sample"
        what = f"holds {value} at {(start + at) / self.file.sample_rate:.3f} s"
        raise SongError(Problem(str(self.file.path), what, hint="export the track again"))


class _Opener(NamedTuple):
    """Opens tracks at one rate, and leaves the closing to a stack."""

    sample_rate: int
    files: Mapping[Path, AudioFile]
    scratch: Path
    stack: ExitStack

    def open(self, track: Track) -> tuple[_Placed, ...]:
        start = round(track.offset_s * self.sample_rate)
        gain = np.float32(10.0 ** (track.gain_db / 20.0))
        rows = [slice(0, track.channels)] if len(track.files) == 1 else [slice(0, 1), slice(1, 2)]
        opened = [_Samples(self._at_rate(self.files[path]), self.stack) for path in track.files]
        return tuple(_Placed(samples, row, start, gain) for samples, row in zip(opened, rows, strict=True))

    def _at_rate(self, file: AudioFile) -> AudioFile:
        """The file itself, or its unpacked copy at the song's rate."""
        if file.sample_rate == self.sample_rate and not file.is_lossy:
            return file
        copy = self.scratch / f"{len(list(self.scratch.iterdir()))}.w64"
        with (
            ExitStack() as stack,
            soundfile.SoundFile(copy, "w", self.sample_rate, file.channels, "FLOAT", format="W64") as out,
        ):
            for block in _resampled(_Samples(file, stack), self.sample_rate):
                out.write(block)
        return probe(copy)


def _resampled(samples: _Samples, sample_rate: int) -> Iterator[Float32[np.ndarray, "n channel"]]:
    """All samples in blocks, at another rate. soxr's delay is compensated: sample 0 stays sample 0."""
    file = samples.file
    stream = soxr.ResampleStream(file.sample_rate, sample_rate, file.channels, dtype="float32")
    for start in range(0, file.n_samples, _BLOCK):
        n = min(_BLOCK, file.n_samples - start)
        yield stream.resample_chunk(samples.read(start, n), last=start + n == file.n_samples)
