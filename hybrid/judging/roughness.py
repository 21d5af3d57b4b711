"""Roughness of the gain curves of treated tracks: pumping and fast gain changes that mean levels do not show."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from hybrid.judging.mix import stft

_WINDOW, _FRAMES = 2048, 4
"""Window length in samples, and number of half overlapped windows in a frame of about 0.1 s."""
_ACTIVE_RANGE_DB = -40.0
"""Power of the raw track in an octave and frame, against its largest in the block, from which it counts. A guess."""
_EDGES_HZ = 1000.0 * 2.0 ** np.arange(-4.5, 4.0)
_POWER_FLOOR = 1e-20


class RoughnessMeter:
    """Accumulates the gain changes of tracks from blocks of raw and treated samples."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._change_db: dict[int, float] = {}
        self._active_s: dict[int, float] = {}

    def add(
        self, track: int, raw: Float[np.ndarray, "channel time"], treated: Float[np.ndarray, "channel time"]
    ) -> None:
        """Adds a block of a track, raw and treated; blocks shorter than two frames are ignored.

        Different tracks may be added from different threads, the blocks of one track in order.
        """
        before, after = self._octave_powers(raw), self._octave_powers(treated)
        if before.shape[1] < 2:
            return
        active = before > np.max(before) * 10.0 ** (_ACTIVE_RANGE_DB / 10.0) + _POWER_FLOOR
        # the floor on both sides: silence before and after is a gain of 0 dB
        gain_db = 10.0 * np.log10((after + _POWER_FLOOR) / (before + _POWER_FLOOR))
        # a change counts where the raw track is active in both frames
        both = active[:, 1:] & active[:, :-1]
        change_db = float(np.sum(np.abs(np.diff(gain_db, axis=1)) * both))
        active_s = float(np.sum(both)) * _FRAMES * _WINDOW / 2 / self._sample_rate
        self._change_db[track] = self._change_db.get(track, 0.0) + change_db
        self._active_s[track] = self._active_s.get(track, 0.0) + active_s

    def db_per_s(self) -> float:
        """Mean absolute rate of gain change over octaves, tracks and active time, in dB/s.

        0 for a constant gain and for silence; a gain that falls by 6 dB and returns each second reads 12.
        """
        tracks = sorted(self._active_s)
        active_s = sum(self._active_s[track] for track in tracks)
        return sum(self._change_db[track] for track in tracks) / active_s if active_s > 0.0 else 0.0

    def _octave_powers(self, x: Float[np.ndarray, "channel time"]) -> Float[np.ndarray, "octave frame"]:
        """Mean power over channels in octaves and frames."""
        power = np.mean(np.square(np.abs(stft(x, _WINDOW))), axis=0)
        edges = np.searchsorted(np.fft.rfftfreq(_WINDOW, 1.0 / self._sample_rate), _EDGES_HZ)
        octaves = np.add.reduceat(power, np.maximum(edges[edges < len(power)], 1), axis=0)
        n = octaves.shape[1] // _FRAMES
        return octaves[:, : n * _FRAMES].reshape(len(octaves), n, _FRAMES).mean(axis=-1)
