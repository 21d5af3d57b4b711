"""The shared room: what its responses are made of, and what it does to powers in frames."""

from __future__ import annotations

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy.signal import butter, sosfilt

from hybrid.signal import bands, room
from hybrid.treatment.curves import zone_curves

RATE = 16000
FRAME_S, N_FRAMES = 0.05, 80
LONGEST_S = (3.0, 0.1)
FLAT = np.zeros(bands.N_BANDS)
FULL = slice(4, 33)
"""Bands that are at least 80 Hz wide, of whose noise there is enough, and that lie below 8 kHz."""


@cache
def responses(decay_s: float, pre_delay_s: float = 0.0, low_tone_db: float = 0.0) -> np.ndarray:
    tone_db = np.where(np.arange(bands.N_BANDS) < 20, low_tone_db, 0.0)
    return room.impulse_responses(np.full(4, decay_s), zone_curves(), tone_db, pre_delay_s, RATE)


def energies(response: np.ndarray) -> np.ndarray:
    """Energy `[output, input, band]`, re that of an impulse of one in the band."""
    spectrum = np.fft.rfft(response, 2 * response.shape[2])
    weights = bands.band_weights(np.fft.rfftfreq(2 * response.shape[2], 1.0 / RATE))
    total = weights.sum(axis=0)
    filled = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0.0)
    return np.square(np.abs(spectrum)) @ weights * filled


def decay_of(response: np.ndarray) -> float:
    """Time to fall by 60 dB, s: Schroeder's integral, fitted from -5 to -35 dB (ISO 3382-1)."""
    left = np.cumsum(np.square(response, dtype=np.float64).sum(axis=(0, 1))[::-1])[::-1]
    level = 10.0 * np.log10(left / left[0])
    fitted = (level < -5.0) & (level > -35.0)
    slope, _ = np.polyfit(np.flatnonzero(fitted) / RATE, level[fitted], 1)
    return -60.0 / slope


@pytest.mark.parametrize("decay_s", [0.5, 1.5, 3.0])
def test_a_room_rings_as_long_as_was_asked(decay_s: float):
    # less than half of the 5 % by which an early decay must differ to be heard (ISO 3382-1)
    assert decay_of(responses(decay_s)) == pytest.approx(decay_s, rel=0.02)


def test_every_zone_rings_as_long_as_was_asked_of_it():
    wanted = (2.0, 1.0, 0.5, 0.5)
    response = room.impulse_responses(np.array(wanted), zone_curves(), FLAT, 0.0, RATE)
    for decay_s, (low, high) in zip(wanted[:3], ((40.0, 100.0), (300.0, 700.0), (2000.0, 4000.0)), strict=True):
        zone = sosfilt(butter(4, (low, high), "bandpass", fs=RATE, output="sos"), response)
        # noise of some ten to a hundred hertz: its fluctuation moves a fit by some per cent
        assert decay_of(zone) == pytest.approx(decay_s, rel=0.1)


def test_both_inputs_bring_an_energy_of_one_to_either_output_in_every_band():
    energy = energies(responses(1.5))
    # bands overlap, so that levelling one moves its neighbours a little
    np.testing.assert_allclose(10.0 * np.log10(energy.sum(axis=1).mean(axis=0)[FULL]), 0.0, atol=0.4)
    for output in energy:
        assert 10.0 * np.log10(output.sum(axis=0)[FULL].mean()) == pytest.approx(0.0, abs=0.2)
        # a band of 50 Hz and a decay of 1.5 s: some twenty independent values on each way, a spread of 0.7 dB
        np.testing.assert_allclose(10.0 * np.log10(output.sum(axis=0)[FULL]), 0.0, atol=2.0)


def test_the_two_sides_of_a_room_are_not_correlated():
    response = responses(1.5)
    mono, own = response.sum(axis=1), response[0]
    for first, second in (mono, own, response[1]):
        # noise of 1.5 s at 16 kHz that falls by 60 dB has some 3000 independent values: 0.02
        assert abs(first @ second) < 0.06 * np.sqrt((first @ first) * (second @ second))


def test_a_pre_delay_is_that_many_samples_of_silence():
    late = responses(0.5, 0.02)
    assert not late[..., :320].any()
    np.testing.assert_array_equal(late[..., 320:], responses(0.5))


def test_a_tone_is_heard_in_its_bands_alone():
    change = 10.0 * np.log10((energies(responses(0.5, 0.0, -12.0)) + 1e-12) / (energies(responses(0.5)) + 1e-12))
    np.testing.assert_allclose(change[..., 4:18], -12.0, atol=0.5)
    np.testing.assert_allclose(change[..., 22:33], 0.0, atol=0.5)


def test_the_room_is_the_same_in_every_mix():
    again = room.impulse_responses(np.full(4, 0.5), zone_curves(), FLAT, 0.0, RATE)
    np.testing.assert_array_equal(again, responses(0.5))


@pytest.mark.parametrize("block", [500, 2048, 12000])
def test_blocks_of_any_length_give_what_direct_convolution_gives(block: int, noise):
    response, x = responses(0.5), noise(2, 12000)
    wanted = [sum(np.convolve(x[c], response[side, c]) for c in (0, 1))[:12000] for side in (0, 1)]
    convolve = room.Convolver(response, block)
    padded = np.pad(x, ((0, 0), (0, -12000 % block)))
    parts = [convolve(padded[:, k : k + block]) for k in range(0, padded.shape[1], block)]
    # float32 transforms: 100 dB below the sum
    np.testing.assert_allclose(np.concatenate(parts, axis=1)[:, :12000], np.stack(wanted), atol=1e-5)


def test_silence_in_a_room_is_silent_and_a_tail_rings_on_after_its_sound(noise):
    convolve = room.Convolver(responses(0.5), 2048)
    assert not convolve(np.zeros((2, 2048), np.float32)).any()
    convolve(noise(2, 2048))
    assert convolve(np.zeros((2, 2048), np.float32)).any()


# The same in the power domain


@partial(jax.jit, static_argnames="frame_s")
def tails(power: jax.Array, decay_s: jax.Array, pre_delay_s: jax.Array, frame_s: float = FRAME_S) -> jax.Array:
    return room.tails(power, decay_s, pre_delay_s, frame_s, LONGEST_S)


def burst(at: int = 0) -> jax.Array:
    return jnp.zeros((N_FRAMES, bands.N_BANDS)).at[at].set(1.0)


@pytest.mark.parametrize("decay_s", [0.2, 1.5])
@pytest.mark.parametrize("pre_delay_s", [0.0, 0.03, 0.1])
def test_all_of_a_burst_comes_back(decay_s: float, pre_delay_s: float):
    back = tails(burst(), jnp.full(bands.N_BANDS, decay_s), jnp.asarray(pre_delay_s))
    assert np.asarray(back).min() >= 0.0
    np.testing.assert_allclose(back.sum(axis=0), 1.0, atol=1e-4)


def test_what_comes_back_falls_by_60_db_in_the_decay_time_of_its_band():
    decay_s = jnp.where(jnp.arange(bands.N_BANDS) < 20, 1.0, 2.0)
    level = 10.0 * np.log10(np.maximum(tails(burst(), decay_s, jnp.asarray(0.0)), 1e-20))
    # from the second frame on: the burst itself lasts one
    np.testing.assert_allclose((level[21] - level[1])[:20], -60.0, atol=0.01)
    np.testing.assert_allclose((level[41] - level[1])[20:], -60.0, atol=0.01)


def test_the_first_frame_of_a_steady_sound_is_what_its_integral_says():
    decay_s, rate = 1.0, room.LN_60_DB
    back = tails(burst(), jnp.full(bands.N_BANDS, decay_s), jnp.asarray(0.0))[0]
    # sound and tail spread evenly over the frame: the mean over it of 1 - exp(-rate t)
    within = 1.0 - (1.0 - np.exp(-rate * FRAME_S)) / (rate * FRAME_S)
    np.testing.assert_allclose(back, within, rtol=1e-4)


@pytest.mark.parametrize("frames", [1, 2])
def test_a_pre_delay_of_whole_frames_shifts_all_that_comes_back(frames: int):
    decay_s = jnp.full(bands.N_BANDS, 0.7)
    early, late = (tails(burst(), decay_s, jnp.asarray(k * FRAME_S)) for k in (0, frames))
    np.testing.assert_allclose(late[frames:], early[:-frames], rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(late[:frames], 0.0, atol=1e-6)


def test_a_pre_delay_of_half_a_frame_lies_half_way_between():
    decay_s = jnp.full(bands.N_BANDS, 0.7)
    none, half, whole = (tails(burst(), decay_s, jnp.asarray(k * FRAME_S)) for k in (0.0, 0.5, 1.0))
    np.testing.assert_allclose(half, 0.5 * (none + whole), rtol=1e-4, atol=1e-9)


def test_frames_of_other_lengths_hear_the_same_room():
    decay_s = jnp.full(bands.N_BANDS, 1.0)
    fine = tails(burst(), decay_s, jnp.asarray(0.0)) + tails(burst(1), decay_s, jnp.asarray(0.0))
    pooled = np.asarray(fine).reshape(-1, 2, bands.N_BANDS).sum(axis=1)
    coarse = tails(2.0 * burst(), decay_s, jnp.asarray(0.0), frame_s=2.0 * FRAME_S)
    np.testing.assert_allclose(coarse[: N_FRAMES // 2], pooled, rtol=1e-3, atol=1e-7)


def test_gradients_of_tails_are_finite_and_equal_to_finite_differences_in_float64():
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        power = jnp.asarray(rng.uniform(0.0, 1.0, (8, bands.N_BANDS)))
        weight = jnp.asarray(rng.normal(size=(8, bands.N_BANDS)))

        def read(power: jax.Array, decay_s: jax.Array, pre_delay_s: jax.Array) -> jax.Array:
            args = (jnp.asarray(x) for x in (power, decay_s, pre_delay_s))
            return jnp.sum(weight * room.tails(*args, FRAME_S, LONGEST_S))

        # away from whole frames, where straight lines meet
        check_grads(read, (power, jnp.full(bands.N_BANDS, 0.8), jnp.asarray(0.037)), order=1, modes=("rev",))
