"""Measures rendered audio as it streams by: the stems, their mix, and the exact meters."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float, Int

from hybrid.audio.song import Song
from hybrid.measure import panel
from hybrid.measure.meter import Levels
from hybrid.measure.panel import Measured
from hybrid.mixing.analyse import Recording, grid_of
from hybrid.signal import bandpower
from hybrid.treatment import effect
from hybrid.treatment.types import Dry, Treatment


class Observer:
    """Takes the stems of a song block by block, from its start, and measures them and their sum."""

    def __init__(self, song: Song, dry: Dry, pool: ThreadPoolExecutor) -> None:
        self._song, self._dry, self._pool = song, dry, pool
        self._grid = grid_of(song)
        self._analyser = bandpower.make_analyser(song.sample_rate)
        self._stems = Recording(self._grid, dry.power.shape[0], dry.pairs.shape[0])
        self._mix = Recording(self._grid, 1, 0)
        self._pairs = _real_pairs(dry)
        self._waiting = [np.zeros((2, self._grid.context), np.float32) for _ in song.tracks]
        self._chunk = 0

    def add(self, stems: list[Float[np.ndarray, "2 time"]]) -> None:
        """Take the next samples of every stem."""
        self._waiting = [np.concatenate(both, axis=1) for both in zip(self._waiting, stems, strict=True)]
        while self._waiting[0].shape[1] >= self._grid.chunk + self._grid.context:
            self._measure()

    def _measure(self) -> None:
        size = self._grid.chunk + self._grid.context
        stems = [waiting[:, :size] for waiting in self._waiting]
        self._stems.add(self._analyser, self._chunk, stems, self._pairs, self._pool)
        self._mix.add(self._analyser, self._chunk, [np.sum(stems, axis=0)], self._pairs[:0], self._pool)
        self._waiting = [waiting[:, self._grid.chunk :] for waiting in self._waiting]
        self._chunk += 1

    def measured(self, treatment: Treatment, levels: Levels) -> Measured:
        """The panel of all that was taken; `levels` are the meters' readings of the output."""
        while self._chunk < self._grid.n_chunks:
            size = self._grid.chunk + self._grid.context
            self._waiting = [np.pad(w, ((0, 0), (0, size - w.shape[1]))) for w in self._waiting]
            self._measure()
        rate = self._song.sample_rate
        stems = self._stems.dry(rate, self._pairs, 0.0)
        mix = self._mix.dry(rate, self._pairs[:0], 0.0)
        stems_as_rendered = effect.as_measured(stems)
        readings = (levels.integrated_lufs, levels.true_peak_dbtp)
        return panel.observe(self._dry, treatment, stems_as_rendered, mix, readings)


def _real_pairs(dry: Dry) -> Int[np.ndarray, "pair 2"]:
    """The pairs that share phase, without padding."""
    pairs = np.asarray(dry.pairs)
    return pairs[pairs[:, 0] != pairs[:, 1]]
