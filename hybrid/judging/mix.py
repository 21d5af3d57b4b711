"""A finished mix normalised in loudness, with its levels as delivered.

Nothing here is shared with the rules: loudness is pyloudnorm's, transforms and resampling are NumPy's and SciPy's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Complex64, Float, Float32
from scipy import signal

from hybrid.audio.loudness import loudness_lufs, loudness_range_lu
from hybrid.audio.probe import probe
from hybrid.audio.read import open_song
from hybrid.audio.song import Song, Track
from hybrid.errors import InputError, Problem, SongError

LOUDNESS_LUFS = -23.0
"""Loudness to which every mix is normalised before it is compared (EBU R 128)."""
MIN_DURATION_S = 1.0
WINDOW = 4096
"""Window length of the spectra, samples; windows overlap by half."""
_FULL_SCALE = 1.0 - 2.0**-15
"""The largest sample value in 16 bits."""
_OVERSAMPLING = 4
"""ITU-R BS.1770-5, annex 2."""


class DeliveryLevels(NamedTuple):
    """Levels of a mix as delivered, before it is normalised."""

    loudness_lufs: float
    loudness_range_lu: float | None
    """None for a mix of less than three seconds."""
    true_peak_dbtp: float
    clipped: int
    """Number of samples at full scale next to another such sample."""
    dc_db: float
    """DC offset against RMS, of the worse channel."""


@dataclass(frozen=True)
class Mix:
    """The samples of a mix at `LOUDNESS_LUFS`, and spectra that several metrics share."""

    name: str
    samples: Float32[np.ndarray, "2 time"]
    sample_rate: int
    delivery: DeliveryLevels

    @cached_property
    def spectra(self) -> Complex64[np.ndarray, "2 bin frame"]:
        """Short-time spectra of left and right."""
        return stft(self.samples)

    def clear_cache(self) -> None:
        """Frees the spectra, which take twice the memory of the samples."""
        self.__dict__.pop("spectra", None)

    @property
    def bin_hz(self) -> Float[np.ndarray, " bin"]:
        """The frequencies of the spectra's bins, in Hz."""
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
    """The mix in a file, at its own sample rate or another; a mono file becomes two equal channels.

    Raises InputError for a folder, SongError for a file that cannot be used, is silent or shorter than a second.
    """
    if path.is_dir():
        raise InputError(Problem(str(path), "is a folder, expected the file of a finished mix"))
    file = probe(path)
    rate = sample_rate or file.sample_rate
    track = Track("mix", (path,), file.channels, "unknown", (), 0.0)
    n_samples = -(-file.n_samples * rate // file.sample_rate)
    with open_song(Song(path.stem, path.parent, (track,), rate, n_samples)) as reader:
        x = reader.read(0, 0, n_samples)
    return normalise_mix(str(path), np.broadcast_to(x, (2, n_samples)), rate)


def normalise_mix(name: str, samples: Float[np.ndarray, "2 time"], sample_rate: int) -> Mix:
    """The mix of these samples, normalised. Raises SongError if they are silent or shorter than a second."""
    if samples.shape[1] < MIN_DURATION_S * sample_rate:
        what = f"lasts {samples.shape[1] / sample_rate:.2f} s, expected {MIN_DURATION_S:g} s at least"
        raise SongError(Problem(name, what))
    loudness = loudness_lufs(samples, sample_rate)
    if not np.isfinite(loudness):
        raise SongError(Problem(name, "is silent: it cannot be judged"))
    range_lu = loudness_range_lu(samples, sample_rate)
    delivery = DeliveryLevels(loudness, range_lu, true_peak_dbtp(samples), _count_clipped(samples), _dc_db(samples))
    gain = np.float32(10.0 ** ((LOUDNESS_LUFS - loudness) / 20.0))
    return Mix(name, gain * samples.astype(np.float32), sample_rate, delivery)


def true_peak_dbtp(samples: Float[np.ndarray, "2 time"]) -> float:
    """True peak after four times oversampling, in dBTP; -inf for silence."""
    peak = max(float(np.max(np.abs(signal.resample_poly(x, _OVERSAMPLING, 1)))) for x in samples)
    return 20.0 * float(np.log10(peak)) if peak > 0.0 else -np.inf


def _count_clipped(samples: Float[np.ndarray, "2 time"]) -> int:
    full = np.abs(samples) >= _FULL_SCALE
    # a single sample at full scale is a normalised peak, a run of them is clipping
    has_full_neighbour = np.zeros_like(full)
    has_full_neighbour[:, 1:] |= full[:, :-1]
    has_full_neighbour[:, :-1] |= full[:, 1:]
    return int(np.sum(full & has_full_neighbour))


def _dc_db(samples: Float[np.ndarray, "2 time"]) -> float:
    # float64: an offset far below the signal is lost in the rounding of a float32 sum
    x = samples.astype(np.float64)
    shares = [float(np.mean(each)) ** 2 / float(np.mean(np.square(each))) for each in x if np.any(each)]
    share = max([1e-12, *shares])
    return 10.0 * float(np.log10(share))


def stft(x: Float[np.ndarray, "*batch time"], size: int = WINDOW) -> Complex[np.ndarray, "*batch bin frame"]:
    """Short-time spectra with Hann windows that overlap by half: a sine at full scale reads 0.5 in its bin.

    Signals shorter than a window are padded with zeros.
    """
    x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, max(0, size - x.shape[-1]))])
    # the periodic Hann window, which sums to a constant when overlapped by half; NumPy's symmetric one does not
    window = np.hanning(size + 1)[:-1].astype(x.dtype)
    # a view of all frames: no copy before the transform
    frames = np.lib.stride_tricks.sliding_window_view(x, size, axis=-1)[..., :: size // 2, :]
    return np.swapaxes(np.fft.rfft(frames * (window / window.sum()), axis=-1), -1, -2)
