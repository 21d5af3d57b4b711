"""Samples of a song's tracks at the song's rate, from any position, with no more in memory than is requested."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from jaxtyping import Float32

from hybrid.audio.memory import ArraySamples
from hybrid.audio.probe import AudioFile, probe, probe_all
from hybrid.audio.samples import MAX_SAMPLE, FileReader
from hybrid.audio.song import Song, Track
from hybrid.errors import InputError, Problem, SongError
from hybrid.scratch import scratch_folder


class _OpenFile(NamedTuple):
    """An open file or an array, and the channels of its track that it holds."""

    reader: FileReader | ArraySamples
    rows: slice


class SongReader:
    """Reads the samples of a song; created by `open_song`.

    Different tracks may be read from different threads at once; one track by one thread at a time.
    """

    def __init__(self, song: Song, files: tuple[tuple[_OpenFile, ...], ...], n_threads: int | None) -> None:
        self.song = song
        self.n_threads = n_threads
        """Threads to work on the song with; one per core if None."""
        self._files = files

    def read(self, track_index: int, start: int, n: int) -> Float32[np.ndarray, "channel n"]:
        """`n` samples of a track from the song's sample `start` on, with the track's gain, polarity and offset.

        Zero where the track has no samples; `start` may be negative. Raises SongError where the file holds NaN or
        infinity or ends too soon.
        """
        track = self.song.tracks[track_index]
        offset, gain = track.start_sample(self.song.sample_rate), np.float32(track.gain)
        block = np.zeros((track.channels, n), np.float32)
        for reader, rows in self._files[track_index]:
            first = max(start, offset)
            last = min(start + n, offset + reader.n_samples)
            if first < last:
                part = gain * reader.read(first - offset, last - first).T
                if abs(gain) > 1.0 and np.max(np.abs(part), initial=0.0) > MAX_SAMPLE:
                    what = f"its gain_db of {track.gain_db:g} makes samples of it too loud to be computed with"
                    raise SongError(Problem(track.id, what, "lower its gain_db in song.yaml"))
                block[rows, first - start : last - start] = part
        return block

    def for_song(self, song: Song) -> SongReader:
        """A reader of the same open files, with the gains, polarities and offsets of `song`."""
        return SongReader(song, self._files, self.n_threads)


@contextmanager
def open_song(song: Song, n_threads: int | None = None) -> Iterator[SongReader]:
    """A reader of the song's tracks, whose files stay open as long as the `with` block.

    Files at another rate, and lossy ones (in which seeking is slow and in Ogg not exact), are decoded once to
    temporary float files: four bytes a sample in the system's temporary folder, deleted at the end. Raises SongError
    with every file that cannot be used.
    """
    files = probe_all(path for track in song.tracks for path in track.files)
    with ExitStack() as stack:
        scratch = stack.enter_context(scratch_folder())
        opener = _Opener(song.sample_rate, files, scratch, stack)
        yield SongReader(song, tuple(opener.open(track) for track in song.tracks), n_threads)


class _Opener(NamedTuple):
    """Opens tracks at one rate; the stack closes them."""

    sample_rate: int
    files: Mapping[Path, AudioFile]
    scratch: Path
    stack: ExitStack

    def open(self, track: Track) -> tuple[_OpenFile, ...]:
        if track.samples is not None:
            return (_OpenFile(track.samples, slice(0, track.channels)),)
        rows = [slice(0, track.channels)] if len(track.files) == 1 else [slice(0, 1), slice(1, 2)]
        files = [self._at_rate(self.files[path]) for path in track.files]
        opened = [self.stack.enter_context(FileReader(file)) for file in files]
        return tuple(_OpenFile(reader, row) for reader, row in zip(opened, rows, strict=True))

    def _at_rate(self, file: AudioFile) -> AudioFile:
        """The file itself, or its decoded copy at the song's rate."""
        if file.sample_rate == self.sample_rate and not file.is_lossy:
            return file
        # W64 has no limit of 4 GB
        path = self.scratch / f"{len(list(self.scratch.iterdir()))}.w64"
        try:
            copy = soundfile.SoundFile(path, "w", self.sample_rate, file.channels, "FLOAT", format="W64")
            with FileReader(file) as reader, copy:
                is_at_rate = file.sample_rate == self.sample_rate
                for block in reader.blocks() if is_at_rate else reader.blocks_at(self.sample_rate):
                    copy.write(block)
        except soundfile.LibsndfileError as error:
            what = f"cannot hold a decoded copy of {file.path}"
            hint = "is it full? TMPDIR names another temporary folder"
            raise InputError(Problem(tempfile.gettempdir(), what, hint)) from error
        return probe(path)
