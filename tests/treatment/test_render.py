"""Rendering of a treatment: identity when neutral, and the effect of every part on samples."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.signal import stft
from hybrid.signal.bandpower import CHUNK_HOPS, CONTEXT_HOPS
from hybrid.treatment import render
from hybrid.treatment.parts import RIDE_S
from hybrid.treatment.types import Treatment, map_parts, neutral
from tests.treatment.made import only

RATE = 8000
HOP = stft.hop_samples(RATE)
CHUNK, CONTEXT = CHUNK_HOPS * HOP, CONTEXT_HOPS * HOP
RENDERER = render.make_renderer(RATE)
NOTHING = neutral(1, 2.0 * CHUNK / RATE, 0.2)
TIME_S = np.arange(2 * CHUNK - CONTEXT) / RATE
NOISE = (0.1 * np.random.default_rng(0).standard_normal((1, len(TIME_S)))).astype(np.float32)


def rendered(x: np.ndarray, treatment: Treatment) -> np.ndarray:
    """Two chunks of one track, in time with its input."""
    padded = np.pad(x, ((0, 0), (CONTEXT, CONTEXT)))
    plan, tail, out = render.plan(RENDERER, treatment), render.empty_tail(RENDERER, x.shape[0]), []
    for chunk in range(2):
        moving = render.zone_gains_db(RENDERER, treatment, 0, chunk)
        piece = padded[:, chunk * CHUNK : (chunk + 1) * CHUNK + CONTEXT]
        y, tail = render.filter_chunk(RENDERER, piece, plan.static_db[0], moving, tail)
        out.append(render.pan_channels(np.asarray(y), np.asarray(plan.pan[0])))
    return np.concatenate(out, axis=1)[:, CONTEXT:]


def with_part(part: str, value: float) -> Treatment:
    return only(NOTHING, part, value)


def level_db(x: np.ndarray) -> float:
    """Away from both ends."""
    return float(10.0 * np.log10(np.mean(np.square(x[..., CONTEXT:-CONTEXT], dtype=np.float64))))


def tone(frequency_hz: float) -> np.ndarray:
    return (0.5 * np.sin(2.0 * np.pi * frequency_hz * TIME_S))[None].astype(np.float32)


def test_the_neutral_treatment_changes_no_sample_in_either_channel():
    # float32 transforms
    assert np.abs(rendered(NOISE, NOTHING) - NOISE).max() < 1e-6


def test_a_mono_track_sounds_as_a_stereo_file_of_twice_the_same():
    treatment = map_parts(lambda name, x: x + (20.0 if name == "pan.position" else 1.0), NOTHING)
    mono, dual = rendered(NOISE, treatment), rendered(np.concatenate([NOISE, NOISE]), treatment)
    assert np.abs(mono - dual).max() < 1e-6


def test_a_stereo_track_stays_stereo():
    x = np.concatenate([NOISE, np.roll(NOISE, 100)])
    assert np.abs(rendered(x, NOTHING) - x).max() < 1e-6


@pytest.mark.parametrize("gain_db", [-12.0, 6.0])
def test_level_is_a_gain_and_shares_the_phase_of_the_raw_track(gain_db):
    y = rendered(NOISE, with_part("gain.level", gain_db))
    np.testing.assert_allclose(y, np.repeat(10.0 ** (gain_db / 20.0) * NOISE, 2, axis=0), atol=2e-6)


def test_a_flat_tone_curve_is_a_gain():
    assert level_db(rendered(NOISE, with_part("eq.tone", -4.0))[0]) == pytest.approx(level_db(NOISE) - 4.0, abs=1e-3)


@pytest.mark.parametrize(("frequency_hz", "change_db"), [(400.0, 0.0), (200.0, -3.01), (100.0, -18.13), (50.0, -36.1)])
def test_low_cut_at_200_hz(frequency_hz, change_db):
    y = rendered(tone(frequency_hz), with_part("eq.low_cut", 200.0))
    # 0.07 dB at an octave above; windows of 100 ms blur the slope by their width of 10 Hz
    assert level_db(y[0]) - level_db(tone(frequency_hz)) == pytest.approx(
        change_db, abs=0.1 if change_db > -10 else 1.0
    )


def test_positions_follow_the_sine_cosine_law():
    y = rendered(NOISE, with_part("pan.position", -50.0))
    assert level_db(y[0]) - level_db(y[1]) == pytest.approx(7.66, abs=0.01)
    assert level_db(y[0]) - level_db(NOISE) == pytest.approx(2.32, abs=0.01)


def test_width_turns_the_side_signal_down_and_leaves_the_mid():
    x = np.concatenate([NOISE, np.roll(NOISE, 100)])
    y = rendered(x, with_part("pan.width", -6.0))
    np.testing.assert_allclose(y[0] + y[1], x[0] + x[1], atol=2e-6)
    assert level_db(y[0] - y[1]) - level_db(x[0] - x[1]) == pytest.approx(-6.0, abs=1e-3)


def test_width_does_nothing_to_a_mono_track():
    assert np.abs(rendered(NOISE, with_part("pan.width", -24.0)) - NOISE).max() < 1e-6


def test_a_ride_is_in_time():
    ride = NOTHING.gain.ride_db.at[0, 1].set(6.0)
    treatment = replace(NOTHING, gain=NOTHING.gain._replace(ride_db=ride))
    gain_db = 20.0 * np.log10(np.abs(rendered(np.full_like(NOISE, 0.1), treatment)[0]) / 0.1)
    expected = 6.0 * np.interp(TIME_S, [0.0, RIDE_S, 2.0 * RIDE_S], [0.0, 1.0, 0.0])
    inside = slice(CONTEXT, -CONTEXT)
    # windows of 100 ms round the corner of a ride of 3 dB/s
    assert np.abs(gain_db - expected)[inside].max() < 0.06


def test_dynamics_of_the_top_zone_leave_the_bass_alone():
    zones = NOTHING.dynamics.zone_db.at[0, -1].set(-6.0)
    treatment = replace(NOTHING, dynamics=NOTHING.dynamics._replace(zone_db=zones))
    assert level_db(rendered(tone(100.0), treatment)[0]) == pytest.approx(level_db(tone(100.0)), abs=0.01)
    # 3.9 kHz lies 2 ERB below the border at 5 kHz, where zones cross over
    assert -3.0 < level_db(rendered(tone(3900.0), treatment)[0]) - level_db(tone(3900.0)) < -0.05


def test_the_output_level_is_not_applied_to_tracks():
    assert np.abs(rendered(NOISE, with_part("master.level", -20.0)) - NOISE).max() < 1e-6


def test_inverted_tracks_still_cancel_under_one_treatment():
    treatment = map_parts(lambda name, x: x + 1.0, NOTHING)
    assert np.abs(rendered(NOISE, treatment) + rendered(-NOISE, treatment)).max() < 1e-7


def test_two_chunks_equal_one_shot_sample_by_sample():
    generator = np.random.default_rng(1)
    treatment = map_parts(lambda _, x: jnp.asarray(3.0 * generator.standard_normal(x.shape), x.dtype), NOTHING)
    treatment = replace(treatment, eq=treatment.eq._replace(low_cut_hz=jnp.asarray([90.0])))
    plan, tail = render.plan(RENDERER, treatment), render.empty_tail(RENDERER, 1)
    moving = np.concatenate([render.zone_gains_db(RENDERER, treatment, 0, k) for k in range(2)], axis=-1)
    padded = np.pad(NOISE, ((0, 0), (CONTEXT, CONTEXT)))
    whole, _ = render.filter_chunk(RENDERER, padded, plan.static_db[0], moving, tail)
    whole = render.pan_channels(np.asarray(whole), np.asarray(plan.pan[0]))[:, CONTEXT:]
    # the order in which windows are added up, in float32
    assert np.abs(rendered(NOISE, treatment) - whole).max() < 1e-6


def test_silence_stays_silent_at_the_highest_gain():
    assert not rendered(np.zeros_like(NOISE), with_part("gain.level", 36.0)).any()
