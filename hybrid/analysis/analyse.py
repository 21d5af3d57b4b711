"""Streaming measurement of the raw tracks of a song: band powers, activity, and pairs that share phase."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Complex, Float, Int

from hybrid.analysis.chunks import Progress, grid_of, map_chunks, read_chunk, sampled_chunks, sum_of, workers
from hybrid.analysis.recording import NO_PAIRS, blank_recording
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.measure.meter import Levels, Meter
from hybrid.signal import bandpower
from hybrid.treatment.types import Dry

OnSpectra = Callable[[Complex[np.ndarray, "track window bin"]], None]
MAX_PAIRS = 64
SHARED_PHASE = 0.03
"""K-weighted coherent power over the geometric mean of two tracks' powers, from which they count as sharing phase:
equal tracks below it change their sum by less than 0.13 dB."""


class Analysis(NamedTuple):
    """Measurements of the raw tracks."""

    dry: Dry
    raw_levels: Levels
    """Of the sum of the tracks at unity gain, by the exact meters."""


def analyse(
    song: Song,
    reader: SongReader,
    progress: Progress = lambda stage, share: None,
    pairs: Int[np.ndarray, "pair 2"] | None = None,
) -> Analysis:
    """Band powers of the raw tracks and levels of their sum; pairs that share phase are found if not given."""
    grid = grid_of(song)
    pairs = pairs_sharing_phase(song, reader) if pairs is None else pairs
    n_tracks = len(song.tracks)
    with workers(reader.n_threads) as pool:
        recording = blank_recording(song, pairs)
        meter = Meter(song.sample_rate, 2)
        paired = frozenset(pairs.ravel().tolist())

        def measure(chunk: int, track: int) -> tuple[Float[np.ndarray, "_ time"], Array | None]:
            x = read_chunk(reader, grid, track, chunk)
            spectrum = recording.measure(chunk, track, x)
            # only spectra that a pair needs are kept until all tracks are measured
            return x, spectrum if track in paired else None

        for chunk, measured in enumerate(map_chunks(pool, measure, grid.n_chunks, n_tracks)):
            recording.measure_pairs(chunk, [spectrum for _, spectrum in measured], pool)
            whole = sum_of([x for x, _ in measured])
            recording.measure_peaks(chunk, whole)
            # every sample once: without context, which was metered before, and without padding at the end
            meter.add(whole[:, grid.context :][:, : max(0, song.n_samples - chunk * grid.chunk)])
            progress("analyse", (chunk + 1) / grid.n_chunks)
    levels = meter.levels()
    return Analysis(recording.dry(levels.true_peak_dbtp - levels.integrated_lufs), levels)


def pairs_sharing_phase(
    song: Song, reader: SongReader, on_spectra: OnSpectra = lambda spectra: None
) -> Int[np.ndarray, "pair 2"]:
    """Pairs of tracks that add coherently enough to change the level of their sum, strongest first, at most 64.

    `on_spectra` is called with the spectra of each sampled chunk, in order.
    """
    n = len(song.tracks)
    if n < 2:
        return NO_PAIRS
    grid, analyser = grid_of(song), bandpower.make_analyser(song.sample_rate)
    sampled = sampled_chunks(grid.n_chunks)

    def mid(number: int, track: int) -> Float[np.ndarray, " time"]:
        return read_chunk(reader, grid, track, sampled[number]).mean(axis=0)

    total = 0.0
    with workers(reader.n_threads) as pool:
        for mids in map_chunks(pool, mid, len(sampled), n):
            chunk = bandpower.mid_spectra(analyser, np.stack(mids))
            total = total + np.asarray(chunk.cross_power, np.float64)
            on_spectra(np.asarray(chunk.spectra))
    power = np.einsum("gii->i", total)
    scale = np.sqrt(power[:, None] * power[None, :])
    # magnitudes by octave: the cross power of a delayed copy changes its sign over frequency
    shared = np.divide(np.abs(total).sum(axis=0), scale, out=np.zeros_like(scale), where=scale > 0.0)
    first, second = np.triu_indices(n, 1)
    order = np.argsort(-shared[first, second], kind="stable")[:MAX_PAIRS]
    chosen = order[shared[first, second][order] > SHARED_PHASE]
    return np.stack([first[chosen], second[chosen]], axis=1).astype(np.int32)
