"""Numbers that describe a mix, by the definitions that the literature on multitrack mixing uses.

Sets: De Man, Leonard, King, Reiss 2014 (levels, crest, width, imbalance); Tzanetakis, Jones, McNally 2007 (panning
spectrum); Martínez-Ramírez et al. 2022 (which bands of it, which spectral descriptors). Descriptors are librosa's.
Ratios are in dB and octaves, so that differences mean the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import librosa
import numpy as np
from jaxtyping import Float

from hybrid.judge.mix import LOUDNESS_LUFS, WINDOW, Mix, loudness_lufs, spectra_of

FAINT = 1e-12
"""A power, -120 dBFS: ratios of what is fainter read 0 dB."""
THIRDS_HZ = 1000.0 * 10.0 ** (np.arange(-15, 13) / 10.0)
"""Centres of third-octave bands, 31.6 Hz to 15.8 kHz (IEC 61260, base ten)."""
_QUIET_DB = -60.0
"""Frames that are fainter than the loudest by more do not count in means over time."""
_FLOOR_DB = -70.0
"""Third-octave levels below are taken to be there, with the whole mix at about -20: what is fainter is not heard."""
_SPECTRUM_WINDOW = 16384
_GONE_LU = -60.0
"""What is left in mono of a mix whose channels cancel."""


def thirds_db(x: Float[np.ndarray, " time"], sample_rate: int) -> Float[np.ndarray, " third"]:
    """Mean level of a signal in third-octave bands, dBFS, -70 at least: -3.01 for a sine at full scale in its band."""
    size = min(_SPECTRUM_WINDOW, x.shape[-1])
    # two sides, and the noise bandwidth of a Hann window
    power = 2.0 / 1.5 * np.square(np.abs(spectra_of(x, size))).mean(axis=-1, dtype=np.float64)
    edges_hz = (np.arange(len(power) + 1) - 0.5) * sample_rate / size
    total = np.concatenate([[0.0], np.cumsum(power)])
    low, high = (np.interp(THIRDS_HZ * 10.0**shift, edges_hz, total) for shift in (-0.05, 0.05))
    return np.maximum(10.0 * np.log10(np.maximum(high - low, FAINT)), _FLOOR_DB)


def panning(mix: Mix) -> Float[np.ndarray, "bin frame"]:
    """Panning spectrum: -1 for left alone, 0 for the same in both, 1 for right alone; 0 for silence.

    Its sign is that of the printed formula of Tzanetakis 2007, whose text says the opposite.
    """
    left, right = np.abs(mix.spectra)
    power = np.square(left) + np.square(right)
    alike = np.divide(2.0 * left * right, power, out=np.ones_like(power), where=power > FAINT)
    return (1.0 - alike) * np.sign(right - left)


def _panned(low_hz: float, high_hz: float) -> Callable[[Mix], float]:
    def measure(mix: Mix) -> float:
        inside = (mix.bin_hz >= low_hz) & (mix.bin_hz < high_hz)
        spectrum = panning(mix)[inside]
        each = np.sqrt(np.mean(np.square(spectrum), axis=0))
        return float(np.mean(each[_sounding(mix)]))

    return measure


def _sounding(mix: Mix) -> np.ndarray:
    """Frames that are not nearly silent."""
    power = np.sum(np.square(np.abs(mix.spectra)), axis=(0, 1))
    return power > np.max(power) * 10.0 ** (_QUIET_DB / 10.0)


def _powers(mix: Mix) -> tuple[float, float]:
    left, right = (float(np.mean(np.square(x, dtype=np.float64))) for x in mix.samples)
    return left, right


def _ratio_db(a: float, b: float) -> float:
    return 10.0 * float(np.log10((a + FAINT) / (b + FAINT)))


def _power(x: Float[np.ndarray, " time"]) -> float:
    return float(np.mean(np.square(x, dtype=np.float64)))


def _crest_db(mix: Mix) -> float:
    peak = float(np.max(np.abs(mix.samples)))
    return _ratio_db(peak * peak, sum(_powers(mix)) / 2.0)


def _plr_lu(mix: Mix) -> float:
    return mix.found.true_peak_dbtp - mix.found.loudness_lufs


def _width_db(mix: Mix) -> float:
    return _ratio_db(_power(mix.side), _power(mix.mid))


def _balance_db(mix: Mix) -> float:
    left, right = _powers(mix)
    return _ratio_db(right, left)


def _fold_down_lu(mix: Mix) -> float:
    folded = np.stack([mix.mid, mix.mid])
    return max(loudness_lufs(folded, mix.sample_rate) - LOUDNESS_LUFS, _GONE_LU)


def _tilt(mix: Mix) -> float:
    """Slope of third-octave levels from 100 Hz to 10 kHz."""
    inside = (THIRDS_HZ >= 99.0) & (THIRDS_HZ <= 10100.0)
    return float(np.polyfit(np.log2(THIRDS_HZ[inside]), thirds_db(mix.mid, mix.sample_rate)[inside], 1)[0])


def _magnitudes(mix: Mix) -> Float[np.ndarray, "bin frame"]:
    return np.abs(mix.spectra[0] + mix.spectra[1])[:, _sounding(mix)] + 1e-9


def _octaves(hz: Float[np.ndarray, "..."]) -> float:
    """Octaves above 1 kHz, the mean over time."""
    return float(np.mean(np.log2(np.maximum(hz, 20.0) / 1000.0)))


def _centroid(mix: Mix) -> float:
    return _octaves(librosa.feature.spectral_centroid(S=_magnitudes(mix), sr=mix.sample_rate))


def _bandwidth(mix: Mix) -> float:
    return _octaves(librosa.feature.spectral_bandwidth(S=_magnitudes(mix), sr=mix.sample_rate))


def _rolloff(mix: Mix) -> float:
    return _octaves(librosa.feature.spectral_rolloff(S=_magnitudes(mix), sr=mix.sample_rate, roll_percent=0.85))


def _contrast(mix: Mix) -> float:
    options = {"fmin": 250.0, "n_bands": 4, "quantile": 0.02, "linear": False}
    found = librosa.feature.spectral_contrast(S=_magnitudes(mix), sr=mix.sample_rate, n_fft=WINDOW, **options)
    return float(np.mean(found))


def _flatness(mix: Mix) -> float:
    found = librosa.feature.spectral_flatness(S=_magnitudes(mix))
    return 10.0 * float(np.mean(np.log10(found)))


class Feature(NamedTuple):
    """A number of a mix."""

    unit: str
    about: str
    measure: Callable[[Mix], float | None]


FEATURES = {
    "loudness_lufs": Feature("LUFS", "integrated loudness as found (BS.1770)", lambda mix: mix.found.loudness_lufs),
    "true_peak_dbtp": Feature("dBTP", "true peak as found", lambda mix: mix.found.true_peak_dbtp),
    "loudness_range_lu": Feature("LU", "loudness range (Tech 3342)", lambda mix: mix.found.loudness_range_lu),
    "crest_db": Feature("dB", "highest sample over RMS", _crest_db),
    "plr_lu": Feature("LU", "true peak over integrated loudness", _plr_lu),
    "width_db": Feature("dB", "side over mid", _width_db),
    "balance_db": Feature("dB", "right over left", _balance_db),
    "panning": Feature("", "panning spectrum, RMS over all frequencies", _panned(0.0, 1e9)),
    "panning_low": Feature("", "the same below 250 Hz", _panned(0.0, 250.0)),
    "panning_mid": Feature("", "the same from 250 Hz to 2.5 kHz", _panned(250.0, 2500.0)),
    "panning_high": Feature("", "the same above 2.5 kHz", _panned(2500.0, 1e9)),
    "fold_down_lu": Feature("LU", "loudness gained when both channels become one", _fold_down_lu),
    "tilt_db_per_octave": Feature("dB/octave", "slope of third-octave levels of mid, 100 Hz to 10 kHz", _tilt),
    "centroid_octaves": Feature("octaves", "spectral centroid above 1 kHz", _centroid),
    "bandwidth_octaves": Feature("octaves", "spectral bandwidth above 1 kHz", _bandwidth),
    "rolloff_octaves": Feature("octaves", "frequency below which 85 % lies, above 1 kHz", _rolloff),
    "contrast_db": Feature("dB", "spectral contrast, mean over bands", _contrast),
    "flatness_db": Feature("dB", "spectral flatness", _flatness),
    "clipped": Feature("samples", "samples at full scale beside another", lambda mix: float(mix.found.clipped)),
    "dc_db": Feature("dB", "offset against RMS", lambda mix: mix.found.dc_db),
}


def features_of(mix: Mix) -> dict[str, float]:
    """All features of a mix that it is long enough for, as finite numbers."""
    found = {name: feature.measure(mix) for name, feature in FEATURES.items()}
    return {name: float(value) for name, value in found.items() if value is not None and np.isfinite(value)}
