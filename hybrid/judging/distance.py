"""Distances between a mix and a reference mix of the same song.

Both are at one loudness. Errors are absolute differences in the features' own units: percentages of levels have an
arbitrary zero, and SI-SDR is dominated by phase and alignment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import signal

from hybrid.errors import Problem, SongError
from hybrid.judging.features import third_octave_levels_db
from hybrid.judging.mix import LOUDNESS_LUFS, MIN_DURATION_S, Mix, normalise_mix, stft
from hybrid.judging.tracks import TrackFit

WINDOWS = (512, 2048, 8192)
"""Window lengths of the multi-resolution spectra, samples: about the three of Wang, Takaki, Yamagishi 2019, by four."""
_DEPTH_DB = 60.0
"""Bins of the reference that are further below its maximum are ignored."""
_MAX_LAG_S = 2.0
_MIN_CORRELATION = 0.05
"""Least correlation of two mixes of one song for a reliable lag. A guess."""
_COMPARED_S = 60.0
_SILENT_POWER, _SILENT_PEAK = 1e-8, 1e-6


class AlignedReference(NamedTuple):
    """A reference mix aligned with a mix, and the interval that both share."""

    mix: Mix
    """The reference mix, as long as the other, silent outside the interval, at one loudness within it."""
    start: int
    end: int
    """First sample of the interval, and the one after the last."""
    lag_s: float
    """Lag of the reference mix behind the other before the alignment."""

    def crop(self, mix: Mix) -> Mix:
        """The other mix, silent outside the interval and at one loudness within it, so that equal excerpts compare."""
        if self.start == 0 and self.end >= mix.samples.shape[1]:
            return mix
        return _restrict(mix, mix.samples, self.start, self.end)


def _restrict(mix: Mix, samples: Float[np.ndarray, "2 time"], start: int, end: int) -> Mix:
    """The mix with these samples, silent outside an interval and at one loudness within it."""
    excerpt = np.zeros_like(samples)
    excerpt[:, start:end] = samples[:, start:end]
    if not np.any(np.abs(excerpt) > _SILENT_PEAK):
        between = f"{start / mix.sample_rate:.1f} and {end / mix.sample_rate:.1f} s"
        raise SongError(Problem(mix.name, f"is silent between {between}, the interval that both mixes share"))
    part = normalise_mix(mix.name, excerpt, mix.sample_rate)
    # the samples were normalised before: levels are stated as delivered
    offset_db = mix.delivery.loudness_lufs - LOUDNESS_LUFS
    delivery = part.delivery._replace(
        loudness_lufs=part.delivery.loudness_lufs + offset_db,
        true_peak_dbtp=part.delivery.true_peak_dbtp + offset_db,
        # counted as delivered: at one loudness no sample is at full scale any more
        clipped=mix.delivery.clipped,
    )
    return replace(part, delivery=delivery)


def align_reference(reference: Mix, mix: Mix) -> AlignedReference:
    """The reference mix shifted onto the mix by up to two seconds, by the best correlation in the first minute.

    Mixes that hardly correlate are not shifted. Raises SongError for another sample rate, and if they share less than
    a second.
    """
    if reference.sample_rate != mix.sample_rate:
        what = f"is at {reference.sample_rate} Hz, the mix at {mix.sample_rate} Hz"
        raise SongError(Problem(reference.name, what))
    lag = _lag_samples(reference, mix)
    n = mix.samples.shape[1]
    start, end = max(0, -lag), min(n, reference.samples.shape[1] - lag)
    if end - start < MIN_DURATION_S * mix.sample_rate:
        raise SongError(Problem(reference.name, "shares less than a second with the mix"))
    shifted = np.zeros_like(mix.samples)
    shifted[:, start:end] = reference.samples[:, start + lag : end + lag]
    is_whole = end - start == n == reference.samples.shape[1]
    aligned = replace(reference, samples=shifted) if is_whole else _restrict(reference, shifted, start, end)
    return AlignedReference(aligned, start, end, lag / mix.sample_rate)


def _lag_samples(reference: Mix, mix: Mix) -> int:
    n = min(reference.samples.shape[1], mix.samples.shape[1], int(_COMPARED_S * mix.sample_rate))
    a, b = reference.mid[:n].astype(np.float64), mix.mid[:n].astype(np.float64)
    correlation = signal.correlate(a, b, method="fft")
    lags = signal.correlation_lags(n, n)
    # a mix may be inverted as a whole: the sign does not count
    correlation = np.where(np.abs(lags) <= _MAX_LAG_S * mix.sample_rate, np.abs(correlation), 0.0)
    best = int(np.argmax(correlation))
    # no correlation is larger (Cauchy-Schwarz): the ratio to it is a coefficient from 0 to 1
    scale = float(np.sqrt(np.sum(np.square(a)) * np.sum(np.square(b))))
    return int(lags[best]) if correlation[best] > _MIN_CORRELATION * scale else 0


def feature_errors(features: Mapping[str, float], reference: Mapping[str, float]) -> dict[str, float]:
    """Absolute differences of the features that both have, in their own units."""
    return {name: abs(features[name] - reference[name]) for name in features if name in reference}


def spectrum_errors_db(mix: Mix, reference: Mix) -> dict[str, float]:
    """Mean absolute differences of the third-octave levels of mid and of side, in dB."""
    pairs = {"mid": (mix.mid, reference.mid), "side": (mix.side, reference.side)}
    errors = {}
    for name, signals in pairs.items():
        levels, reference_levels = (third_octave_levels_db(x, mix.sample_rate) for x in signals)
        errors[name] = float(np.mean(np.abs(levels - reference_levels)))
    return errors


def multiresolution_db(x: Float[np.ndarray, " time"], reference: Float[np.ndarray, " time"]) -> float | None:
    """Mean absolute difference of short-time spectra at three resolutions, in dB, over the bins of the reference within
    60 dB of its maximum; each difference counts up to 60 dB.

    None for a reference below -80 dBFS, such as the side of a mono mix, which has no spectrum to compare with.
    """
    if np.mean(np.square(reference, dtype=np.float64)) < _SILENT_POWER:
        return None
    return float(np.mean([_distance_db(x, reference, size) for size in WINDOWS]))


def _distance_db(x: Float[np.ndarray, " time"], reference: Float[np.ndarray, " time"], size: int) -> float:
    power, reference_power = (np.square(np.abs(stft(each, size))) for each in (x, reference))
    # one floor for both: a bin that is silent in one of them counts up to 60 dB
    floor = np.max(reference_power) * 10.0 ** (-_DEPTH_DB / 10.0)
    counts = reference_power > floor
    ratio = np.maximum(power[counts], floor) / reference_power[counts]
    return float(np.mean(np.abs(10.0 * np.log10(ratio))))


def track_errors(fit: TrackFit, reference: TrackFit) -> dict[str, float]:
    """Mean absolute errors of level (LU), pan and tone (dB) over the tracks that are present in both fits.

    The median error of level is subtracted, since both mixes are at one loudness; errors of tone are weighted by the
    energy of the track in each band. Empty for fewer than two such tracks.
    """
    both = fit.present & reference.present
    if both.sum() < 2:
        return {}
    level = (fit.level_db - reference.level_db)[both]
    share = reference.raw[both] / reference.raw[both].sum(axis=1, keepdims=True)
    tone = np.sum(share * np.abs(fit.tone_db - reference.tone_db)[both], axis=1)
    return {
        "level_lu": float(np.mean(np.abs(level - np.median(level)))),
        "pan": float(np.mean(np.abs(fit.pan - reference.pan)[both])),
        "tone_db": float(np.mean(tone)),
    }
