"""Band powers of several signals, filled chunk by chunk, and padded to few shapes."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from hybrid.analysis.chunks import Grid, grid_of
from hybrid.audio.song import Song
from hybrid.measure import loudness
from hybrid.signal import bandpower, bands, kweighting, stft
from hybrid.treatment.types import Dry

MAX_FRAMES = 2048
"""Frames of a song at most: those of longer songs are averaged by twos, fours ..., so that memory does not grow (up to
55 minutes, when all frames of a chunk are one)."""


def bucket(n: int, smallest: int) -> int:
    """`n` rounded up to one of smallest, 1.5, 2, 3, 4 smallest ...: so few shapes are compiled."""
    size = smallest
    while size < n:
        size = size * 3 // 2 if size & (size - 1) == 0 else size * 4 // 3
    return size


def frame_bucket(n: int) -> int:
    """`n` rounded up to one of 32, 40, 48, 56, 64, 80 ...: padding is a quarter at most."""
    step = 8 << max(0, (n - 1).bit_length() - 6)
    return max(32, -(-n // step) * step)


def padded_shape(n_tracks: int, duration_s: float, sample_rate: int) -> tuple[int, int]:
    """Numbers of tracks and frames of the recording of a song, without pairs that share phase: by these most programs
    are compiled."""
    n_chunks = max(1, math.ceil(duration_s / stft.frame_s(sample_rate) / bandpower.CHUNK_FRAMES))
    joined = _joined(n_chunks * bandpower.CHUNK_FRAMES)
    return bucket(n_tracks, 4), frame_bucket(n_chunks * bandpower.CHUNK_FRAMES // joined)


def _joined(n_frames: int) -> int:
    """The number of frames that are averaged."""
    joined = 1
    while n_frames > MAX_FRAMES * joined and joined < bandpower.CHUNK_FRAMES:
        joined *= 2
    return joined


def blank_recording(song: Song, pairs: Int[np.ndarray, "pair 2"]) -> Recording:
    """An empty recording of the raw tracks of a song, padded to buckets of tracks, pairs and frames."""
    return Recording(grid_of(song), song.sample_rate, bucket(len(song.tracks), 4), pairs)


class Recording:
    """Band powers of several signals, filled chunk by chunk, in frames of 0.1 s or a few of those.

    Different signals may be measured from different threads.
    """

    def __init__(self, grid: Grid, sample_rate: int, n_tracks: int, pairs: Int[np.ndarray, "pair 2"]) -> None:
        self._grid, self._sample_rate, self._pairs = grid, sample_rate, pairs
        self._analyser = bandpower.make_analyser(sample_rate)
        self.joined = _joined(grid.n_frames)
        self._chunk_frames = bandpower.CHUNK_FRAMES // self.joined
        n_frames = frame_bucket(grid.n_chunks * self._chunk_frames)
        self.power = np.zeros((n_tracks, 3, n_frames, bands.N_BANDS), np.float32)
        self.power_k = np.zeros_like(self.power)
        self.low = np.zeros((n_tracks, bandpower.LOW_BINS))
        self.peak = np.zeros(n_frames, np.float32)
        self.cross = np.zeros((bucket(len(pairs), 4), 2, 2, n_frames, bands.N_BANDS), np.float32)

    def measure(self, chunk: int, track: int, x: Float[np.ndarray, "channel time"], every: int = 1) -> Array | None:
        """Spectra of one chunk of a signal, whose powers are stored; None if it is silent.

        `x` includes the context; with `every` 2, only every other window is measured.
        """
        # powers begin as zeros: silence needs no transform
        if not x.any():
            return None
        powers, spectrum = bandpower.band_powers(self._analyser, x, every)
        self.power[track, :, self._frames(chunk)] = self._joined(powers.plain)
        self.power_k[track, :, self._frames(chunk)] = self._joined(powers.weighted)
        self.low[track] += powers.low
        return spectrum

    def measure_pairs(self, chunk: int, spectra: list[Array | None], pool: ThreadPoolExecutor) -> None:
        """Stores the cross powers of the pairs in a chunk, from the spectra of all signals; None stands for silence."""

        def measure(index: int) -> None:
            first, second = (spectra[track] for track in self._pairs[index])
            if first is not None and second is not None:
                cross = bandpower.cross_powers(self._analyser, first, second)
                self.cross[index, :, :, self._frames(chunk)] = self._joined(cross)

        # as a list, which waits for all pairs and raises what any of them raised
        list(pool.map(measure, range(len(self._pairs))))

    def measure_peaks(self, chunk: int, whole: Float[np.ndarray, "2 time"]) -> None:
        """Stores the peaks of a chunk of the sum of all signals, which includes the context."""
        hops = np.abs(whole[:, self._grid.context :]).max(axis=0).reshape(self._chunk_frames, -1)
        self.peak[self._frames(chunk)] = np.square(hops.max(axis=1))

    def _frames(self, chunk: int) -> slice:
        return slice(chunk * self._chunk_frames, (chunk + 1) * self._chunk_frames)

    def _joined(self, power: Array) -> Float[np.ndarray, "*batch frame band"]:
        """Means over groups of as many frames as make one."""
        x = np.asarray(power)
        return x.reshape(*x.shape[:-2], self._chunk_frames, self.joined, x.shape[-1]).mean(axis=-2)

    def dry(self, peak_to_loudness_db: float) -> Dry:
        """The measurements as `Dry`, on the device."""
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
