"""Pitched instruments. Each is a pure function of frequency, length and velocity of a note, and a random generator.

Times and amounts are by taste where no source is named.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy import fft

from hybrid.corpus.synthetic.signals import (
    SAMPLE_RATE,
    Mono,
    Samples,
    decay,
    faded,
    grid_hz,
    low_pass,
    noise,
    padded_length,
    panned,
    sine,
    times,
)

MIDDLE_C_HZ = 261.63
WRAP = 1e-2  # residual amplitude of a string where its FFT wraps around: -40 dB
PAD_TABLE = 1 << 16  # samples of a pad's loop, 1.5 s
PAD_SPREAD_CENTS = 14.0
PAD_ATTACK_MS, PAD_RELEASE_MS = 350.0, 700.0


def bass(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A fingered electric bass: a soft pluck near the neck, damped at the note's end."""
    t = times(duration_s + 0.05)
    string = plucked(frequency_hz, len(t), Pluck(0.23, 250.0 + 350.0 * velocity, 3.0, 900.0), rng)
    fundamental = 0.4 * sine(frequency_hz, len(t)) * decay(t, 2.5)
    finger = 0.06 * velocity * noise(len(t), rng, 400.0, 2000.0) * decay(t, 0.04)
    return faded(velocity * np.tanh(0.9 * string + fundamental + finger), 4.0, 50.0)


def guitar(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A steel string plucked between the sound hole and the bridge."""
    n = round((duration_s + 0.1) * SAMPLE_RATE)
    pluck = Pluck(float(rng.uniform(0.13, 0.18)), 500.0 + 1300.0 * velocity, 2.6, 2600.0)
    return faded(velocity * plucked(frequency_hz, n, pluck, rng), 1.0, 90.0)


def electric_piano(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Samples:
    """An electric piano of two FM pairs: a tone that brightens with velocity, and a tine; low notes left, high right.

    Chowning, "The synthesis of Complex Audio Spectra by Means of Frequency Modulation", JAES 1973.
    """
    t = times(duration_s + 0.25)
    frequency_hz *= 2.0 ** (float(rng.uniform(-2.0, 2.0)) / 1200.0)
    phase = 2.0 * np.pi * frequency_hz * t
    bark = (0.25 + 1.5 * velocity**2) * decay(t, 1.2)
    tine = 0.22 * velocity * decay(t, 0.35)
    tone = np.sin(phase + bark * np.sin(phase)) + tine * np.sin(phase + 0.8 * np.sin(14.0 * phase))
    octaves = float(np.log2(frequency_hz / MIDDLE_C_HZ))
    return panned(faded(velocity * tone * decay(t, 4.0 * 2.0 ** (-0.4 * octaves)), 1.5, 180.0), octaves / 1.5)


def pad(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Samples:
    """A pad: an ensemble of detuned saws through a low-pass that opens and closes.

    Nasca, "PADsynth algorithm": a spectrum of Gaussian bands with random phases as one period of a loop.
    """
    t = times(duration_s + 1e-3 * PAD_RELEASE_MS)
    opening = 0.5 - 0.5 * np.cos(2.0 * np.pi * t / t[-1])
    channels = [_ensemble(frequency_hz, rng) for _ in range(2)]
    loops = np.arange(len(t)) % PAD_TABLE
    sound = np.stack([dark[loops] + 0.8 * opening * (bright - dark)[loops] for dark, bright in channels])
    return faded(velocity * sound, PAD_ATTACK_MS, PAD_RELEASE_MS)


class Pluck(NamedTuple):
    """Parameters of a plucked string."""

    place: float
    """Position of the pluck, as a share of the string's length."""
    brightness_hz: float
    """Cutoff of the pluck's low-pass."""
    t60_s: float
    """Decay time of the fundamental."""
    damping_hz: float
    """Frequency at which the damping has doubled."""


def plucked(frequency_hz: float, n: int, pluck: Pluck, rng: np.random.Generator) -> Mono:
    """A plucked string with unit RMS over its first 100 ms: Karplus and Strong's loop as a transfer function.

    A noise burst of one period circulates in a delay of exactly one period, so that it is in tune at any pitch. The
    place of the pluck notches every 1/place-th partial. Evaluated on a damped contour, s = growth + jω, so that the
    tail does not wrap around. Karplus and Strong, Computer Music Journal 1983.
    """
    n_fft = padded_length(n)
    growth = -np.log(WRAP) * SAMPLE_RATE / n_fft
    t = np.arange(n_fft) / SAMPLE_RATE
    # the Laplace transform at s = growth + jω is the Fourier transform of the signal times exp(-growth t)
    burst = rng.standard_normal(n_fft) * (t < 1.0 / frequency_hz) * np.exp(-growth * t)
    hz = grid_hz(n_fft)
    s = growth + 2j * np.pi * hz
    loss = np.log(1000.0) / pluck.t60_s * (1.0 + (hz / pluck.damping_hz) ** 2)
    comb = (1.0 - np.exp(-s * pluck.place / frequency_hz)) * low_pass(s / (2j * np.pi), pluck.brightness_hz)
    string = fft.irfft(fft.rfft(burst) * comb / (1.0 - np.exp(-(s + loss) / frequency_hz)), n_fft)
    string = (string * np.exp(growth * t))[:n]
    return string / np.sqrt(np.mean(np.square(string[: round(0.1 * SAMPLE_RATE)])))


def _ensemble(frequency_hz: float, rng: np.random.Generator) -> tuple[Mono, Mono]:
    """One loop of detuned saws through a low-pass at 700 Hz and at 3.2 kHz."""
    hz = grid_hz(PAD_TABLE)
    partial = np.maximum(np.round(hz / frequency_hz), 1.0)
    # a detuning in cents widens high partials by more hertz
    spread_hz = partial * frequency_hz * (2.0 ** (PAD_SPREAD_CENTS / 1200.0) - 1.0)
    amplitude = np.exp(-0.5 * ((hz - partial * frequency_hz) / spread_hz) ** 2) / np.sqrt(partial**3)
    spectrum = amplitude * np.exp(2j * np.pi * rng.random(len(hz)))
    dark, bright = (fft.irfft(spectrum * low_pass(hz, cutoff_hz), PAD_TABLE) for cutoff_hz in (700.0, 3200.0))
    level = np.sqrt(np.mean(np.square(bright)))
    return dark / level, bright / level
