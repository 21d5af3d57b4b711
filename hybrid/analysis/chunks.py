"""Chunks of a song, processed as a stream with the tracks of each in parallel."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float

from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.errors import InputError, Problem
from hybrid.signal import bandpower, stft

_T = TypeVar("_T")
Progress = Callable[[str, float], None]
"""Called with the name of a stage and the share of it that is done, 0 to 1."""
_THREADS = "HYBRID_THREADS"
"""The environment variable in which a user says how many threads work on a song."""
_MAX_SAMPLED_CHUNKS = 48
"""Chunks, evenly over the song, in which shared phase is measured: 75 s of audio."""


def workers(n_threads: int | None) -> ThreadPoolExecutor:
    """As many threads as the user says, else `n_threads`, else one per core: reading, transforms and writing all run
    outside Python's lock."""
    given = os.environ.get(_THREADS, "")
    if given and not (given.isascii() and given.isdigit() and int(given)):
        raise InputError(Problem(_THREADS, f"expected a whole number from 1, got {given!r}"))
    return ThreadPoolExecutor(int(given) if given else n_threads or os.cpu_count())


def map_chunks(
    pool: ThreadPoolExecutor, work: Callable[[int, int], _T], n_chunks: int, n_tracks: int, n_ahead: int = 1
) -> Iterator[list[_T]]:
    """`work(chunk, track)` of all tracks, chunk by chunk; `n_ahead` chunks are in progress while one is used."""

    def begin(chunk: int) -> list[Future[_T]]:
        return [pool.submit(work, chunk, track) for track in range(n_tracks)]

    waiting = deque(begin(chunk) for chunk in range(min(n_ahead, n_chunks)))
    for chunk in range(n_chunks):
        done = [future.result() for future in waiting.popleft()]
        if chunk + n_ahead < n_chunks:
            waiting.append(begin(chunk + n_ahead))
        yield done


class Grid(NamedTuple):
    """The division of a song into chunks, in samples."""

    hop: int
    n_chunks: int
    n_samples: int

    @property
    def chunk(self) -> int:
        """Samples of a chunk."""
        return bandpower.CHUNK_HOPS * self.hop

    @property
    def context(self) -> int:
        """Samples that are read before a chunk, for the windows that reach into it."""
        return bandpower.CONTEXT_HOPS * self.hop

    @property
    def n_frames(self) -> int:
        """Frames of all chunks."""
        return self.n_chunks * bandpower.CHUNK_FRAMES


def grid_of(song: Song) -> Grid:
    """The chunks that cover a song and the last window that overlaps it."""
    frames = stft.n_frames(song.n_samples, song.sample_rate)
    return Grid(stft.hop_samples(song.sample_rate), -(-frames // bandpower.CHUNK_FRAMES), song.n_samples)


def read_chunk(reader: SongReader, grid: Grid, track: int, chunk: int) -> Float[np.ndarray, "channel time"]:
    """Samples of a chunk of a raw track, with the context before it."""
    return reader.read(track, chunk * grid.chunk - grid.context, grid.chunk + grid.context)


def sum_of(tracks: Sequence[Float[np.ndarray, "_ time"]]) -> Float[np.ndarray, "2 time"]:
    """The sum of the tracks at unity gain; mono tracks go to both channels."""
    total = np.zeros((2, tracks[0].shape[1]), np.float32)
    for track in tracks:
        total += track
    return total


def sampled_chunks(n_chunks: int) -> list[int]:
    """Numbers of the chunks in which shared phase is measured, spread evenly over the song."""
    count = min(n_chunks, _MAX_SAMPLED_CHUNKS)
    return [int((k + 0.5) * n_chunks / count) for k in range(count)]
