"""Features of a mix, by the definitions in the literature on multitrack mixing.

Sources: De Man, Leonard, King, Reiss 2014 (levels, crest, width, imbalance); Tzanetakis, Jones, McNally 2007 (panning
spectrum); Martínez-Ramírez et al. 2022 (its bands, the choice of spectral descriptors). Descriptors are librosa's.
Ratios are in dB and octaves, so that a difference means the same at any value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import librosa
import numpy as np
from jaxtyping import Float

from hybrid.audio.loudness import loudness_lufs
from hybrid.judging.mix import LOUDNESS_LUFS, WINDOW, Mix, stft

POWER_FLOOR = 1e-12
"""Power of -120 dBFS, added to both sides of ratios: those of fainter signals tend to 0 dB."""
THIRD_OCTAVES_HZ = 1000.0 * 10.0 ** (np.arange(-15, 13) / 10.0)
"""Centres of third-octave bands, 31.6 Hz to 15.8 kHz (IEC 61260, base ten)."""
_ACTIVE_RANGE_DB = -60.0
"""Power of a frame against the loudest one's from which it counts in means over time."""
_LEVEL_FLOOR_DB = -70.0
"""Least third-octave level, dBFS, with the whole mix at about -20: lower ones are inaudible."""
_SPECTRUM_WINDOW = 16384
_MIN_FOLD_DOWN_LU = -60.0
"""Least fold-down loss, for a mix whose channels cancel."""


def third_octave_levels_db(x: Float[np.ndarray, " time"], sample_rate: int) -> Float[np.ndarray, " third"]:
    """Mean level of a signal in third-octave bands, in dBFS, at least -70: -3.01 in the band of a full-scale sine."""
    size = min(_SPECTRUM_WINDOW, x.shape[-1])
    # two-sided power, over the equivalent noise bandwidth of a Hann window, 1.5 bins
    power = 2.0 / 1.5 * np.square(np.abs(stft(x, size))).mean(axis=-1, dtype=np.float64)
    edges_hz = (np.arange(len(power) + 1) - 0.5) * sample_rate / size
    # cumulated power between bins: edges of bands may fall inside a bin
    total = np.concatenate([[0.0], np.cumsum(power)])
    low, high = (np.interp(THIRD_OCTAVES_HZ * 10.0**shift, edges_hz, total) for shift in (-0.05, 0.05))
    return np.maximum(10.0 * np.log10(np.maximum(high - low, POWER_FLOOR)), _LEVEL_FLOOR_DB)


def panning_spectrum(mix: Mix) -> Float[np.ndarray, "bin frame"]:
    """Panning spectrum: -1 for the left channel alone, 0 for equal channels and for silence, 1 for the right alone.

    The sign follows the formula of Tzanetakis 2007; the text of the paper has the opposite.
    """
    left, right = np.abs(mix.spectra)
    power = np.square(left) + np.square(right)
    similarity = np.divide(2.0 * left * right, power, out=np.ones_like(power), where=power > POWER_FLOOR)
    return (1.0 - similarity) * np.sign(right - left)


def _panning_rms(low_hz: float, high_hz: float) -> Callable[[Mix], float]:
    """The measure of the panning spectrum's RMS between two frequencies, the mean over active frames."""

    def measure(mix: Mix) -> float:
        inside = (mix.bin_hz >= low_hz) & (mix.bin_hz < high_hz)
        spectrum = panning_spectrum(mix)[inside]
        rms = np.sqrt(np.mean(np.square(spectrum), axis=0))
        return float(np.mean(rms[_active_frames(mix)]))

    return measure


def _active_frames(mix: Mix) -> np.ndarray:
    """Whether each frame is within 60 dB of the loudest."""
    power = np.sum(np.square(np.abs(mix.spectra)), axis=(0, 1))
    return power > np.max(power) * 10.0 ** (_ACTIVE_RANGE_DB / 10.0)


def _powers(mix: Mix) -> tuple[float, float]:
    left, right = (float(np.mean(np.square(x, dtype=np.float64))) for x in mix.samples)
    return left, right


def _ratio_db(a: float, b: float) -> float:
    return 10.0 * float(np.log10((a + POWER_FLOOR) / (b + POWER_FLOOR)))


def _power(x: Float[np.ndarray, " time"]) -> float:
    return float(np.mean(np.square(x, dtype=np.float64)))


def _crest_db(mix: Mix) -> float:
    peak = float(np.max(np.abs(mix.samples)))
    return _ratio_db(peak * peak, sum(_powers(mix)) / 2.0)


def _plr_lu(mix: Mix) -> float:
    return mix.delivery.true_peak_dbtp - mix.delivery.loudness_lufs


def _width_db(mix: Mix) -> float:
    return _ratio_db(_power(mix.side), _power(mix.mid))


def _balance_db(mix: Mix) -> float:
    left, right = _powers(mix)
    return _ratio_db(right, left)


def _fold_down_lu(mix: Mix) -> float:
    # the mix itself is at one loudness, which need not be measured again
    folded = np.stack([mix.mid, mix.mid])
    return max(loudness_lufs(folded, mix.sample_rate) - LOUDNESS_LUFS, _MIN_FOLD_DOWN_LU)


def _tilt(mix: Mix) -> float:
    """Slope of third-octave levels from 100 Hz to 10 kHz, in dB per octave."""
    # a little wider than the range, whose ends are centres but for rounding
    inside = (THIRD_OCTAVES_HZ >= 99.0) & (THIRD_OCTAVES_HZ <= 10100.0)
    return float(
        np.polyfit(np.log2(THIRD_OCTAVES_HZ[inside]), third_octave_levels_db(mix.mid, mix.sample_rate)[inside], 1)[0]
    )


def _magnitudes(mix: Mix) -> Float[np.ndarray, "bin frame"]:
    return np.abs(mix.spectra[0] + mix.spectra[1])[:, _active_frames(mix)] + 1e-9


def _octaves(hz: Float[np.ndarray, "..."]) -> float:
    """Frequency in octaves above 1 kHz, the mean over time."""
    return float(np.mean(np.log2(np.maximum(hz, 20.0) / 1000.0)))


def _centroid(mix: Mix) -> float:
    return _octaves(librosa.feature.spectral_centroid(S=_magnitudes(mix), sr=mix.sample_rate))


def _bandwidth(mix: Mix) -> float:
    return _octaves(librosa.feature.spectral_bandwidth(S=_magnitudes(mix), sr=mix.sample_rate))


def _rolloff(mix: Mix) -> float:
    return _octaves(librosa.feature.spectral_rolloff(S=_magnitudes(mix), sr=mix.sample_rate, roll_percent=0.85))


def _contrast(mix: Mix) -> float:
    # the parameters of Martínez-Ramírez et al. 2022
    options = {"fmin": 250.0, "n_bands": 4, "quantile": 0.02, "linear": False}
    contrast = librosa.feature.spectral_contrast(S=_magnitudes(mix), sr=mix.sample_rate, n_fft=WINDOW, **options)
    return float(np.mean(contrast))


def _flatness(mix: Mix) -> float:
    flatness = librosa.feature.spectral_flatness(S=_magnitudes(mix))
    return 10.0 * float(np.mean(np.log10(flatness)))


class Feature(NamedTuple):
    """A feature of a mix: its unit, description and measure."""

    unit: str
    about: str
    measure: Callable[[Mix], float | None]


FEATURES = {
    "loudness_lufs": Feature(
        "LUFS", "integrated loudness as delivered (BS.1770)", lambda mix: mix.delivery.loudness_lufs
    ),
    "true_peak_dbtp": Feature("dBTP", "true peak as delivered", lambda mix: mix.delivery.true_peak_dbtp),
    "loudness_range_lu": Feature("LU", "loudness range (Tech 3342)", lambda mix: mix.delivery.loudness_range_lu),
    "crest_db": Feature("dB", "highest sample over RMS", _crest_db),
    "plr_lu": Feature("LU", "true peak over integrated loudness", _plr_lu),
    "width_db": Feature("dB", "side over mid", _width_db),
    "balance_db": Feature("dB", "right over left", _balance_db),
    "panning": Feature("", "panning spectrum, RMS over all frequencies", _panning_rms(0.0, 1e9)),
    "panning_low": Feature("", "the same below 250 Hz", _panning_rms(0.0, 250.0)),
    "panning_mid": Feature("", "the same from 250 Hz to 2.5 kHz", _panning_rms(250.0, 2500.0)),
    "panning_high": Feature("", "the same above 2.5 kHz", _panning_rms(2500.0, 1e9)),
    "fold_down_lu": Feature("LU", "loudness gained when both channels become one", _fold_down_lu),
    "tilt_db_per_octave": Feature("dB/octave", "slope of third-octave levels of mid, 100 Hz to 10 kHz", _tilt),
    # spectral descriptors, of mid
    "centroid_octaves": Feature("octaves", "spectral centroid above 1 kHz", _centroid),
    "bandwidth_octaves": Feature("octaves", "spectral bandwidth above 1 kHz", _bandwidth),
    "rolloff_octaves": Feature("octaves", "frequency below which 85 % lies, above 1 kHz", _rolloff),
    "contrast_db": Feature("dB", "spectral contrast, mean over bands", _contrast),
    "flatness_db": Feature("dB", "spectral flatness", _flatness),
    "clipped": Feature("samples", "samples at full scale next to another", lambda mix: float(mix.delivery.clipped)),
    "dc_db": Feature("dB", "DC offset against RMS", lambda mix: mix.delivery.dc_db),
}


def features_of(mix: Mix) -> dict[str, float]:
    """The finite features of a mix, by name; some need a mix of some seconds."""
    values = {name: feature.measure(mix) for name, feature in FEATURES.items()}
    return {name: float(value) for name, value in values.items() if value is not None and np.isfinite(value)}
