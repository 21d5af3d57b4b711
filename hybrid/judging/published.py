"""Metrics of two papers as their public code defines them, for comparison with published numbers.

They are not recommended: the flaws of each are listed in its docstring. Written from the definitions in the papers and
their public code; nothing is shared with the other metrics of this program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import librosa
import numpy as np
import pyloudnorm
from jaxtyping import Float

from hybrid.judging.mix import LOUDNESS_LUFS, Mix

_FLOOR = 1e-30


def mixing_style_2024(mix: Mix, reference: Mix) -> dict[str, float]:
    """The audio feature loss of Diff-MST (Vanka, Steinmetz, Rolland, Reiss, Fazekas, ISMIR 2024): unweighted terms and
    their sum with the published weights 0.1, 0.001, 1, 1, 0.1.

    Flaws: weights that differ by 10^3 add unlike units; RMS is an amplitude, so that errors of level count more in loud
    mixes; the Bark spectrum is the logarithm of mean magnitudes at one resolution of 0.74 s.
    """
    features, reference_features = (_mixing_style(each) for each in (mix, reference))
    terms = {name: float(np.mean(np.square(features[name] - reference_features[name]))) for name in features}
    weights = {"rms": 0.1, "crest_factor": 0.001, "stereo_width": 1.0, "stereo_imbalance": 1.0, "barkspectrum": 0.1}
    return {**terms, "sum": sum(weights[name] * value for name, value in terms.items())}


def _mixing_style(mix: Mix) -> dict[str, Float[np.ndarray, "..."]]:
    x = mix.samples.astype(np.float64)
    rms = np.sqrt(np.maximum(np.mean(np.square(x), axis=1), 1e-8))
    total, difference = x[0] + x[1], x[0] - x[1]
    left, right = np.mean(np.square(x), axis=1)
    width = np.mean(np.square(difference)) / max(float(np.mean(np.square(total))), 1e-8)
    return {
        "rms": rms,
        "crest_factor": 20.0 * np.log10(np.maximum(np.max(np.abs(x), axis=1) / rms, 1e-8)),
        "stereo_width": np.array(width),
        "stereo_imbalance": np.array((right - left) / max(float(right + left), 1e-8)),
        "barkspectrum": np.stack([_bark_spectrum(each, mix.sample_rate) for each in (total, difference)]),
    }


def _bark_spectrum(x: Float[np.ndarray, " time"], sample_rate: int, size: int = 32768) -> Float[np.ndarray, " band"]:
    """Natural logarithm of mean magnitudes in 24 triangles on the Bark scale of Traunmueller 1990, 20 Hz to 20 kHz."""
    x = np.pad(x, (0, max(0, size - len(x))))
    # the published code passes no window, which is a rectangle
    magnitude = np.abs(librosa.stft(x, n_fft=size, hop_length=size // 4, window="boxcar", pad_mode="reflect"))
    lowest, highest = _bark(np.array([20.0, 20000.0])).tolist()
    points = _from_bark(np.linspace(lowest, highest, 26))
    hz = np.linspace(0.0, sample_rate // 2, size // 2 + 1)
    # triangles on the grid of bins: rising and falling slopes of unit height
    slopes = points[None, :] - hz[:, None]
    steps = np.diff(points)
    triangles = np.maximum(0.0, np.minimum(-slopes[:, :-2] / steps[:-1], slopes[:, 2:] / steps[1:]))
    return np.log(np.mean(magnitude, axis=1) @ triangles + 1e-8)


def _bark(hz: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    bark = 26.81 * hz / (1960.0 + hz) - 0.53
    return np.where(bark < 2.0, bark + 0.15 * (2.0 - bark), np.where(bark > 20.1, bark + 0.22 * (bark - 20.1), bark))


def _from_bark(bark: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """Frequency in Hz as in the published code, which does not invert the correction of `_bark` above 20.1 Bark."""
    bark = np.where(bark < 2.0, (bark - 0.3) / 0.85, bark)
    return 1960.0 * (bark + 0.53) / (26.28 - bark)


def effect_normalised_2022(mix: Mix, reference: Mix) -> dict[str, float]:
    """The evaluation of Martínez-Ramírez, Liao, Fabbro, Uhlich, Nagashima, Mitsufuji (ISMIR 2022): mean absolute
    percentage errors of running means of features, as shares of one.

    Flaws: percentages of LUFS and dB have an arbitrary zero (a mix at -1 dBFS is 100 % wrong against one at -0.5);
    crest is the ratio of two levels in dB; peaks are normalised to -1 dBFS, so that one click changes every feature.
    """
    x, y = (_normalise_peak(each) for each in (reference, mix))
    rate = mix.sample_rate
    errors = {"d_lufs": _percentage(*(_default_lufs(each) for each in (reference, mix)))}
    errors["d_peak"] = _percentage(*(_peak_db(_at_delivery_loudness(each)) for each in (reference, mix)))
    squares = [np.square(_panning(each)) for each in (x, y)]
    # frames in which the reference is mono are left out of both
    n_frames = min(each.shape[1] for each in squares)
    counts = np.any(squares[0][:, :n_frames] > 0.0, axis=0)
    for name, (low_hz, high_hz) in _PANNING_HZ.items():
        a, b = (_panning_rms(each[:, :n_frames][:, counts], low_hz, high_hz or rate / 2.0, rate) for each in squares)
        errors[name] = _percentage(a[0], b[0]) if counts.any() else 0.0
    for name, measure in _EFFECT_FEATURES.items():
        a, b = measure(x, rate), measure(y, rate)
        frames = min(a.shape[1], b.shape[1])
        errors[name] = float(np.mean([_percentage(*pair) for pair in zip(a[:, :frames], b[:, :frames], strict=True)]))
    groups = {"spectral": "centroid bandwidth contrast_l contrast_m contrast_h rolloff flatness"}
    groups |= {"panning": "p_total p_low p_mid p_high", "dynamic": "rms dynamic_spread crest"}
    return errors | {name: float(np.mean([errors[each] for each in of.split()])) for name, of in groups.items()}


Stereo = Float[np.ndarray, "2 time"]
FeatureRows = Float[np.ndarray, "row _"]


def _percentage(reference: Float[np.ndarray, " n"], x: Float[np.ndarray, " n"]) -> float:
    """Mean absolute error as a share of the reference."""
    return float(np.mean(np.abs(reference - x) / np.maximum(np.abs(reference), np.finfo(np.float64).eps)))


def _at_delivery_loudness(mix: Mix) -> Stereo:
    """Samples of the mix at the loudness of its delivery."""
    return mix.samples * np.float32(10.0 ** ((mix.delivery.loudness_lufs - LOUDNESS_LUFS) / 20.0))


def _default_lufs(mix: Mix) -> Float[np.ndarray, " one"]:
    """Loudness in LUFS by pyloudnorm's default K-weighting, as published, which reads 0.05 LU low."""
    return np.array(
        [pyloudnorm.Meter(mix.sample_rate).integrated_loudness(_at_delivery_loudness(mix).T.astype(np.float64))]
    )


def _peak_db(x: Stereo) -> Float[np.ndarray, " one"]:
    return np.array([20.0 * np.log10(np.max(np.abs(x)) + _FLOOR)])


def _normalise_peak(mix: Mix) -> Stereo:
    x = mix.samples.astype(np.float64)
    return x * (10.0 ** (-1.0 / 20.0) / np.max(np.abs(x)))


def _running_mean(rows: FeatureRows, n: int) -> FeatureRows:
    """Running means over `n` frames, or over all where there are fewer."""
    n = min(n, rows.shape[1])
    total = np.concatenate([np.zeros((len(rows), 1)), np.cumsum(rows, axis=1)], axis=1)
    return (total[:, n:] - total[:, :-n]) / n


def _root_hann(size: int) -> Float[np.ndarray, " window"]:
    return np.sqrt(np.hanning(size + 1)[:-1])


def _frames(x: Stereo, size: int, hop: int) -> np.ndarray:
    return librosa.stft(x, n_fft=size, hop_length=hop, window=_root_hann(size), center=False)


def _spectral(of: Callable[[np.ndarray, int], FeatureRows], eps: float, n: int) -> Callable[[Stereo, int], FeatureRows]:
    """The measure of a spectral descriptor, with a row for each channel."""

    def measure(x: Stereo, rate: int) -> FeatureRows:
        return np.concatenate([_running_mean(of(each, rate) + eps, n) for each in np.abs(_frames(x, 4096, 1024))])

    return measure


def _contrast(bands: slice) -> Callable[[np.ndarray, int], FeatureRows]:
    def measure(magnitude: np.ndarray, rate: int) -> FeatureRows:
        options = {"fmin": 250.0, "n_bands": 4, "quantile": 0.02, "linear": False}
        contrast = librosa.feature.spectral_contrast(S=magnitude, sr=rate, n_fft=4096, hop_length=1024, **options)
        return np.mean(contrast[bands], axis=0, keepdims=True)

    return measure


def _panning(x: Stereo) -> Float[np.ndarray, "bin frame"]:
    left, right = np.abs(_frames(x, 2048, 1024) + 1e-20)
    similarity = 2.0 * left * right / (np.square(left) + np.square(right))
    return (1.0 - similarity) * np.sign(right / left - left / right)


def _panning_rms(squares: Float[np.ndarray, "bin _"], low_hz: float, high_hz: float, rate: int) -> FeatureRows:
    """Running means of the panning spectrum's RMS between two frequencies, from its squares."""
    first, last = (int(hz * 2048 / rate) for hz in (low_hz, high_hz))
    rms = np.sqrt(np.mean(squares[first:last], axis=0))
    return _running_mean(rms[None], 40) if rms.size else np.zeros((1, 1))


def _blocks(x: Stereo) -> Float[np.ndarray, "2 frame sample"]:
    return np.moveaxis(librosa.util.frame(x, frame_length=4096, hop_length=1024), -1, 1)


def _db(x: np.ndarray) -> np.ndarray:
    return 20.0 * np.log10(x + _FLOOR)


def _rms_db(x: Stereo) -> Float[np.ndarray, "2 frame"]:
    return _db(np.sqrt(np.mean(np.square(_blocks(x)), axis=-1)))


def _spread_db(x: Stereo) -> Float[np.ndarray, "2 frame"]:
    return np.mean(_db(np.abs(_blocks(x))), axis=-1) - _rms_db(x)


def _crest(x: Stereo) -> Float[np.ndarray, "2 frame"]:
    return _db(np.max(np.abs(_blocks(x)), axis=-1)) / _rms_db(x)


# names and parameters of the published code
_PANNING_HZ = {"p_total": (0.0, None), "p_low": (0.0, 250.0), "p_mid": (250.0, 2500.0), "p_high": (2500.0, None)}
_EFFECT_FEATURES: dict[str, Callable[[Stereo, int], FeatureRows]] = {
    "centroid": _spectral(lambda s, rate: librosa.feature.spectral_centroid(S=s, sr=rate, n_fft=4096), 1.0, 40),
    "bandwidth": _spectral(lambda s, rate: librosa.feature.spectral_bandwidth(S=s, sr=rate, n_fft=4096), 1.0, 40),
    "contrast_l": _spectral(_contrast(slice(0, 1)), 0.0, 40),
    "contrast_m": _spectral(_contrast(slice(1, 4)), 0.0, 40),
    "contrast_h": _spectral(_contrast(slice(-1, None)), 0.0, 40),
    "rolloff": _spectral(lambda s, rate: librosa.feature.spectral_rolloff(S=s, sr=rate, n_fft=4096), 1.0, 40),
    "flatness": _spectral(lambda s, rate: librosa.feature.spectral_flatness(S=s, n_fft=4096), 0.0, 800),
    "rms": lambda x, rate: _running_mean(1.0 - np.mean(_rms_db(x), axis=0, keepdims=True), 40),
    "dynamic_spread": lambda x, rate: _running_mean(1.0 - np.mean(_spread_db(x), axis=0, keepdims=True), 40),
    "crest": lambda x, rate: _running_mean(np.mean(_crest(x), axis=0, keepdims=True), 40),
}


class PublishedMetrics(NamedTuple):
    """Metrics of a paper: its citation, and the function of a mix and a reference mix."""

    source: str
    measure: Callable[[Mix, Mix], dict[str, float]]


PUBLISHED = {
    "effect-normalised-2022": PublishedMetrics("Martínez-Ramírez et al., ISMIR 2022", effect_normalised_2022),
    "mixing-style-2024": PublishedMetrics("Vanka et al., ISMIR 2024", mixing_style_2024),
}
