"""Measures the raw tracks of a song, streaming: band powers, which tracks share phase, and where each sounds."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import jax
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from hybrid import THREADS
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.errors import InputError, Problem
from hybrid.measure import loudness
from hybrid.measure.meter import Levels, Meter
from hybrid.signal import bandpower, bands, kweighting, stft
from hybrid.treatment.types import Dry

_T = TypeVar("_T")
Hear = Callable[[Complex[np.ndarray, "track window heard"]], None]
Progress = Callable[[str, float], None]
"""Called with the name of a stage and the share of it that is done."""

MAX_PAIRS = 64
SHARED_PHASE = 0.03
"""K-weighted coherent power over the geometric mean of two tracks' powers, from which they count as sharing phase:
equal tracks below it change their sum by less than 0.13 dB."""
MAX_FRAMES = 2048
"""Frames kept of a song: those of longer ones are joined by twos, fours ..., so that memory does not grow (up to 55
minutes, when all frames of a chunk are one)."""
_LISTEN_CHUNKS = 48
"""Chunks, spread over the song, in which shared phase is looked for: 75 s of audio."""


class Analysis(NamedTuple):
    """The raw tracks as measured, and the meters' reading of their plain sum."""

    dry: Dry
    raw_levels: Levels


def workers() -> ThreadPoolExecutor:
    """A thread per core: reading, transforms and writing all run outside Python's lock."""
    given = os.environ.get(THREADS, "")
    if given and not (given.isascii() and given.isdigit() and int(given)):
        raise InputError(Problem(THREADS, f"expected a whole number from 1, got {given!r}"))
    return ThreadPoolExecutor(int(given) if given else os.cpu_count())


def ahead(
    pool: ThreadPoolExecutor, work: Callable[[int, int], _T], n_chunks: int, n_tracks: int, n_ahead: int = 1
) -> Iterator[list[_T]]:
    """`work(chunk, track)` for all tracks, chunk by chunk: so many are worked on while one is looked at."""

    def begin(chunk: int) -> list[Future[_T]]:
        return [pool.submit(work, chunk, track) for track in range(n_tracks)]

    waiting = deque(begin(chunk) for chunk in range(min(n_ahead, n_chunks)))
    for chunk in range(n_chunks):
        done = [future.result() for future in waiting.popleft()]
        if chunk + n_ahead < n_chunks:
            waiting.append(begin(chunk + n_ahead))
        yield done


def bucket(n: int, smallest: int) -> int:
    """The next of smallest, 1.5 smallest, 2 smallest, 3 smallest, 4 smallest ...: few shapes are ever compiled."""
    size = smallest
    while size < n:
        size = size * 3 // 2 if size & (size - 1) == 0 else size * 4 // 3
    return size


def frame_bucket(n: int) -> int:
    """The next of 32, 40, 48, 56, 64, 80 ...: lengths are padded by a quarter at most."""
    step = 8 << max(0, (n - 1).bit_length() - 6)
    return max(32, -(-n // step) * step)


class Grid(NamedTuple):
    """How a song divides into chunks."""

    hop: int
    n_chunks: int
    n_samples: int

    @property
    def chunk(self) -> int:
        """Samples of a chunk."""
        return bandpower.CHUNK_HOPS * self.hop

    @property
    def context(self) -> int:
        """Samples of context before a chunk."""
        return bandpower.CONTEXT_HOPS * self.hop

    @property
    def n_frames(self) -> int:
        """Frames of all chunks."""
        return self.n_chunks * bandpower.CHUNK_FRAMES


def grid_of(song: Song) -> Grid:
    """The chunks that cover a song and the tail of its last window."""
    frames = stft.n_frames(song.n_samples, song.sample_rate)
    return Grid(stft.hop_samples(song.sample_rate), -(-frames // bandpower.CHUNK_FRAMES), song.n_samples)


def read_chunk(reader: SongReader, grid: Grid, track: int, chunk: int) -> Float[np.ndarray, "channel time"]:
    """A chunk of a raw track with its context."""
    return reader.read(track, chunk * grid.chunk - grid.context, grid.chunk + grid.context)


def blank_recording(song: Song, pairs: Int[np.ndarray, "pair 2"]) -> Recording:
    """Room for the raw tracks of a song, padded to buckets of tracks, pairs and frames."""
    return Recording(grid_of(song), song.sample_rate, bucket(len(song.tracks), 4), pairs)


def analyse(
    song: Song,
    reader: SongReader,
    progress: Progress = lambda stage, share: None,
    pairs: Int[np.ndarray, "pair 2"] | None = None,
) -> Analysis:
    """Everything that mixing needs to know of the raw tracks; pairs that share phase are found if not given."""
    grid = grid_of(song)
    pairs = pairs_sharing_phase(song, reader) if pairs is None else pairs
    n_tracks = len(song.tracks)
    with workers() as pool:
        recording = blank_recording(song, pairs)
        meter = Meter(song.sample_rate, 2)
        paired = frozenset(pairs.ravel().tolist())

        def measure(chunk: int, track: int) -> tuple[Float[np.ndarray, "_ time"], Array | None]:
            x = read_chunk(reader, grid, track, chunk)
            spectrum = recording.measure(chunk, track, x)
            return x, spectrum if track in paired else None

        for chunk, measured in enumerate(ahead(pool, measure, grid.n_chunks, n_tracks)):
            recording.measure_pairs(chunk, [spectrum for _, spectrum in measured], pool)
            whole = sum_of([x for x, _ in measured])
            recording.look(chunk, whole)
            meter.add(whole[:, grid.context :][:, : max(0, song.n_samples - chunk * grid.chunk)])
            progress("analyse", (chunk + 1) / grid.n_chunks)
    levels = meter.levels()
    return Analysis(recording.dry(levels.true_peak_dbtp - levels.integrated_lufs), levels)


def sum_of(tracks: Sequence[Float[np.ndarray, "_ time"]]) -> Float[np.ndarray, "2 time"]:
    """The plain sum; mono tracks go to both channels."""
    total = np.zeros((2, tracks[0].shape[1]), np.float32)
    for track in tracks:
        total += track
    return total


class Recording:
    """Band powers of several signals, filled chunk by chunk, in frames of 0.1 s or a few of those.

    Different signals may be measured from different threads.
    """

    def __init__(self, grid: Grid, sample_rate: int, n_tracks: int, pairs: Int[np.ndarray, "pair 2"]) -> None:
        self._grid, self._sample_rate, self._pairs = grid, sample_rate, pairs
        self._analyser = bandpower.make_analyser(sample_rate)
        self.joined = 1
        while grid.n_frames > MAX_FRAMES * self.joined and self.joined < bandpower.CHUNK_FRAMES:
            self.joined *= 2
        self._chunk_frames = bandpower.CHUNK_FRAMES // self.joined
        n_frames = frame_bucket(grid.n_chunks * self._chunk_frames)
        self.power = np.zeros((n_tracks, 3, n_frames, bands.N_BANDS), np.float32)
        self.power_k = np.zeros_like(self.power)
        self.low = np.zeros((n_tracks, bandpower.LOW_BINS))
        self.peak = np.zeros(n_frames, np.float32)
        self.cross = np.zeros((bucket(len(pairs), 4), 2, 2, n_frames, bands.N_BANDS), np.float32)

    def measure(self, chunk: int, track: int, x: Float[np.ndarray, "channel time"], every: int = 1) -> Array | None:
        """Measure one chunk of a signal with its context; its spectra, None if it is silent.

        `every` 2 looks at every other window only.
        """
        if not x.any():
            return None
        powers, spectrum = bandpower.measured(self._analyser, x, every)
        self.power[track, :, self._frames(chunk)] = self._joined(powers.plain)
        self.power_k[track, :, self._frames(chunk)] = self._joined(powers.weighted)
        self.low[track] += powers.low
        return spectrum

    def measure_pairs(self, chunk: int, spectra: list[Array | None], pool: ThreadPoolExecutor) -> None:
        """Measure what the pairs share in a chunk, from the spectra of all signals; None stands for silence."""

        def measure(index: int) -> None:
            first, second = (spectra[track] for track in self._pairs[index])
            if first is not None and second is not None:
                cross = bandpower.cross_powers(self._analyser, first, second)
                self.cross[index, :, :, self._frames(chunk)] = self._joined(cross)

        list(pool.map(measure, range(len(self._pairs))))

    def look(self, chunk: int, whole: Float[np.ndarray, "2 time"]) -> None:
        """Take the peaks of a chunk of the sum of all signals, with its context."""
        hops = np.abs(whole[:, self._grid.context :]).max(axis=0).reshape(self._chunk_frames, -1)
        self.peak[self._frames(chunk)] = np.square(hops.max(axis=1))

    def _frames(self, chunk: int) -> slice:
        return slice(chunk * self._chunk_frames, (chunk + 1) * self._chunk_frames)

    def _joined(self, power: Array) -> Float[np.ndarray, "*batch frame band"]:
        """Means over as many frames as are joined."""
        x = np.asarray(power)
        return x.reshape(*x.shape[:-2], self._chunk_frames, self.joined, x.shape[-1]).mean(axis=-2)

    def dry(self, peak_to_loudness_db: float) -> Dry:
        """The recording as the rest of the program knows it."""
        rate, n_frames = self._sample_rate, self.power.shape[2]
        frame_s = stft.frame_s(rate) * self.joined
        pairs = np.zeros((len(self.cross), 2), np.int32)
        pairs[: len(self._pairs)] = self._pairs
        inside = np.zeros(n_frames, np.float32)
        filled = bandpower.inside(self._grid.n_samples, self._grid.hop, self._grid.n_frames)
        inside[: len(filled) // self.joined] = filled.reshape(-1, self.joined).mean(axis=1)
        track_k = self.power_k[:, :2].sum(axis=(1, 3))
        low_hz = np.arange(bandpower.LOW_BINS) * (rate / (stft.HOPS_PER_WINDOW * self._grid.hop))
        return Dry(
            power=jax.device_put(self.power),
            power_k=jax.device_put(self.power_k),
            pairs=jax.device_put(pairs),
            cross=jax.device_put(self.cross),
            active=loudness.activity(track_k, inside, frame_s),
            inside=jax.device_put(inside),
            # the windows of the first frame centre at -1, 0, 1 and 2 hops
            time_s=_single((np.arange(n_frames) + 0.5) * frame_s - 1.5 * self._grid.hop / rate),
            k_weight=_single(bandpower.k_weight(rate)),
            low_power=_single(self.low / self._grid.n_chunks),
            low_hz=_single(low_hz),
            low_k=_single(kweighting.power_response(low_hz, rate)),
            peak=jax.device_put(self.peak),
            peak_to_loudness_db=_single(np.asarray(peak_to_loudness_db)),
            frame_s=frame_s,
        )


def _single(x: Float[np.ndarray, "*shape"]) -> Float[Array, "*shape"]:
    return jax.device_put(x.astype(np.float32))


NO_PAIRS = np.zeros((0, 2), np.int32)


def pairs_sharing_phase(song: Song, reader: SongReader, hear: Hear = lambda spectra: None) -> Int[np.ndarray, "pair 2"]:
    """Pairs of tracks whose signals add coherently enough to matter, strongest first, at most 64.

    `hear` is called with the spectra of each chunk that is looked at, in their order.
    """
    n = len(song.tracks)
    if n < 2:
        return NO_PAIRS
    grid, analyser = grid_of(song), bandpower.make_analyser(song.sample_rate)
    looked_at = spread(grid.n_chunks)

    def mid(number: int, track: int) -> Float[np.ndarray, " time"]:
        return read_chunk(reader, grid, track, looked_at[number]).mean(axis=0)

    total = 0.0
    with workers() as pool:
        for mids in ahead(pool, mid, len(looked_at), n):
            chunk = bandpower.heard(analyser, np.stack(mids))
            total = total + np.asarray(chunk.coherent, np.float64)
            hear(np.asarray(chunk.spectra))
    own = np.einsum("gii->i", total)
    scale = np.sqrt(own[:, None] * own[None, :])
    shared = np.divide(np.abs(total).sum(axis=0), scale, out=np.zeros_like(scale), where=scale > 0.0)
    first, second = np.triu_indices(n, 1)
    order = np.argsort(-shared[first, second], kind="stable")[:MAX_PAIRS]
    chosen = order[shared[first, second][order] > SHARED_PHASE]
    return np.stack([first[chosen], second[chosen]], axis=1).astype(np.int32)


def spread(n_chunks: int) -> list[int]:
    """The chunks that are looked at for shared phase, spread evenly over the song."""
    count = min(n_chunks, _LISTEN_CHUNKS)
    return [int((k + 0.5) * n_chunks / count) for k in range(count)]
