"""How far a mix is from one that a person made of the same song.

Both are at one loudness. Errors are absolute differences in the features' own units; no percentages of levels, whose
zero is arbitrary, and no SI-SDR, which phase and alignment dominate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import signal

from hybrid.errors import Problem, SongError
from hybrid.judge.features import thirds_db
from hybrid.judge.mix import LOUDNESS_LUFS, SHORTEST_S, Mix, mix_of, spectra_of
from hybrid.judge.tracks import Fit

WINDOWS = (512, 2048, 8192)
"""Of the multi-resolution spectra, samples, about the three of Wang, Takaki, Yamagishi 2019 and four times more."""
_DEPTH_DB = 60.0
"""Bins of the reference that are further below its highest do not count."""
_FURTHEST_S = 2.0
_ALIKE = 0.05
"""Correlation of two mixes of one song from which their lag is believed. A guess."""
_COMPARED_S = 60.0
_SILENT, _FAINT = 1e-8, 1e-6


class Beside(NamedTuple):
    """A reference that lies where the mix lies, and the stretch that both have."""

    reference: Mix
    """As long as the mix, silent outside the stretch, at one loudness within it."""
    start: int
    end: int
    """Samples."""
    later_s: float
    """How much later it was."""

    def within(self, mix: Mix) -> Mix:
        """The mix where the reference is, at one loudness there: the same excerpts are compared."""
        if self.start == 0 and self.end >= mix.samples.shape[1]:
            return mix
        return _only(mix, mix.samples, self.start, self.end)


def _only(mix: Mix, samples: Float[np.ndarray, "2 time"], start: int, end: int) -> Mix:
    kept = np.zeros_like(samples)
    kept[:, start:end] = samples[:, start:end]
    if not np.any(np.abs(kept) > _FAINT):
        between = f"{start / mix.sample_rate:.1f} and {end / mix.sample_rate:.1f} s"
        raise SongError(Problem(mix.name, f"is silent between {between}, all that both mixes have"))
    part = mix_of(mix.name, kept, mix.sample_rate)
    # the samples were at one loudness before: levels are told as they were found
    louder_db = mix.found.loudness_lufs - LOUDNESS_LUFS
    found = part.found._replace(
        loudness_lufs=part.found.loudness_lufs + louder_db,
        true_peak_dbtp=part.found.true_peak_dbtp + louder_db,
        clipped=mix.found.clipped,
    )
    return replace(part, found=found)


def aligned(reference: Mix, mix: Mix) -> Beside:
    """The reference moved to where the mix begins, by up to two seconds, as the first minute of both tells.

    Where the two have next to nothing in common it stays where it is. Raises SongError for another rate, and where
    less than a second is left that both have.
    """
    if reference.sample_rate != mix.sample_rate:
        what = f"is at {reference.sample_rate} Hz, the mix at {mix.sample_rate} Hz"
        raise SongError(Problem(reference.name, what))
    lag = _lag_samples(reference, mix)
    n = mix.samples.shape[1]
    start, end = max(0, -lag), min(n, reference.samples.shape[1] - lag)
    if end - start < SHORTEST_S * mix.sample_rate:
        raise SongError(Problem(reference.name, "has less than a second in common with the mix"))
    moved = np.zeros_like(mix.samples)
    moved[:, start:end] = reference.samples[:, start + lag : end + lag]
    whole = end - start == n == reference.samples.shape[1]
    found = replace(reference, samples=moved) if whole else _only(reference, moved, start, end)
    return Beside(found, start, end, lag / mix.sample_rate)


def _lag_samples(reference: Mix, mix: Mix) -> int:
    n = min(reference.samples.shape[1], mix.samples.shape[1], int(_COMPARED_S * mix.sample_rate))
    a, b = reference.mid[:n].astype(np.float64), mix.mid[:n].astype(np.float64)
    found = signal.correlate(a, b, method="fft")
    lags = signal.correlation_lags(n, n)
    found = np.where(np.abs(lags) <= _FURTHEST_S * mix.sample_rate, np.abs(found), 0.0)
    best = int(np.argmax(found))
    scale = float(np.sqrt(np.sum(np.square(a)) * np.sum(np.square(b))))
    return int(lags[best]) if found[best] > _ALIKE * scale else 0


def feature_errors(found: Mapping[str, float], wanted: Mapping[str, float]) -> dict[str, float]:
    """Absolute differences of what both have."""
    return {name: abs(found[name] - wanted[name]) for name in found if name in wanted}


def spectrum_errors_db(mix: Mix, reference: Mix) -> dict[str, float]:
    """Mean error of the third-octave levels of mid and of side."""
    rate = mix.sample_rate
    pairs = {"mid": (mix.mid, reference.mid), "side": (mix.side, reference.side)}
    return {name: float(np.mean(np.abs(thirds_db(a, rate) - thirds_db(b, rate)))) for name, (a, b) in pairs.items()}


def multiresolution_db(x: Float[np.ndarray, " time"], reference: Float[np.ndarray, " time"]) -> float | None:
    """Mean distance of the levels of short-time spectra at three resolutions, over the bins that the reference has
    within 60 dB of its highest; differences count up to 60 dB. None for a reference below -80 dBFS, as the side of a
    mono mix is: it has no spectrum to be far from."""
    if np.mean(np.square(reference, dtype=np.float64)) < _SILENT:
        return None
    return float(np.mean([_distance_db(x, reference, size) for size in WINDOWS]))


def _distance_db(x: Float[np.ndarray, " time"], reference: Float[np.ndarray, " time"], size: int) -> float:
    ours, theirs = (np.square(np.abs(spectra_of(each, size))) for each in (x, reference))
    floor = np.max(theirs) * 10.0 ** (-_DEPTH_DB / 10.0)
    counts = theirs > floor
    return float(np.mean(np.abs(10.0 * np.log10(np.maximum(ours[counts], floor) / theirs[counts]))))


def track_errors(found: Fit, wanted: Fit) -> dict[str, float]:
    """Mean errors of the tracks that are heard in both: level after what all have in common is taken off, place, and
    tone weighted by where a track has its energy. Empty if there are not two such tracks."""
    both = found.present & wanted.present
    if both.sum() < 2:
        return {}
    level = (found.level_db - wanted.level_db)[both]
    share = wanted.raw[both] / wanted.raw[both].sum(axis=1, keepdims=True)
    tone = np.sum(share * np.abs(found.tone_db - wanted.tone_db)[both], axis=1)
    return {
        "level_lu": float(np.mean(np.abs(level - np.median(level)))),
        "pan": float(np.mean(np.abs(found.pan - wanted.pan)[both])),
        "tone_db": float(np.mean(tone)),
    }
