"""Streaming measurement of rendered audio: the treated tracks and their mix."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from hybrid.analysis.chunks import grid_of
from hybrid.analysis.recording import NO_PAIRS, Recording
from hybrid.audio.song import Song
from hybrid.measure import panel
from hybrid.measure.explained import CEILING_DB, WaveformMoments, explained_db, waveform_moments
from hybrid.measure.meter import Levels
from hybrid.measure.panel import Measured
from hybrid.signal import stft
from hybrid.treatment import effect
from hybrid.treatment.types import Dry, Treatment


class Observer:
    """Meter of a treated song, which it is given block by block, from its start.

    Tracks are measured before panning: position and width are two numbers for the whole song, which act on powers
    exactly, and most tracks have one channel less before than after.
    """

    def __init__(self, song: Song, dry: Dry, pool: ThreadPoolExecutor) -> None:
        self._dry, self._pool = dry, pool
        self._grid = grid_of(song)
        self._tracks = Recording(self._grid, song.sample_rate, dry.power.shape[0], _real_pairs(dry))
        self._mix = Recording(self._grid, song.sample_rate, 1, NO_PAIRS)
        channels = [2, *(track.channels for track in song.tracks)]
        # silence before the song, as the context of its first chunk
        self._pending = [np.zeros((n, self._grid.context), np.float32) for n in channels]
        self._chunk = 0
        self._window = jnp.asarray(stft.hann(stft.HOPS_PER_WINDOW * self._grid.hop), jnp.float32)
        self._moments: dict[int, WaveformMoments] = {}

    def compare(self, track: int, raw: Float[np.ndarray, "_ time"], treated: Float[np.ndarray, "_ time"]) -> None:
        """Adds the next block of one track, raw and treated; tracks may come from different threads."""
        new = jax.tree.map(np.asarray, waveform_moments(raw, treated, self._window))
        before = self._moments.get(track)
        self._moments[track] = new if before is None else jax.tree.map(np.add, before, new)

    def add(self, mix: Float[np.ndarray, "2 time"], tracks: list[Float[np.ndarray, "_ time"]]) -> None:
        """Adds the next block of the mix and of the tracks before panning."""
        blocks = zip(self._pending, [mix, *tracks], strict=True)
        self._pending = [np.concatenate(both, axis=1) for both in blocks]
        while self._pending[0].shape[1] >= self._grid.chunk + self._grid.context:
            self._measure()

    def _measure(self) -> None:
        size = self._grid.chunk + self._grid.context
        mix, *tracks = (pending[:, :size] for pending in self._pending)
        in_mix = self._pool.submit(self._mix.measure, self._chunk, 0, mix)
        self._mix.measure_peaks(self._chunk, mix)
        spectra = list(self._pool.map(lambda item: self._tracks.measure(self._chunk, *item), enumerate(tracks)))
        self._tracks.measure_pairs(self._chunk, spectra, self._pool)
        in_mix.result()
        self._pending = [pending[:, self._grid.chunk :] for pending in self._pending]
        self._chunk += 1

    def measured(self, treatment: Treatment, levels: Levels) -> Measured:
        """The panel of all blocks; `levels` are the meters' readings of the output."""
        while self._chunk < self._grid.n_chunks:
            size = self._grid.chunk + self._grid.context
            self._pending = [np.pad(w, ((0, 0), (0, size - w.shape[1]))) for w in self._pending]
            self._measure()
        # 0.0 in place of the distance from loudness to peak, which is measured here and not estimated
        tracks = effect.with_pan_and_reverb(self._tracks.dry(0.0), treatment)
        readings = (levels.integrated_lufs, levels.true_peak_dbtp)
        # padding, and tracks that were silent throughout, were never compared: nothing of them is unexplained
        explained = np.full((2, tracks.gain.shape[0]), CEILING_DB, np.float32)
        for track, moments in self._moments.items():
            explained[:, track] = explained_db(moments)
        measured = panel.observe(self._dry, tracks, self._mix.dry(0.0), readings, treatment)
        return measured._replace(explained_db=jax.device_put(explained))


def _real_pairs(dry: Dry) -> Int[np.ndarray, "pair 2"]:
    """The pairs that share phase, without padding."""
    pairs = np.asarray(dry.pairs)
    return pairs[pairs[:, 0] != pairs[:, 1]]
