"""Instruments for other styles. Each is a pure function of frequency, length and velocity, and a random generator.

Times, ratios and amounts are by taste where no source is named.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hybrid.corpus.synthetic.instruments import Pluck, plucked
from hybrid.corpus.synthetic.signals import (
    SAMPLE_RATE,
    FrequencyGrid,
    Mono,
    Response,
    Samples,
    bell,
    decay,
    faded,
    filtered,
    grid_hz,
    high_pass,
    low_pass,
    noise,
    padded_length,
    panned,
    sine,
    times,
)

HIGHEST_HZ = 16000.0
DRAWBARS = ((0.5, 0.6), (1.0, 1.0), (1.5, 0.7), (2.0, 0.5), (3.0, 0.25), (4.0, 0.3))
"""Ratio and level of an organ's ranks: 16', 8', 5 1/3', 4', 2 2/3', 2'."""
INHARMONICITY = 4e-4
"""Inharmonicity of a piano string in its middle register (Fletcher and Rossing 1998, chapter 12)."""


def organ(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Samples:
    """An organ: drawbars through a slowly rotating loudspeaker."""
    t = times(duration_s + 0.06)
    tone = sum((level * np.sin(2.0 * np.pi * ratio * frequency_hz * t) for ratio, level in DRAWBARS), np.zeros(len(t)))
    turn = 0.15 * np.sin(2.0 * np.pi * (0.8 * t + rng.random()))
    return faded((0.5 + 0.2 * velocity) * tone * np.stack([1.0 + turn, 1.0 - turn]), 4.0, 50.0)


def piano(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Samples:
    """A piano: stretched partials of stiff strings, of which the high ones decay first; low notes left, high right."""
    t = times(duration_s + 0.3)
    tone = np.zeros(len(t))
    for n in range(1, 16):
        partial_hz = n * frequency_hz * np.sqrt(1.0 + INHARMONICITY * n * n)
        if partial_hz < HIGHEST_HZ:
            # a harder stroke excites more high partials
            level = n**-1.1 * np.exp(-n * frequency_hz / (1200.0 + 5000.0 * velocity))
            beat_hz = 0.4 * n * rng.uniform(-1.0, 1.0)
            # two strings a note, slightly out of tune: their beats give the decay its shape
            strings = np.sin(2.0 * np.pi * partial_hz * t) + np.sin(2.0 * np.pi * (partial_hz + beat_hz) * t)
            tone += level * strings * decay(t, 9.0 * (110.0 / frequency_hz) ** 0.4 / (1.0 + 0.25 * n))
    tone += 0.1 * velocity * noise(len(t), rng, 200.0, 2500.0) * decay(t, 0.06)
    return panned(faded(velocity * tone, 1.0, 250.0), float(np.log2(frequency_hz / 261.63)) / 3.0)


def strings(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Samples:
    """A string section: three players on each side, each with its own vibrato."""
    t = times(duration_s + 0.35)
    sides = [sum((_bowed(frequency_hz, t, rng) for _ in range(3)), np.zeros(len(t))) for _ in range(2)]
    return faded(0.35 * velocity * np.stack(sides), 120.0, 350.0)


def brass(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A brass section whose brightness follows its level (Risset and Mathews 1969), with a short glide to the pitch."""
    t = times(duration_s + 0.1)
    swell = np.minimum(t / 0.06, 1.0) * (0.75 + 0.25 * np.cos(2.0 * np.pi * np.minimum(t / 0.8, 0.5)))
    pitch = frequency_hz * (1.0 - 0.02 * decay(t, 0.12))
    phase = 2.0 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    tone = np.zeros(len(t))
    for n in range(1, int(min(24, HIGHEST_HZ / frequency_hz)) + 1):
        tone += np.sin(n * phase + rng.uniform(0.0, 0.5)) * (swell * velocity) ** (0.35 * n) / n**0.5
    return faded(0.4 * velocity * tone * swell, 10.0, 90.0)


def flute(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A flute: three partials, breath noise, a delayed vibrato."""
    t = times(duration_s + 0.1)
    late = np.clip((t - 0.25) / 0.4, 0.0, 1.0)
    pitch = frequency_hz * (1.0 + 0.006 * late * np.sin(2.0 * np.pi * rng.uniform(4.6, 5.6) * t))
    phase = 2.0 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    tone = np.sin(phase) + 0.35 * velocity * np.sin(2.0 * phase) + 0.12 * velocity * np.sin(3.0 * phase)
    breath = 0.06 * noise(len(t), rng, frequency_hz, 4.0 * frequency_hz)
    return faded(0.7 * velocity * (tone + breath) * (1.0 + 0.1 * late * np.sin(2.0 * np.pi * 5.0 * t)), 60.0, 90.0)


def synth_lead(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A lead synthesiser: two detuned saws through a low-pass that closes from 7 to 1.8 kHz."""
    t = times(duration_s + 0.08)
    tone = _saw(frequency_hz, len(t), rng) + _saw(frequency_hz * 1.006, len(t), rng)
    open_, closed = (_through(tone, low_pass, cutoff_hz) for cutoff_hz in (7000.0, 1800.0))
    share = decay(t, 0.9)
    return faded(0.4 * velocity * (share * open_ + (1.0 - share) * closed), 4.0, 70.0)


def pulse(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A pulse wave as of a sound chip: a saw less the same saw a third of a period later."""
    t = times(duration_s + 0.02)
    shift = round(SAMPLE_RATE / (3.0 * frequency_hz))
    # the difference of two saws is a pulse, and stays band-limited
    saw = _saw(frequency_hz, len(t) + shift, rng)
    return faded(0.3 * velocity * decay(t, 1.2) * (saw[shift:] - saw[:-shift]), 1.0, 15.0)


def synth_bass(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A synthesiser bass: a saw through a low-pass that closes quickly, and a sine."""
    t = times(duration_s + 0.03)
    saw = _saw(frequency_hz, len(t), rng)
    dark, bright = (_through(saw, low_pass, cutoff_hz) for cutoff_hz in (220.0, 900.0 + 900.0 * velocity))
    pluck = decay(t, 0.35)
    tone = pluck * bright + (1.0 - pluck) * dark + 0.7 * sine(frequency_hz, len(t))
    return faded(velocity * np.tanh(0.8 * tone), 2.0, 25.0)


def sub_bass(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A long, slightly distorted sine bass, as in hip-hop."""
    t = times(duration_s + 0.2)
    pitch = frequency_hz * 2.0 ** (float(rng.uniform(-2.0, 2.0)) / 1200.0)
    tone = sine(pitch * (1.0 + 0.5 * decay(t, 0.08)), len(t)) * decay(t, 3.5)
    return faded(velocity * np.tanh(1.8 * tone), 2.0, 120.0)


def pluck(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Samples:
    """A short synthetic pluck, panned to the right by 0.3."""
    t = times(min(duration_s, 0.6) + 0.1)
    saw = _saw(frequency_hz, len(t), rng) + 0.5 * _saw(2.0 * frequency_hz, len(t), rng)
    bright, dark = (_through(saw, low_pass, cutoff_hz) for cutoff_hz in (6000.0, 900.0))
    share = decay(t, 0.25)
    return panned(faded(0.5 * velocity * (share * bright + (1.0 - share) * dark) * decay(t, 0.8), 1.0, 60.0), 0.3)


def crunch(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A distorted electric guitar through a loudspeaker that cuts off at 4.8 kHz."""
    n = round((duration_s + 0.1) * SAMPLE_RATE)
    string = plucked(frequency_hz, n, Pluck(0.12, 2500.0, 4.0, 3500.0), rng)
    return faded(0.35 * velocity * _cabinet(np.tanh(6.0 * string)), 1.0, 60.0)


def clean_guitar(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """An electric guitar through the same loudspeaker, not distorted."""
    n = round((duration_s + 0.1) * SAMPLE_RATE)
    string = plucked(frequency_hz, n, Pluck(0.2, 1500.0 + 1500.0 * velocity, 2.5, 3000.0), rng)
    return faded(velocity * _cabinet(string), 1.0, 80.0)


def bells(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A bar with the partials of a tuned vibraphone, 1 : 4 : 10 (Fletcher and Rossing 1998, chapter 19)."""
    t = times(max(duration_s, 1.2))
    frequency_hz *= 2.0 ** (float(rng.uniform(-2.0, 2.0)) / 1200.0)
    tone = sum(
        (level * np.sin(2.0 * np.pi * ratio * frequency_hz * t) * decay(t, t60_s)
         for ratio, level, t60_s in ((1.0, 1.0, 3.0), (4.0, 0.3, 1.0), (10.0, 0.12, 0.4))
         if ratio * frequency_hz < HIGHEST_HZ), np.zeros(len(t)))  # fmt: skip
    return faded(velocity * tone, 1.0, 150.0)


def clap(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """Hand claps: four bursts of noise within 30 ms, the last with a room's decay."""
    t = times(0.35)
    hands = sum((decay(np.maximum(t - at, 0.0), 0.02) * (t >= at) for at in (0.0, 0.009, 0.018)), np.zeros(len(t)))
    return faded(velocity * (hands + 0.8 * decay(np.maximum(t - 0.027, 0.0), 0.2) * (t >= 0.027))
                 * noise(len(t), rng, 800.0, 3500.0), 0.3, 30.0)  # fmt: skip


def shaker(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A shaker: a burst of high noise."""
    t = times(0.12)
    rush = np.minimum(t / 0.03, 1.0) * decay(np.maximum(t - 0.03, 0.0), 0.06)
    return faded(velocity * rush * noise(len(t), rng, 4500.0, 11000.0), 1.0, 20.0)


def riser(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Samples:
    """A riser: noise that grows louder and brighter over its length."""
    t = times(duration_s)
    share = (t / max(duration_s, 1e-3)) ** 2
    sides = [
        (1.0 - share) * noise(len(t), rng, 150.0, 600.0) + share * noise(len(t), rng, 1500.0, 9000.0) for _ in range(2)
    ]
    return faded(0.5 * velocity * share * np.stack(sides), 50.0, 30.0)


def _saw(frequency_hz: float, n: int, rng: np.random.Generator) -> Mono:
    """A band-limited saw of up to 40 partials below 16 kHz, with a random phase."""
    t = np.arange(n) / SAMPLE_RATE
    count = int(max(1, min(40, HIGHEST_HZ / frequency_hz)))
    phase = 2.0 * np.pi * (frequency_hz * t + rng.random())
    # sum of sin(k x)/k by Chebyshev's recurrence: one sine and one cosine for all partials
    before, now, twice = np.zeros(n), np.sin(phase), 2.0 * np.cos(phase)
    out = now.copy()
    for k in range(2, count + 1):
        before, now = now, twice * now - before
        out += now / k
    return out


def _bowed(frequency_hz: float, t: Mono, rng: np.random.Generator) -> Mono:
    """A bowed string with a random vibrato and tuning, of up to 20 partials below 9 kHz."""
    depth, rate_hz = rng.uniform(0.003, 0.006), rng.uniform(4.8, 6.2)
    cents = 2.0 ** (rng.normal(0.0, 5.0) / 1200.0)
    phase = 2.0 * np.pi * frequency_hz * cents * t - depth * frequency_hz / rate_hz * np.cos(2.0 * np.pi * rate_hz * t)
    before, now, twice = np.zeros(len(t)), np.sin(phase), 2.0 * np.cos(phase)
    out = now.copy()
    for k in range(2, int(max(2, min(20, 9000.0 / frequency_hz))) + 1):
        before, now = now, twice * now - before
        out += now / k**1.2
    return out


def _through(x: Mono, response: Callable[[FrequencyGrid, float], Response], cutoff_hz: float) -> Mono:
    return filtered(x, response(grid_hz(padded_length(len(x))), cutoff_hz))


def _cabinet(x: Mono) -> Mono:
    hz = grid_hz(padded_length(len(x)))
    return filtered(x, high_pass(hz, 90.0) * bell(hz, 2500.0, 5.0, 1.0) * low_pass(hz, 4800.0))
