"""The vocal tract: three time-varying formants, and fixed resonances above them.

Fant, "Acoustic Theory of Speech Production", 1960; the resonators are Klatt's, JASA 1980, equations 1 and 2.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex, Float
from numpy import fft

from hybrid.corpus.synthetic.phonetics import BANDWIDTHS_HZ, Singer
from hybrid.corpus.synthetic.signals import SAMPLE_RATE, Mono

HOP = 441  # 10 ms: one frame of control, half a window of the tract
WINDOW, TRACT_FFT = 2 * HOP, 2048  # leaves 26 ms for the formants to ring out
SILENCE = 1e-6  # -120 dB
UPPER_BANDWIDTH = 0.05  # of a resonance's frequency

FrameCurve = Float[np.ndarray, "frame"]
Formants = Float[np.ndarray, "#frame formant"]
Bandwidths = Float[np.ndarray, "formant"]
TractResponse = Complex[np.ndarray, "#frame bin"]
Places = Complex[np.ndarray, "#frame bin"]  # points on the unit circle, per frame or one row for all


def through_tract(source: Mono, tract_hz: Formants, singer: Singer) -> Mono:
    """The source through the time-varying resonators, by overlap-add of windowed frames."""
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW)
    padded = np.concatenate([np.zeros(HOP), source, np.zeros(TRACT_FFT + WINDOW)])
    out = np.zeros(len(padded))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][: len(tract_hz)]
    sounding = np.flatnonzero(np.max(np.abs(frames), axis=1) > SILENCE)
    z = np.exp(-2j * np.pi * np.arange(TRACT_FFT // 2 + 1) / TRACT_FFT)[None]
    response = resonators(tract_hz[sounding], BANDWIDTHS_HZ, z) * upper_tract(singer, z)
    spectra = fft.rfft(frames[sounding] * window, TRACT_FFT) * response
    for frame, filtered in zip(sounding, fft.irfft(spectra, TRACT_FFT), strict=True):
        out[frame * HOP : frame * HOP + TRACT_FFT] += filtered
    return out[HOP : HOP + len(source)]


def upper_tract(singer: Singer, z: Places) -> TractResponse:
    """Response of the fixed resonances from the fourth up to Nyquist, which carry the high end of a voice."""
    centres_hz = np.arange(singer.fourth_hz, 0.5 * SAMPLE_RATE, singer.spacing_hz)
    return resonators(centres_hz[None], UPPER_BANDWIDTH * centres_hz, z)


def resonators(centres_hz: Formants, widths_hz: Bandwidths, z: Places) -> TractResponse:
    """Joint response at `z` of resonators with unit gain at 0 Hz each (Klatt 1980, equations 1 and 2)."""
    response = np.ones(np.broadcast_shapes((len(centres_hz), 1), z.shape), complex)
    for centre_hz, width_hz in zip(centres_hz.T[:, :, None], widths_hz, strict=True):
        radius = np.exp(-np.pi * width_hz / SAMPLE_RATE)
        c1 = 2.0 * radius * np.cos(2.0 * np.pi * centre_hz / SAMPLE_RATE)
        response *= (1.0 - c1 + radius**2) / (1.0 - c1 * z + radius**2 * z * z)
    return response
