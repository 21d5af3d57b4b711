"""How much the gain of treated tracks moves while they sound: pumping and unrest that no level shows."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from hybrid.judge.mix import spectra_of

_WINDOW, _FRAMES = 2048, 4
"""Samples of a window, and how many windows, half overlapped, make a moment: about 0.1 s."""
_SOUNDS_DB = -40.0
"""A moment of an octave counts if the raw track is not fainter than its loudest of that stretch by more. A guess."""
_EDGES_HZ = 1000.0 * 2.0 ** np.arange(-4.5, 4.0)
_TINY = 1e-20


class Roughness:
    """Takes tracks as they are and as they were treated, stretch by stretch."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._moved_db: dict[int, float] = {}
        self._sounded_s: dict[int, float] = {}

    def add(
        self, track: int, raw: Float[np.ndarray, "channel time"], treated: Float[np.ndarray, "channel time"]
    ) -> None:
        """The same stretch of a track before and after; about a second at least, or nothing is seen.

        Different tracks may be added from different threads, one track in order.
        """
        before, after = self._moments(raw), self._moments(treated)
        if before.shape[1] < 2:
            return
        sounds = before > np.max(before) * 10.0 ** (_SOUNDS_DB / 10.0) + _TINY
        gain_db = 10.0 * np.log10((after + _TINY) / (before + _TINY))
        both = sounds[:, 1:] & sounds[:, :-1]
        moved_db = float(np.sum(np.abs(np.diff(gain_db, axis=1)) * both))
        sounded_s = float(np.sum(both)) * _FRAMES * _WINDOW / 2 / self._sample_rate
        self._moved_db[track] = self._moved_db.get(track, 0.0) + moved_db
        self._sounded_s[track] = self._sounded_s.get(track, 0.0) + sounded_s

    def db_per_s(self) -> float:
        """Mean over octaves, tracks and time; 0 for a gain that stands still, and where nothing sounded. A gain that
        swings by 6 dB and back each second reads 12."""
        tracks = sorted(self._sounded_s)
        sounded_s = sum(self._sounded_s[track] for track in tracks)
        return sum(self._moved_db[track] for track in tracks) / sounded_s if sounded_s > 0.0 else 0.0

    def _moments(self, x: Float[np.ndarray, "channel time"]) -> Float[np.ndarray, "octave moment"]:
        power = np.mean(np.square(np.abs(spectra_of(x, _WINDOW))), axis=0)
        edges = np.searchsorted(np.fft.rfftfreq(_WINDOW, 1.0 / self._sample_rate), _EDGES_HZ)
        octaves = np.add.reduceat(power, np.maximum(edges[edges < len(power)], 1), axis=0)
        n = octaves.shape[1] // _FRAMES
        return octaves[:, : n * _FRAMES].reshape(len(octaves), n, _FRAMES).mean(axis=-1)
