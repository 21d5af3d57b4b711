"""A finished mix as it is judged: at one loudness, with what was read of it before it was brought there.

Nothing here is shared with the rules: loudness is pyloudnorm's, transforms and resampling are SciPy's.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyloudnorm
from jaxtyping import Complex, Complex64, Float, Float32
from scipy import signal

from hybrid.audio.probe import probe
from hybrid.audio.read import open_song
from hybrid.audio.song import Song, Track
from hybrid.errors import InputError, Problem, SongError

LOUDNESS_LUFS = -23.0
"""Every mix is brought to it before anything is compared (the target level of EBU R 128)."""
SHORTEST_S = 1.0
WINDOW = 4096
"""Samples of a window of the spectra, of which each overlaps the next by half."""
_FULL_SCALE = 1.0 - 2.0**-15
"""The highest sample that 16 bits hold."""
_OVERSAMPLING = 4
"""ITU-R BS.1770-5, annex 2."""
_EXACT = "DeMan"
"""The K-weighting of pyloudnorm that is the standard's at any rate; its default reads 0.05 LU low."""


class Found(NamedTuple):
    """A mix as it was found."""

    loudness_lufs: float
    loudness_range_lu: float | None
    """None where it is too short: less than three seconds."""
    true_peak_dbtp: float
    clipped: int
    """Samples at full scale next to another such sample."""
    dc_db: float
    """The mean of a channel against its RMS, of the worse channel."""


@dataclass(frozen=True)
class Mix:
    """The samples of a mix at `LOUDNESS_LUFS`, and what several measures share."""

    name: str
    samples: Float32[np.ndarray, "2 time"]
    sample_rate: int
    found: Found

    @cached_property
    def spectra(self) -> Complex64[np.ndarray, "2 bin frame"]:
        """Of left and right."""
        return spectra_of(self.samples)

    def forget(self) -> None:
        """Lets go of the spectra, twice the size of the samples."""
        self.__dict__.pop("spectra", None)

    @property
    def bin_hz(self) -> Float[np.ndarray, " bin"]:
        """The frequencies of the spectra."""
        return np.fft.rfftfreq(WINDOW, 1.0 / self.sample_rate)

    @property
    def mid(self) -> Float32[np.ndarray, " time"]:
        """Half the sum of both channels."""
        return 0.5 * (self.samples[0] + self.samples[1])

    @property
    def side(self) -> Float32[np.ndarray, " time"]:
        """Half the difference of both channels."""
        return 0.5 * (self.samples[0] - self.samples[1])


def read_mix(path: Path, sample_rate: int | None = None) -> Mix:
    """The mix in a file, at its own rate or another. A mono file is heard from both sides.

    Raises InputError for a folder, SongError for a file that is unfit, silent or shorter than a second.
    """
    if path.is_dir():
        raise InputError(Problem(str(path), "is a folder, expected the file of a finished mix"))
    file = probe(path)
    rate = sample_rate or file.sample_rate
    track = Track("mix", (path,), file.channels, "unknown", (), 0.0)
    n_samples = -(-file.n_samples * rate // file.sample_rate)
    with open_song(Song(path.stem, path.parent, (track,), rate, n_samples)) as reader:
        x = reader.read(0, 0, n_samples)
    return mix_of(str(path), np.broadcast_to(x, (2, n_samples)), rate)


def mix_of(name: str, samples: Float[np.ndarray, "2 time"], sample_rate: int) -> Mix:
    """A mix of these samples. Raises SongError if they are silent or shorter than a second."""
    if samples.shape[1] < SHORTEST_S * sample_rate:
        what = f"lasts {samples.shape[1] / sample_rate:.2f} s, expected {SHORTEST_S:g} s at least"
        raise SongError(Problem(name, what))
    loudness = loudness_lufs(samples, sample_rate)
    if not np.isfinite(loudness):
        raise SongError(Problem(name, "is silent: there is nothing to judge"))
    found = Found(
        loudness, _loudness_range(samples, sample_rate), true_peak_dbtp(samples), _clipped(samples), _dc_db(samples)
    )
    gain = np.float32(10.0 ** ((LOUDNESS_LUFS - loudness) / 20.0))
    return Mix(name, gain * samples.astype(np.float32), sample_rate, found)


def loudness_lufs(samples: Float[np.ndarray, "2 time"], sample_rate: int) -> float:
    """Integrated loudness by ITU-R BS.1770: -3.01 for a sine of 997 Hz at full scale in one channel, -inf for none."""
    with _without_warnings():
        return float(pyloudnorm.Meter(sample_rate, _EXACT).integrated_loudness(samples.T.astype(np.float64)))


def _loudness_range(samples: Float[np.ndarray, "2 time"], sample_rate: int) -> float | None:
    """EBU Tech 3342."""
    if samples.shape[1] < 3 * sample_rate:
        return None
    with _without_warnings():
        found = float(pyloudnorm.Meter(sample_rate, _EXACT).loudness_range(samples.T.astype(np.float64)))
    return found if np.isfinite(found) else None


def true_peak_dbtp(samples: Float[np.ndarray, "2 time"]) -> float:
    """The highest magnitude after four times oversampling, dB; -inf for silence."""
    peak = max(float(np.max(np.abs(signal.resample_poly(x, _OVERSAMPLING, 1)))) for x in samples)
    return 20.0 * float(np.log10(peak)) if peak > 0.0 else -np.inf


def _clipped(samples: Float[np.ndarray, "2 time"]) -> int:
    full = np.abs(samples) >= _FULL_SCALE
    beside = np.zeros_like(full)
    beside[:, 1:] |= full[:, :-1]
    beside[:, :-1] |= full[:, 1:]
    return int(np.sum(full & beside))


def _dc_db(samples: Float[np.ndarray, "2 time"]) -> float:
    x = samples.astype(np.float64)
    shares = [float(np.mean(each)) ** 2 / float(np.mean(np.square(each))) for each in x if np.any(each)]
    share = max([1e-12, *shares])
    return 10.0 * float(np.log10(share))


@contextmanager
def _without_warnings() -> Iterator[None]:
    """pyloudnorm warns of every silent block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def spectra_of(x: Float[np.ndarray, "*batch time"], size: int = WINDOW) -> Complex[np.ndarray, "*batch bin frame"]:
    """Under Hann windows that overlap by half: a sine at full scale reads 0.5. Short ones are filled with silence."""
    x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, max(0, size - x.shape[-1]))])
    window = np.hanning(size + 1)[:-1].astype(x.dtype)
    frames = np.lib.stride_tricks.sliding_window_view(x, size, axis=-1)[..., :: size // 2, :]
    return np.swapaxes(np.fft.rfft(frames * (window / window.sum()), axis=-1), -1, -2)
