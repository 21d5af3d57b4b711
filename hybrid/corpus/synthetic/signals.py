"""Building blocks of every instrument: time, envelopes, oscillators, noise, filters and rooms.

Filters are analogue responses evaluated on an FFT grid: causal, exact near Nyquist, and one line each.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex, Float
from numpy import fft

SAMPLE_RATE = 44100
PAD_S = 0.1  # time for a filter to ring out before the FFT wraps around
NOISE_LOOP = 1 << 18  # samples, 6 s
PRE_DELAY_S = 0.008  # a small room's first reflections

Mono = Float[np.ndarray, "time"]
Samples = Float[np.ndarray, "channel time"]
Tracks = Float[np.ndarray, "*channel time"]  # one signal, or several at once
FrequencyGrid = Float[np.ndarray, "bin"]
Response = Complex[np.ndarray, "bin"]


def times(duration_s: float) -> Mono:
    """Sample times from 0 up to `duration_s`, in seconds."""
    return np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE


def decay(t: Mono, t60_s: float) -> Mono:
    """An exponential decay from 1, down by 60 dB after `t60_s`."""
    return np.exp(-np.log(1000.0) / t60_s * t)


def faded(x: Tracks, attack_ms: float, release_ms: float) -> Tracks:
    """`x` with raised-cosine fades, from zero and to zero."""
    n = x.shape[-1]
    ramps = [min(n // 2, round(edge_ms * 1e-3 * SAMPLE_RATE)) for edge_ms in (attack_ms, release_ms)]
    window = np.ones(n)
    for ramp, view in zip(ramps, (window, window[::-1]), strict=True):
        view[:ramp] = 0.5 - 0.5 * np.cos(np.pi * np.arange(ramp) / max(ramp, 1))
    return x * window


def sine(frequency_hz: float | Mono, n: int) -> Mono:
    """A sine of amplitude 1 and initial phase 0; an array of frequencies is followed sample by sample."""
    steps = np.broadcast_to(np.asarray(frequency_hz, float) / SAMPLE_RATE, (n,))
    return np.sin(2.0 * np.pi * (np.cumsum(steps) - steps[0]))


def noise(n: int, rng: np.random.Generator, low_hz: float, high_hz: float) -> Mono:
    """Gaussian noise with unit RMS, band-passed between two frequencies; it repeats seamlessly after 6 s."""
    n_fft = min(fast_length(n), NOISE_LOOP)
    spectrum = fft.rfft(rng.standard_normal(n_fft)) * band(grid_hz(n_fft), low_hz, high_hz)
    shaped = fft.irfft(spectrum, n_fft)
    return np.resize(shaped / np.sqrt(np.mean(np.square(shaped))), n)


def grid_hz(n: int) -> FrequencyGrid:
    """Frequencies of the bins of an `n`-point real FFT, in Hz."""
    return fft.rfftfreq(n, 1.0 / SAMPLE_RATE)


def low_pass(frequency_hz: FrequencyGrid | Response, cutoff_hz: float) -> Response:
    """Second-order Butterworth low-pass: 1 at 0 Hz, -3 dB at the cutoff."""
    s = 1j * frequency_hz / cutoff_hz
    return 1.0 / (s * s + np.sqrt(2.0) * s + 1.0)


def high_pass(frequency_hz: FrequencyGrid, cutoff_hz: float) -> Response:
    """Second-order Butterworth high-pass: 0 at 0 Hz, -3 dB at the cutoff."""
    s = 1j * frequency_hz / cutoff_hz
    return s * s / (s * s + np.sqrt(2.0) * s + 1.0)


def band(frequency_hz: FrequencyGrid, low_hz: float, high_hz: float) -> Response:
    """A high-pass followed by a low-pass."""
    return high_pass(frequency_hz, low_hz) * low_pass(frequency_hz, high_hz)


def bell(frequency_hz: FrequencyGrid, centre_hz: float, gain_db: float, q: float) -> Response:
    """A peaking equaliser: `gain_db` at the centre, 0 dB far from it."""
    s, a = 1j * frequency_hz / centre_hz, 10.0 ** (gain_db / 40.0)
    return (s * s + s * a / q + 1.0) / (s * s + s / (a * q) + 1.0)


def fast_length(n: int) -> int:
    """The next FFT length from `n` up with small factors only: 8, 9, 10, 12 or 15 times a power of two."""
    octave = 1 << max(0, (n - 1).bit_length() - 4)
    return next(factor * octave for factor in (8, 9, 10, 12, 15, 16) if factor * octave >= n)


def padded_length(n: int) -> int:
    """An FFT length for `n` samples and the ringing of a filter after them."""
    return fast_length(n + round(PAD_S * SAMPLE_RATE))


def filtered(x: Tracks, response: Response) -> Tracks:
    """`x` through a frequency response on the grid of `padded_length`."""
    n = x.shape[-1]
    spectrum = fft.rfft(x, padded_length(n))
    return fft.irfft(spectrum * response, padded_length(n))[..., :n]


def panned(x: Mono, pan: float) -> Samples:
    """`x` in stereo by the constant-power law: -1 left, 0 centre (-3 dB each side), 1 right."""
    angle = (1.0 + np.clip(pan, -1.0, 1.0)) * np.pi / 4.0
    return np.stack([np.cos(angle) * x, np.sin(angle) * x])


def in_room(x: Samples, rng: np.random.Generator, t60_s: float, wet_db: float) -> Samples:
    """`x` with diffuse reverb, independent for each channel; `wet_db` is the energy of its impulse response."""
    t = times(1.2 * t60_s)
    n = fast_length(x.shape[-1] + len(t))
    wet = np.empty_like(x)
    for channel, dry in enumerate(x):
        tail = noise(len(t), rng, 200.0, 5000.0) * decay(t, t60_s) * (t > PRE_DELAY_S)
        # scaled to the energy of an impulse, so that the level does not depend on the decay time
        tail *= 10.0 ** (wet_db / 20.0) / np.sqrt(np.sum(np.square(tail)))
        wet[channel] = fft.irfft(fft.rfft(dry, n) * fft.rfft(tail, n), n)[: x.shape[-1]]
    return x + wet
