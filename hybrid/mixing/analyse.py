"""Measures the raw tracks of a song, streaming: band powers, which tracks share phase, and where each sounds."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.measure import loudness
from hybrid.measure.meter import Levels, Meter
from hybrid.signal import bandpower, bands, stft
from hybrid.treatment.types import Dry

Progress = Callable[[str, float], None]
"""Called with the name of a stage and the share of it that is done."""

MAX_PAIRS = 64
SHARED_PHASE = 0.03
"""K-weighted coherent power over the geometric mean of two tracks' powers, from which they count as sharing phase:
equal tracks below it change their sum by less than 0.13 dB."""
MAX_FRAMES = 2048
"""Frames kept of a song: those of longer ones are joined by twos, fours ..., so that memory does not grow."""
_LISTEN_CHUNKS = 24
"""Chunks, spread over the song, in which shared phase is looked for: 75 s of audio."""


class Analysis(NamedTuple):
    """The raw tracks as measured, and the meters' reading of their plain sum."""

    dry: Dry
    raw_levels: Levels


def workers() -> ThreadPoolExecutor:
    """A thread per core: reading, transforms and writing all run outside Python's lock."""
    return ThreadPoolExecutor(os.cpu_count() or 1)


def bucket(n: int, smallest: int) -> int:
    """The next of smallest, 1.5 smallest, 2 smallest, 3 smallest, 4 smallest ...: few shapes are ever compiled."""
    size = smallest
    while size < n:
        size = size * 3 // 2 if size & (size - 1) == 0 else size * 4 // 3
    return size


class Grid(NamedTuple):
    """How a song divides into chunks."""

    hop: int
    n_chunks: int

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
    return Grid(stft.hop_samples(song.sample_rate), -(-frames // bandpower.CHUNK_FRAMES))


def read_chunk(reader: SongReader, grid: Grid, track: int, chunk: int) -> Float[np.ndarray, "channel time"]:
    """A chunk of a raw track with its context."""
    return reader.read(track, chunk * grid.chunk - grid.context, grid.chunk + grid.context)


def analyse(song: Song, reader: SongReader, progress: Progress = lambda stage, share: None) -> Analysis:
    """Everything that mixing needs to know of the raw tracks, padded to a bucket of tracks and pairs."""
    grid = grid_of(song)
    analyser = bandpower.make_analyser(song.sample_rate)
    with workers() as pool:
        pairs = _pairs_sharing_phase(song, reader, grid, analyser, pool)
        recording = Recording(grid, bucket(len(song.tracks), 4), bucket(len(pairs), 4))
        meter = Meter(song.sample_rate, 2)
        for chunk in range(grid.n_chunks):
            loaded = list(pool.map(lambda i, c=chunk: read_chunk(reader, grid, i, c), range(len(song.tracks))))
            recording.add(analyser, chunk, loaded, pairs, pool)
            fresh = min(grid.chunk, song.n_samples - chunk * grid.chunk)
            if fresh > 0:
                meter.add(_sum(loaded)[:, grid.context : grid.context + fresh])
            progress("analyse", (chunk + 1) / grid.n_chunks)
    levels = meter.levels()
    dry = recording.dry(song.sample_rate, pairs, levels.true_peak_dbtp - levels.integrated_lufs)
    return Analysis(dry, levels)


def _sum(tracks: list[Float[np.ndarray, "_ time"]]) -> Float[np.ndarray, "2 time"]:
    """The plain sum; mono tracks go to both channels."""
    total = np.zeros((2, tracks[0].shape[1]), np.float32)
    for track in tracks:
        total += track
    return total


class Recording:
    """Band powers of several signals, filled chunk by chunk, in frames of 0.1 s or a few of those."""

    def __init__(self, grid: Grid, n_tracks: int, n_pairs: int) -> None:
        self.joined = 1
        while grid.n_frames > MAX_FRAMES * self.joined:
            self.joined *= 2
        self._n_chunks = grid.n_chunks
        self._chunk_frames = bandpower.CHUNK_FRAMES // self.joined
        n_frames = grid.n_chunks * self._chunk_frames
        self.power = np.zeros((n_tracks, 3, n_frames, bands.N_BANDS), np.float32)
        self.power_k = np.zeros_like(self.power)
        self.low = np.zeros((n_tracks, bandpower.LOW_BINS))
        self.cross = np.zeros((max(1, n_pairs), 2, 2, n_frames, bands.N_BANDS), np.float32)

    def add(
        self,
        analyser: bandpower.Analyser,
        chunk: int,
        loaded: list[Float[np.ndarray, "_ time"]],
        pairs: Int[np.ndarray, "pair 2"],
        pool: ThreadPoolExecutor,
    ) -> None:
        """Measure one chunk of every signal, each with its context."""
        frames = slice(chunk * self._chunk_frames, (chunk + 1) * self._chunk_frames)
        needed = set(pairs.ravel().tolist())

        def measure(item: tuple[int, Float[np.ndarray, "channel time"]]):
            index, x = item
            spectrum = bandpower.spectra(analyser, x)
            powers = bandpower.powers(analyser, spectrum)
            self.power[index, :, frames] = self._joined(powers.plain)
            self.power_k[index, :, frames] = self._joined(powers.weighted)
            self.low[index] += powers.low
            return spectrum if index in needed else None

        spectra = list(pool.map(measure, enumerate(loaded)))

        def measure_pair(item: tuple[int, Int[np.ndarray, " 2"]]) -> None:
            index, (first, second) = item
            cross = bandpower.cross_powers(analyser, spectra[first], spectra[second])
            self.cross[index, :, :, frames] = self._joined(cross)

        list(pool.map(measure_pair, enumerate(pairs)))

    def _joined(self, power: Array) -> Float[np.ndarray, "*batch frame band"]:
        """Means over as many frames as are joined."""
        x = np.asarray(power)
        return x.reshape(*x.shape[:-2], self._chunk_frames, self.joined, x.shape[-1]).mean(axis=-2)

    def dry(self, sample_rate: int, pairs: Int[np.ndarray, "pair 2"], peak_to_loudness_db: float) -> Dry:
        """The recording as the rest of the program knows it."""
        frame_s = stft.frame_s(sample_rate) * self.joined
        hop = stft.hop_samples(sample_rate)
        n_frames = self.power.shape[2]
        track_k = self.power_k[:, :2].sum(axis=(1, 3))
        padded = np.zeros((self.cross.shape[0], 2), np.int32)
        padded[: len(pairs)] = pairs
        return Dry(
            power=jnp.asarray(self.power),
            power_k=jnp.asarray(self.power_k),
            pairs=jnp.asarray(padded),
            cross=jnp.asarray(self.cross),
            active=loudness.activity(jnp.asarray(track_k), frame_s),
            # the windows of the first frame centre at -1, 0, 1 and 2 hops
            time_s=(jnp.arange(n_frames) + 0.5) * frame_s - 1.5 * hop / sample_rate,
            k_weight=jnp.asarray(bandpower.k_weight(sample_rate), jnp.float32),
            low_power=jnp.asarray(self.low / self._n_chunks, jnp.float32),
            low_hz=jnp.arange(bandpower.LOW_BINS) * (sample_rate / (stft.HOPS_PER_WINDOW * hop)),
            peak_to_loudness_db=jnp.asarray(peak_to_loudness_db, jnp.float32),
            frame_s=frame_s,
        )


def _pairs_sharing_phase(
    song: Song, reader: SongReader, grid: Grid, analyser: bandpower.Analyser, pool: ThreadPoolExecutor
) -> Int[np.ndarray, "pair 2"]:
    """Pairs of tracks whose signals add coherently enough to matter, strongest first, at most 64."""
    n = len(song.tracks)
    if n < 2:
        return np.zeros((0, 2), np.int32)

    def mid(index: int, chunk: int) -> Float[np.ndarray, " time"]:
        return read_chunk(reader, grid, index, chunk).mean(axis=0)

    total = 0.0
    for chunk in _spread(grid.n_chunks):
        mids = np.stack(list(pool.map(lambda i, c=chunk: mid(i, c), range(n))))
        total = total + np.asarray(bandpower.coherent_powers(analyser, bandpower.spectra(analyser, mids)), np.float64)
    own = np.einsum("gii->i", total)
    scale = np.sqrt(own[:, None] * own[None, :])
    shared = np.divide(np.abs(total).sum(axis=0), scale, out=np.zeros_like(scale), where=scale > 0.0)
    first, second = np.triu_indices(n, 1)
    order = np.argsort(-shared[first, second], kind="stable")[:MAX_PAIRS]
    chosen = order[shared[first, second][order] > SHARED_PHASE]
    return np.stack([first[chosen], second[chosen]], axis=1).astype(np.int32)


def _spread(n_chunks: int) -> Iterator[int]:
    """Chunks spread evenly over the song."""
    count = min(n_chunks, _LISTEN_CHUNKS)
    return (int((k + 0.5) * n_chunks / count) for k in range(count))
