"""A singing voice: a glottal source, a time-varying vocal tract, consonants and breaths.

The source is periodic glottal flow (Klatt and Klatt, "Analysis, synthesis, and perception of voice
quality variations", JASA 1990). Consonant and breath levels, glides and vibrato are by taste.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy import fft

from hybrid.corpus.synthetic.performance import PlayedNote
from hybrid.corpus.synthetic.phonetics import BANDWIDTHS_HZ, Singer, consonant_of, formants_hz
from hybrid.corpus.synthetic.signals import SAMPLE_RATE, Mono, Samples, faded, noise
from hybrid.corpus.synthetic.tract import HOP, Formants, FrameCurve, resonators, through_tract, upper_tract

GLOTTIS_TABLE, HIGHEST_HARMONIC_HZ = 4096, 18000.0
GLIDE_S, VOWEL_GLIDE_S = 0.08, 0.07
ATTACK_S, RELEASE_S = 0.045, 0.08
VIBRATO_AFTER_S, VIBRATO_IN_S = 0.25, 0.35
MARGIN_S = 0.8  # before the first note and after the last, for the breath and the decay
PHRASE_GAP_S = 0.25  # a longer rest has a breath
BREATH_S, BREATH_GAP_S, BREATH_GAIN = 0.3, 0.06, 0.05

SHIMMER = 0.06
EVEN_HARMONICS, EVENNESS = 24, 0.75  # three quarters of the differences in dB are compensated

Curves = Float[np.ndarray, "frame *formant"]


class _Gesture(NamedTuple):
    """Control signals of the voice, frame by frame: pitch, gain, breath noise and formants of the tract."""

    frequency_hz: FrameCurve
    gain: FrameCurve
    breath: FrameCurve
    tract_hz: Formants


def sing(notes: Sequence[PlayedNote], singer: Singer, n: int, rng: np.random.Generator) -> Samples:
    """`n` samples of one melodic line with its words; vowels start with the notes."""
    first = max(0, round((notes[0].start_s - MARGIN_S) * SAMPLE_RATE))
    last = min(n, round((notes[-1].end_s + MARGIN_S) * SAMPLE_RATE))
    # only the span of the line is synthesised: most parts rest for half the song
    line = [note._replace(start_s=note.start_s - first / SAMPLE_RATE) for note in notes]
    t = np.arange((last - first) // HOP + 2) * HOP / SAMPLE_RATE
    gain, breath = _loudness(t, line, rng)
    gesture = _Gesture(_pitch_hz(t, line, singer, rng), gain, breath, _formants(t, line, singer))
    sound = through_tract(_glottis(gesture, singer, last - first, rng), gesture.tract_hz, singer)
    for note in line:
        _articulate(sound, note, rng)
    return np.pad(sound, (first, n - last))[None]


def _pitch_hz(t: FrameCurve, notes: Sequence[PlayedNote], singer: Singer, rng: np.random.Generator) -> FrameCurve:
    """Pitch in Hz: glides from note to note, and a vibrato that sets in on held notes."""
    semitones, vibrato = np.full(len(t), 12.0 * np.log2(notes[0].frequency_hz)), np.zeros(len(t))
    for note in notes:
        semitones[t >= note.start_s - 0.5 * GLIDE_S] = 12.0 * np.log2(note.frequency_hz)
        sung = t >= note.start_s
        vibrato[sung] = _ramp(t[sung] - note.start_s - VIBRATO_AFTER_S, VIBRATO_IN_S)
    rate_hz = singer.vibrato_hz * (1.0 + 0.06 * _wander(len(t), rng, 2.0))
    swing = np.sin(2.0 * np.pi * np.cumsum(rate_hz) * HOP / SAMPLE_RATE)
    drift = singer.drift_semitones * _wander(len(t), rng, 6.0)
    pitch = _smooth(semitones, GLIDE_S) + singer.vibrato_semitones * vibrato * swing + drift
    return 2.0 ** (pitch / 12.0)


def _loudness(t: FrameCurve, notes: Sequence[PlayedNote], rng: np.random.Generator) -> tuple[FrameCurve, FrameCurve]:
    """Gain of the voice, and gain of the breaths between phrases."""
    gain, breath = np.zeros((2, len(t)))
    silent_since_s = -PHRASE_GAP_S
    for note, following in zip(notes, [*notes[1:], None], strict=True):
        onset = consonant_of(note)
        starts_s = note.start_s - onset.length_s
        stop_s = following.start_s - consonant_of(following).length_s if following else note.end_s
        swell = _ramp(t - note.start_s, ATTACK_S) * _ramp(min(note.end_s, stop_s) - t, RELEASE_S)
        murmur = onset.murmur * ((t >= starts_s) & (t < note.start_s + ATTACK_S))
        gain = np.maximum(gain, note.velocity * np.maximum(swell, murmur))
        if starts_s - silent_since_s > PHRASE_GAP_S:
            breath += _inhale(t, starts_s - BREATH_GAP_S)
        silent_since_s = note.end_s
    return _smooth(gain, 0.03) * (1.0 + SHIMMER * _wander(len(t), rng, 12.0)), breath


def _formants(t: FrameCurve, notes: Sequence[PlayedNote], singer: Singer) -> Formants:
    """Formants of the tract in Hz, through consonants and vowels."""
    tract_hz = np.tile(formants_hz(notes[0], singer), (len(t), 1))
    for note in notes:
        onset = consonant_of(note)
        tract_hz[t >= note.start_s - onset.length_s] = onset.tract_hz or formants_hz(note, singer)
        tract_hz[t >= note.start_s] = formants_hz(note, singer)
    return _smooth(tract_hz, VOWEL_GLIDE_S)


def _glottis(gesture: _Gesture, singer: Singer, n: int, rng: np.random.Generator) -> Mono:
    """The derivative of the glottal flow, with turbulence while the glottis is open, and breaths."""
    table = _flow_derivative(singer, HIGHEST_HARMONIC_HZ / float(np.max(gesture.frequency_hz)))
    positions, frames = np.arange(n) / HOP, np.arange(len(gesture.gain))
    jitter = 1.0 + singer.jitter * rng.standard_normal(len(frames))
    frequency_hz = np.interp(positions, frames, gesture.frequency_hz * jitter)
    gain = np.interp(positions, frames, gesture.gain * _evening_gain(gesture, singer, table))
    # the table is read at a phase that integrates the frequency
    phase = np.cumsum(frequency_hz) / SAMPLE_RATE % 1.0
    voiced = table[(phase * GLOTTIS_TABLE).astype(int)]
    turbulence = noise(n, rng, 800.0, 9000.0)
    breath = np.interp(positions, frames, gesture.breath)
    aspirated = singer.breathiness * (phase < singer.open_quotient)
    return gain * (voiced + aspirated * turbulence) + breath * turbulence


def _evening_gain(gesture: _Gesture, singer: Singer, table: Mono) -> FrameCurve:
    """Gain that evens out differences in level between vowels and pitches, as trained singers do."""
    harmonics = np.arange(1, EVEN_HARMONICS + 1)
    z = np.exp(-2j * np.pi * gesture.frequency_hz[:, None] * harmonics / SAMPLE_RATE)
    source = np.abs(fft.rfft(table))[harmonics] / GLOTTIS_TABLE
    magnitude = source * np.abs(resonators(gesture.tract_hz, BANDWIDTHS_HZ, z) * upper_tract(singer, z))
    return np.sum(np.square(magnitude), axis=1) ** (-0.5 * EVENNESS)


def _flow_derivative(singer: Singer, n_harmonics: float) -> Mono:
    """One period with unit RMS and at most `n_harmonics` harmonics: the flow is t² - t³ while the glottis is open."""
    t = np.arange(GLOTTIS_TABLE) / GLOTTIS_TABLE / singer.open_quotient
    spectrum = fft.rfft(np.where(t < 1.0, 2.0 * t - 3.0 * t * t, 0.0))
    # 6 dB per octave more above the tilt harmonic
    spectrum /= np.hypot(1.0, np.arange(len(spectrum)) / singer.tilt_harmonic)
    spectrum[0] = 0.0
    spectrum[int(n_harmonics) + 1 :] = 0.0
    period = fft.irfft(spectrum, GLOTTIS_TABLE)
    return period / np.sqrt(np.mean(np.square(period)))


def _articulate(sound: Mono, note: PlayedNote, rng: np.random.Generator) -> None:
    """Adds the noise of the note's consonant, up to the start of the vowel, to `sound` in place."""
    onset = consonant_of(note)
    if not onset.noise_gain:
        return
    n = round(onset.noise_s * SAMPLE_RATE)
    burst = faded(noise(n, rng, *onset.noise_hz), 1e3 * onset.attack_s, 8.0)
    start = round((note.start_s + 0.012) * SAMPLE_RATE) - n
    sound[start : start + n] += onset.noise_gain * note.velocity * burst


def _inhale(t: FrameCurve, end_s: float) -> FrameCurve:
    """Gain of a breath that ends just before the phrase."""
    share = np.clip((t - end_s) / BREATH_S + 1.0, 0.0, 1.0)
    return BREATH_GAIN * np.sin(np.pi * share**1.5) ** 2


def _ramp(t: FrameCurve, length_s: float) -> FrameCurve:
    """0 before t = 0, a raised cosine up to 1 at `length_s`."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(t / length_s, 0.0, 1.0))


def _smooth(x: Curves, length_s: float) -> Curves:
    """`x` averaged over a raised-cosine window of `length_s`; the edges are extended by their values."""
    half = max(1, round(0.5 * length_s * SAMPLE_RATE / HOP))
    kernel = 0.5 + 0.5 * np.cos(np.pi * np.arange(-half, half + 1) / (half + 1))
    kernel /= np.sum(kernel)
    padded = np.pad(x, [(half, half)] + [(0, 0)] * (x.ndim - 1), mode="edge")
    return sum((w * padded[i : i + len(x)] for i, w in enumerate(kernel)), np.zeros_like(x))


def _wander(n_frames: int, rng: np.random.Generator, rate_hz: float) -> FrameCurve:
    """Slow random fluctuation with mean near 0 and unit standard deviation."""
    walk = _smooth(rng.standard_normal(n_frames), 1.0 / rate_hz)
    return walk / np.std(walk)
