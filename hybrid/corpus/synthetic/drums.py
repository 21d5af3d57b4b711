"""Drums and cymbals. Each is a pure function of the tuning, length and velocity of one stroke, and a random generator.

A stronger stroke is brighter as well as louder. Ratios, times and cutoffs are by taste where no source is named.
"""

from __future__ import annotations

import numpy as np

from hybrid.corpus.synthetic.signals import Mono, Samples, decay, faded, noise, panned, sine, times

# Roland TR-808 service notes: the six square-wave oscillators behind its cymbals.
METAL_HZ = (205.3, 304.4, 369.6, 522.7, 540.0, 800.0)
MIDDLE_TOM_HZ = 110.0


def kick(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A kick drum: a membrane whose pitch falls from about six times its tuning, a click, mild saturation."""
    t = times(max(duration_s, 0.45))
    # a fast drop for the attack, a slow one for the tail
    fall = 5.0 * decay(t, 0.09) + 0.35 * decay(t, 0.3)
    skin = sine(frequency_hz * (1.0 + fall), len(t)) * decay(t, 0.55)
    click = noise(len(t), rng, 1800.0, 6000.0) * decay(t, 0.03)
    return faded(velocity * np.tanh(1.6 * skin + 0.18 * velocity * click), 0.3, 40.0)


def snare(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A snare drum: the two lowest modes of a circular membrane (1 : 1.59), snare wires, the stick."""
    t = times(max(duration_s, 0.35))
    bend = 1.0 + 0.12 * decay(t, 0.06)
    skin = sine(frequency_hz * bend, len(t)) * decay(t, 0.22)
    skin += 0.5 * sine(1.59 * frequency_hz * bend, len(t)) * decay(t, 0.14)
    wires = noise(len(t), rng, 900.0, 3000.0 + 3500.0 * velocity) * decay(t, 0.14 + 0.16 * velocity)
    stick = noise(len(t), rng, 2000.0, 7000.0) * decay(t, 0.015)
    return faded(velocity * np.tanh(0.7 * skin + 0.26 * wires + 0.2 * velocity * stick), 0.3, 30.0)


def tom(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Samples:
    """A tom: two modes whose pitch falls slightly, and a soft stick; the lower the drum, the further right."""
    t = times(max(duration_s, 0.6))
    bend = 1.0 + 0.35 * decay(t, 0.15)
    skin = sine(frequency_hz * bend, len(t)) * decay(t, 0.7)
    skin += 0.35 * sine(1.59 * frequency_hz * bend, len(t)) * decay(t, 0.35)
    stick = noise(len(t), rng, 700.0, 4500.0) * decay(t, 0.05)
    octaves = float(np.log2(frequency_hz / MIDDLE_TOM_HZ))
    return panned(faded(velocity * (skin + 0.2 * velocity * stick), 0.3, 60.0), -2.0 * octaves)


def hihat(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A hi-hat: noise times six inharmonic squares; a short note is a closed hat, a long one open."""
    t = times(duration_s + 0.12)
    tuning = frequency_hz / 440.0
    metal = (0.4 + _metal(t, tuning, rng)) * noise(len(t), rng, 6000.0, 12000.0)
    ring = decay(t, 1.2 * duration_s + 0.06) + 0.3 * decay(t, 0.03)
    return faded(np.tanh(0.35 * velocity * (0.5 + 0.5 * velocity) * ring * metal), 0.8, 30.0)


def crash(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A crash cymbal: dense noise with an attack of some milliseconds, whose high band decays first."""
    t = times(duration_s)
    low = noise(len(t), rng, 900.0, 4000.0) * decay(t, 2.4)
    high = noise(len(t), rng, 4000.0, 13000.0) * decay(t, 1.5)
    shimmer = 0.3 * _metal(t, 1.7 * frequency_hz / 440.0, rng) * high
    return faded(velocity * (0.4 * low + high + shimmer) * (1.0 - 0.7 * decay(t, 0.06)), 1.0, 200.0)


def tambourine(frequency_hz: float, duration_s: float, velocity: float, rng: np.random.Generator) -> Mono:
    """A tambourine: four jingles within 30 ms."""
    t = times(duration_s + 0.15)
    centre_hz = 8000.0 * frequency_hz / 440.0
    jingles = np.zeros(len(t))
    for onset_s in (0.0, *rng.uniform(0.006, 0.03, 3)):
        late = np.maximum(t - onset_s, 0.0)
        jingles += (t >= onset_s) * decay(late, 0.1) * np.minimum(late / 0.001, 1.0) * rng.uniform(0.4, 1.0)
    return faded(velocity * jingles * noise(len(t), rng, 0.8 * centre_hz, 1.4 * centre_hz), 0.5, 20.0)


def _metal(t: Mono, tuning: float, rng: np.random.Generator) -> Mono:
    """The mean of six squares with random phases; their aliasing is inharmonic too and does no harm."""
    phases = rng.random(len(METAL_HZ))
    squares = (np.sign(np.sin(2.0 * np.pi * (hz * tuning * t + p))) for hz, p in zip(METAL_HZ, phases, strict=True))
    return sum(squares, np.zeros(len(t))) / len(METAL_HZ)
