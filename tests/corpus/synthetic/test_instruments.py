"""Each instrument alone: in tune, without clicks, louder when struck harder."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid.corpus.synthetic import drums, instruments, synths
from hybrid.corpus.synthetic.performance import PlayedNote
from hybrid.corpus.synthetic.phonetics import LEAD
from hybrid.corpus.synthetic.signals import (
    SAMPLE_RATE,
    bell,
    fast_length,
    filtered,
    grid_hz,
    high_pass,
    low_pass,
    noise,
    padded_length,
    panned,
)
from hybrid.corpus.synthetic.voice import sing

DRUMS = (drums.kick, drums.snare, drums.tom, drums.hihat, drums.crash, drums.tambourine)
STRUCK = (
    synths.piano,
    synths.bells,
    synths.pluck,
    synths.synth_bass,
    synths.sub_bass,
    synths.crunch,
    synths.clean_guitar,
)
HELD = (synths.strings, synths.brass, synths.flute, synths.synth_lead, synths.clap, synths.shaker, synths.riser)
PITCHED = (instruments.bass, instruments.guitar, instruments.electric_piano, instruments.pad, *STRUCK, *HELD)


def _strike(instrument, frequency_hz=110.0, velocity=0.8, seed=0):
    return np.atleast_2d(instrument(frequency_hz, 1.0, velocity, np.random.default_rng(seed)))


def _power(x):
    return np.square(np.abs(np.fft.rfft(x * np.hanning(len(x)), 1 << 18)))


@pytest.mark.parametrize("instrument", (*DRUMS, *PITCHED, synths.organ))
def test_a_note_starts_and_ends_at_silence(instrument):
    note = _strike(instrument)
    edges = np.abs(note[:, [0, -1]])
    assert np.max(edges) < 1e-3 * np.max(np.abs(note))  # -60 dB


@pytest.mark.parametrize("instrument", DRUMS + PITCHED)
def test_a_stronger_note_carries_more_energy(instrument):
    soft, strong = (np.sum(np.square(_strike(instrument, velocity=velocity))) for velocity in (0.3, 0.9))
    assert strong > 2.0 * soft


@pytest.mark.parametrize("instrument", (*DRUMS, *PITCHED, synths.organ))
def test_a_seed_gives_one_note_and_another_seed_another(instrument):
    assert np.array_equal(_strike(instrument, seed=3), _strike(instrument, seed=3))
    assert not np.array_equal(_strike(instrument, seed=3), _strike(instrument, seed=4))


@pytest.mark.parametrize(
    "instrument",
    [
        instruments.bass, instruments.guitar, instruments.electric_piano, synths.organ, synths.piano, synths.bells,
        synths.clean_guitar, synths.synth_bass,
    ],
)  # fmt: skip
@pytest.mark.parametrize("frequency_hz", [55.3, 110.0, 233.1])
def test_a_note_sounds_at_its_frequency_within_3_cents(instrument, frequency_hz):
    power = _power(_strike(instrument, frequency_hz)[0])
    hz = np.fft.rfftfreq(1 << 18, 1 / SAMPLE_RATE)
    near = np.abs(hz / frequency_hz - 1.0) < 0.03
    place = int(np.argmax(power * near))
    left, peak, right = np.log(power[place - 1 : place + 2])
    measured_hz = hz[place] + 0.5 * (left - right) / (left - 2 * peak + right) * hz[1]
    assert abs(1200.0 * np.log2(measured_hz / frequency_hz)) < 3.0


@pytest.mark.parametrize("instrument", [instruments.bass, instruments.guitar, instruments.electric_piano])
def test_a_string_or_bar_decays(instrument):
    note = _strike(instrument)[0]
    early, late = (np.mean(np.square(note[int(a * SAMPLE_RATE) :][:8820])) for a in (0.05, 0.7))
    assert early > 1.5 * late


@pytest.mark.parametrize(
    ("vowel", "peaks_hz", "valley_hz"),
    [("a", (850, 1220), 1900), ("e", (610, 2330), 1300), ("i", (310, 2790), 1200)],
)
def test_a_vowel_shows_its_formants(vowel, peaks_hz, valley_hz):
    note = PlayedNote(0.5, 1.5, 130.0, 0.8, vowel)
    voice = sing([note], LEAD, 3 * SAMPLE_RATE, np.random.default_rng(0))[0, SAMPLE_RATE : 2 * SAMPLE_RATE]
    power, hz = _power(voice), np.fft.rfftfreq(1 << 18, 1 / SAMPLE_RATE)

    def around(centre_hz: float) -> float:
        return float(np.sum(power[np.abs(hz - centre_hz) < 130.0]))

    assert min(map(around, peaks_hz)) > 4.0 * around(valley_hz)


def test_a_voice_is_silent_outside_its_notes():
    voice = sing([PlayedNote(2.0, 0.5, 220.0, 0.8, "a")], LEAD, 5 * SAMPLE_RATE, np.random.default_rng(0))[0]
    assert np.all(voice[:SAMPLE_RATE] == 0.0)
    assert np.max(np.abs(voice[4 * SAMPLE_RATE :])) < 1e-4 * np.max(np.abs(voice))


def test_filters_are_3_db_down_at_the_cutoff_and_a_bell_reaches_its_gain():
    hz = np.array([1000.0])
    assert np.abs(low_pass(hz, 1000.0))[0] == pytest.approx(np.sqrt(0.5))
    assert np.abs(high_pass(hz, 1000.0))[0] == pytest.approx(np.sqrt(0.5))
    assert 20 * np.log10(np.abs(bell(hz, 1000.0, 6.0, 1.0))[0]) == pytest.approx(6.0)


def test_a_filter_does_not_sound_before_its_input():
    click = np.zeros(SAMPLE_RATE)
    click[20000] = 1.0
    out = filtered(click, bell(grid_hz(padded_length(len(click))), 300.0, 9.0, 1.0))
    assert np.max(np.abs(out[:19000])) < 1e-4


def test_noise_has_unit_rms_in_its_band():
    hiss = noise(SAMPLE_RATE, np.random.default_rng(0), 2000.0, 4000.0)
    assert np.sqrt(np.mean(np.square(hiss))) == pytest.approx(1.0, rel=0.01)
    assert np.sum(_power(hiss)[5945:47560]) > 0.9 * np.sum(_power(hiss))  # 1 to 8 kHz


def test_panning_keeps_the_power():
    x = np.random.default_rng(0).standard_normal(1000)
    for pan in (-1.0, -0.3, 0.0, 0.8):
        assert np.sum(np.square(panned(x, pan))) == pytest.approx(np.sum(np.square(x)))


def test_a_fast_length_holds_the_signal_and_wastes_at_most_a_quarter():
    for n in (1, 7, 441, 44100, 65537, 1602797):
        assert n <= fast_length(n) <= max(1.25 * n, 16)
