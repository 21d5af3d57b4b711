"""Effect of a treatment on powers: laws with known results."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.signal import bands
from hybrid.treatment import effect
from hybrid.treatment.bounds import constrain
from hybrid.treatment.parts import RIDE_S
from hybrid.treatment.pooling import pool
from hybrid.treatment.types import Dry, Treatment, map_parts, treatment_parts
from tests.treatment.made import (
    FRAME_S,
    N_FRAMES,
    filled,
    four,
    nothing,
    only,
    random_dry,
    random_mono,
    random_stereo,
    random_treatment,
    reordered,
)

EVEN = jnp.ones(N_FRAMES)
SILENT_DB = -90.0


@jax.jit
def powers_after(dry: Dry, treatment: Treatment) -> dict[str, jax.Array]:
    """Powers after the treatment, by every function that rules read."""
    layer = effect.treated(dry, treatment)
    frames = jnp.broadcast_to(EVEN, (dry.power.shape[0], N_FRAMES))
    return {
        "track": effect.over_time(layer, frames),
        "total": effect.track_power(layer),
        "track_k": effect.track_k(layer),
        "mix": jnp.sum(effect.mixture(layer), axis=1),
        "mix_frames": jnp.sum(effect.mixture(layer), axis=2),
        "mix_power": effect.mix_power(layer),
        "mix_k": jnp.sum(effect.track_k(layer), axis=0) + jnp.sum(effect.pair_k(layer), axis=0),
    }


@jax.jit
def track_k(dry: Dry, treatment: Treatment) -> jax.Array:
    return effect.track_k(effect.treated(dry, treatment))


def db(ratio) -> np.ndarray:
    return 10.0 * np.log10(np.maximum(np.asarray(ratio, np.float64), 1e-12))


def with_part(dry: Dry, part: str, value: float | np.ndarray) -> Treatment:
    """A treatment that does nothing but for one part."""
    return only(nothing(dry), part, value)


GENERATOR = np.random.default_rng(0)
MONO, OTHER = random_mono(GENERATOR), random_mono(GENERATOR)
STEREO = random_stereo(GENERATOR)


def test_the_neutral_treatment_changes_nothing():
    dry = random_dry()
    raw = np.asarray(dry.power)
    after = powers_after(dry, nothing(dry))
    np.testing.assert_allclose(after["track"], raw.sum(axis=2), rtol=1e-5)
    np.testing.assert_allclose(after["total"], raw[:, :2].sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(after["track_k"], np.asarray(dry.power_k)[:, :2].sum(axis=(1, 3)), rtol=1e-5)


def test_the_mix_is_the_sum_of_the_tracks_and_of_the_pairs_that_share_phase():
    dry = random_dry()
    raw, cross = np.asarray(dry.power), np.asarray(dry.cross)[0]
    after = powers_after(dry, nothing(dry))
    own = raw[:, :2].sum(axis=(0, 1))
    np.testing.assert_allclose(after["mix_power"], own + 2.0 * (cross[0, 0] + cross[1, 1]), rtol=1e-5)
    np.testing.assert_allclose(after["mix"][:2].sum(axis=0), np.asarray(after["mix_power"]).sum(axis=0), rtol=1e-4)
    np.testing.assert_allclose(after["mix_frames"][:2].sum(axis=0), after["mix_power"].sum(axis=1), rtol=1e-4)
    left_right = raw[:, 2].sum(axis=0) + cross[0, 1] + cross[1, 0]
    np.testing.assert_allclose(after["mix"][2], left_right.sum(axis=0), rtol=1e-3, atol=1e-6)


def test_zero_moves_are_inaudible():
    dry = random_dry()
    before, after = powers_after(dry, nothing(dry)), powers_after(dry, constrain(nothing(dry)))
    assert treatment_parts(constrain(nothing(dry)))["eq.low_cut"][0] > 10.0
    # only the low cut, at rest at 10.7 Hz, takes something off the lowest band: 0.01 dB at 30 Hz, more below
    assert np.abs(db(after["track"] / before["track"]))[..., 1:].max() < 0.01
    assert np.abs(db(after["mix_k"] / before["mix_k"])).max() < 0.01


def test_levels_and_rides_and_tone_and_dynamics_add_in_decibels():
    dry = four(MONO)
    flat = {"gain.level": 3.0, "gain.ride": 2.0, "eq.tone": -1.0, "dynamics.zone": -1.5}
    treatment = map_parts(lambda name, x: filled(x, flat.get(name, 0.0)), nothing(dry))
    change = db(powers_after(dry, treatment)["total"][0] / powers_after(dry, nothing(dry))["total"][0])
    # points of the tone curve, and zones, sum to one in every band
    np.testing.assert_allclose(change, sum(flat.values()), atol=1e-4)


@pytest.mark.parametrize("part", ["gain.level", "gain.ride", "eq.tone", "eq.low_cut", "dynamics.zone", "pan.position"])
def test_every_part_matters_and_changes_its_own_track_alone(part):
    dry = four(MONO, OTHER)
    treatment = map_parts(lambda name, x: x.at[0].set(50.0 if "." in part else 0) if name == part else x, nothing(dry))
    before, after = powers_after(dry, nothing(dry))["track"], powers_after(dry, treatment)["track"]
    assert np.abs(db(after[0, :2] / before[0, :2])).max() > 1.0
    np.testing.assert_array_equal(after[1], before[1])


def test_dynamics_in_one_zone_leave_bands_two_zones_away_alone():
    dry = four(MONO)
    treatment = nothing(dry)
    zones = treatment.dynamics.zone_db.at[0, 0].set(-6.0)
    treatment = replace(treatment, dynamics=treatment.dynamics._replace(zone_db=zones))
    change = db(powers_after(dry, treatment)["total"][0] / powers_after(dry, nothing(dry))["total"][0])
    centres = bands.band_centres_hz()
    np.testing.assert_allclose(change[:, centres < 60.0], -6.0, atol=0.5)
    np.testing.assert_allclose(change[:, centres > 1000.0], 0.0, atol=0.01)


def test_a_ride_is_linear_between_its_points():
    dry = four(MONO)
    treatment = nothing(dry)
    ride = treatment.gain.ride_db.at[0, 1].set(4.0)
    treatment = replace(treatment, gain=treatment.gain._replace(ride_db=ride))
    change = db(powers_after(dry, treatment)["total"][0] / powers_after(dry, nothing(dry))["total"][0])
    time_s = (np.arange(N_FRAMES) + 0.5) * FRAME_S
    expected = 4.0 * np.interp(time_s, [0.0, RIDE_S, 2.0 * RIDE_S], [0.0, 1.0, 0.0])
    np.testing.assert_allclose(change, np.repeat(expected[:, None], bands.N_BANDS, axis=1), atol=1e-3)


@pytest.mark.parametrize(
    ("position", "left_db", "right_db"),
    [(0.0, 0.0, 0.0), (-100.0, 3.01, None), (100.0, None, 3.01), (-50.0, 2.323, -5.333), (50.0, -5.333, 2.323)],
)
def test_positions_follow_the_sine_cosine_law_with_unity_at_the_centre(position, left_db, right_db):
    dry = four(MONO)
    change = db(powers_after(dry, with_part(dry, "pan.position", position))["track"][0] / MONO.sum(axis=1))
    for channel, expected in ((0, left_db), (1, right_db)):
        if expected is None:
            assert change[channel].max() < SILENT_DB
        else:
            # p = 0.25: 20 log10(sqrt 2 cos 22.5 degrees)
            np.testing.assert_allclose(change[channel], expected, atol=2e-3)


@pytest.mark.parametrize("position", [-88.0, -30.0, 0.0, 60.0])
def test_a_mono_track_has_the_same_power_at_every_position(position):
    dry = four(MONO)
    change = db(powers_after(dry, with_part(dry, "pan.position", position))["total"][0] / (2.0 * MONO[0]))
    np.testing.assert_allclose(change, 0.0, atol=1e-4)


def test_a_mono_track_stays_fully_correlated_at_every_position():
    dry = four(MONO)
    left, right, cross = np.asarray(powers_after(dry, with_part(dry, "pan.position", 40.0))["track"][0], np.float64)
    # in long-term sums: left and right are the same signal at two levels
    np.testing.assert_allclose(cross, np.sqrt(left * right), rtol=1e-4)


@pytest.mark.parametrize("width_db", [-24.0, -6.0, 3.0])
def test_width_does_nothing_to_a_mono_track(width_db):
    dry = four(MONO)
    after = powers_after(dry, with_part(dry, "pan.width", width_db))["track"]
    np.testing.assert_allclose(after, powers_after(dry, nothing(dry))["track"], rtol=1e-5)


def test_width_is_the_gain_of_the_side_signal_and_leaves_the_mid_alone():
    dry = four(STEREO)

    def mid_side(power):
        left, right, cross = np.asarray(power[0], np.float64)
        return (left + right) / 2.0 + cross, (left + right) / 2.0 - cross

    mid, side = mid_side(powers_after(dry, nothing(dry))["track"])
    mid_after, side_after = mid_side(powers_after(dry, with_part(dry, "pan.width", -6.0))["track"])
    np.testing.assert_allclose(db(mid_after / mid), 0.0, atol=1e-3)
    np.testing.assert_allclose(db(side_after / side), -6.0, atol=1e-3)


def test_identical_tracks_add_6_02_db_and_an_inverted_copy_leaves_nothing():
    same = np.broadcast_to(MONO[0], (2, 2, *MONO[0].shape))
    one = powers_after(four(MONO), nothing(four(MONO)))
    twice, cancelled = (four(MONO, MONO, pairs=((0, 1, sign * same),)) for sign in (1.0, -1.0))
    doubled = powers_after(twice, nothing(twice))
    np.testing.assert_allclose(db(doubled["mix_k"] / one["mix_k"]), 6.0206, atol=1e-3)
    np.testing.assert_allclose(db(doubled["mix"] / one["mix"]), 6.0206, atol=1e-3)
    silent = powers_after(cancelled, nothing(cancelled))
    # float32 leaves a ten-millionth
    assert np.abs(silent["mix_k"]).max() < 1e-6 * np.asarray(one["mix_k"]).max()
    assert np.abs(silent["mix_power"]).max() < 1e-6 * np.asarray(one["mix_power"]).max()


def test_tracks_that_share_nothing_add_3_01_db():
    dry = four(MONO, MONO)
    one = powers_after(four(MONO), nothing(four(MONO)))
    np.testing.assert_allclose(db(powers_after(dry, nothing(dry))["mix_k"] / one["mix_k"]), 3.0103, atol=1e-3)


def test_a_copy_6_db_down_adds_as_signals_do():
    same = np.broadcast_to(MONO[0], (2, 2, *MONO[0].shape))
    dry = four(MONO, MONO, pairs=((0, 1, same),))
    treatment = nothing(dry)
    level = treatment.gain.level_db.at[1].set(-6.0206)
    treatment = replace(treatment, gain=treatment.gain._replace(level_db=level))
    one = powers_after(four(MONO), nothing(four(MONO)))
    np.testing.assert_allclose(
        db(powers_after(dry, treatment)["mix_k"] / one["mix_k"]), 20.0 * np.log10(1.5), atol=1e-3
    )


def test_identical_tracks_panned_apart_share_no_channel():
    same = np.broadcast_to(MONO[0], (2, 2, *MONO[0].shape))
    dry = four(MONO, MONO, pairs=((0, 1, same),))
    positions = np.array([-100.0, 100.0, 0.0, 0.0])
    after = powers_after(dry, with_part(dry, "pan.position", positions))["mix"]
    # each alone in its channel at +3.01 dB, fully correlated across
    np.testing.assert_allclose(db(after / MONO.sum(axis=1)), 3.0103, atol=1e-3)


def test_gain_moves_the_mix_by_the_same_decibels():
    dry = random_dry()
    before, after = powers_after(dry, nothing(dry)), powers_after(dry, with_part(dry, "gain.level", 6.0))
    for reading in ("track", "mix", "mix_k", "mix_frames"):
        np.testing.assert_allclose(db(np.asarray(after[reading]) / before[reading]), 6.0, atol=1e-3)


def test_mirrored_tracks_and_positions_mirror_the_mix():
    dry = random_dry()
    treatment = random_treatment(dry)
    mirrored = replace(
        dry,
        power=dry.power[:, jnp.asarray([1, 0, 2])],
        power_k=dry.power_k[:, jnp.asarray([1, 0, 2])],
        cross=dry.cross[:, ::-1, ::-1],
    )
    flipped = replace(treatment, pan=treatment.pan._replace(position=-treatment.pan.position))
    before, after = powers_after(dry, treatment), powers_after(mirrored, flipped)
    np.testing.assert_allclose(after["mix"], np.asarray(before["mix"])[[1, 0, 2]], rtol=1e-3, atol=1e-8)
    np.testing.assert_allclose(after["mix_k"], before["mix_k"], rtol=1e-4)


def test_the_order_of_tracks_does_not_matter_to_the_mix():
    dry = random_dry()
    treatment = random_treatment(dry)
    order = jnp.asarray([2, 0, 3, 1])
    shuffled = replace(reordered(dry, order), pairs=jnp.asarray([[1, 3]], jnp.int32))
    other = map_parts(lambda name, x: x if name == "master.level" else x[order], treatment)
    np.testing.assert_allclose(powers_after(shuffled, other)["mix_k"], powers_after(dry, treatment)["mix_k"], rtol=1e-5)


def test_pooled_frames_are_means():
    dry = random_dry()
    pooled = pool(dry, 4)
    power = np.asarray(dry.power).reshape(4, 3, 6, 4, -1).mean(axis=3)
    np.testing.assert_allclose(pooled.power, power, rtol=1e-5)
    assert pooled.frame_s == pytest.approx(0.4)
    np.testing.assert_allclose(pooled.time_s[:2], [0.2, 0.6], atol=1e-6)


def test_a_flat_treatment_reads_the_same_pooled_or_not():
    dry = random_dry()
    static = map_parts(lambda name, x: x * 0.0 if name in ("gain.ride", "dynamics.zone") else x, random_treatment(dry))
    fine, coarse = (track_k(d, static) for d in (dry, pool(dry, 4)))
    np.testing.assert_allclose(coarse, np.asarray(fine).reshape(4, 6, 4).mean(axis=2), rtol=1e-4)
