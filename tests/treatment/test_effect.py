"""What a treatment does to powers: laws whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.signal import bands
from hybrid.treatment import curves, effect
from hybrid.treatment.bounds import constrain
from hybrid.treatment.parts import RIDE_S
from hybrid.treatment.types import Dry, Treatment, map_parts, treatment_parts
from tests.treatment.made import (
    FRAME_S,
    N_FRAMES,
    dry_of,
    filled,
    mono,
    nothing,
    only,
    random_dry,
    random_mono,
    random_moves,
    random_stereo,
    random_treatment,
)

EVEN = jnp.ones(N_FRAMES)
SILENT_DB = -90.0


@jax.jit
def heard(dry: Dry, treatment: Treatment) -> dict[str, jax.Array]:
    """Powers after the treatment, the ways that rules read them."""
    layer = effect.treated(dry, treatment)
    frames = jnp.broadcast_to(EVEN, (dry.power.shape[0], N_FRAMES))
    return {
        "track": effect.over_time(layer, frames),
        "total": effect.total(layer),
        "total_k": effect.total_k(layer),
        "mix": effect.mix_over_time(layer, EVEN),
        "mix_frames": effect.mix_over_bands(layer, jnp.ones(bands.N_BANDS)),
        "mix_total": effect.mix_total(layer),
        "mix_k": jnp.sum(effect.total_k(layer), axis=0) + jnp.sum(effect.pair_k(layer), axis=0),
    }


@jax.jit
def track_k(dry: Dry, treatment: Treatment) -> jax.Array:
    return effect.total_k(effect.treated(dry, treatment))


def db(ratio) -> np.ndarray:
    return 10.0 * np.log10(np.maximum(np.asarray(ratio, np.float64), 1e-12))


def with_part(dry: Dry, part: str, value: float | np.ndarray) -> Treatment:
    """A treatment that does nothing but for one part."""
    return only(nothing(dry), part, value)


def four(*tracks: np.ndarray, pairs=()) -> Dry:
    """The tracks, and silent ones up to four: one shape, one program."""
    silent = [np.zeros_like(tracks[0])] * (4 - len(tracks))
    no_pair = (3, 3, np.zeros((2, 2, *tracks[0].shape[1:])))
    return dry_of(np.stack([*tracks, *silent]), tuple(pairs) or (no_pair,))


GENERATOR = np.random.default_rng(0)
MONO, OTHER = random_mono(GENERATOR), random_mono(GENERATOR)
STEREO = random_stereo(GENERATOR)


def test_the_neutral_treatment_changes_nothing():
    dry = random_dry()
    raw = np.asarray(dry.power)
    after = heard(dry, nothing(dry))
    np.testing.assert_allclose(after["track"], raw.sum(axis=2), rtol=1e-5)
    np.testing.assert_allclose(after["total"], raw[:, :2].sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(after["total_k"], np.asarray(dry.power_k)[:, :2].sum(axis=(1, 3)), rtol=1e-5)


def test_the_mix_is_the_tracks_and_what_pairs_that_share_phase_add():
    dry = random_dry()
    raw, cross = np.asarray(dry.power), np.asarray(dry.cross)[0]
    after = heard(dry, nothing(dry))
    own = raw[:, :2].sum(axis=(0, 1))
    np.testing.assert_allclose(after["mix_total"], own + 2.0 * (cross[0, 0] + cross[1, 1]), rtol=1e-5)
    np.testing.assert_allclose(after["mix"][:2].sum(axis=0), np.asarray(after["mix_total"]).sum(axis=0), rtol=1e-4)
    np.testing.assert_allclose(after["mix_frames"][:2].sum(axis=0), after["mix_total"].sum(axis=1), rtol=1e-4)
    left_right = raw[:, 2].sum(axis=0) + cross[0, 1] + cross[1, 0]
    np.testing.assert_allclose(after["mix"][2], left_right.sum(axis=0), rtol=1e-3, atol=1e-6)


def test_zero_moves_are_inaudible():
    dry = random_dry()
    before, after = heard(dry, nothing(dry)), heard(dry, constrain(nothing(dry)))
    assert treatment_parts(constrain(nothing(dry)))["eq.low_cut"][0] > 10.0
    # only the low cut, at rest at 10.7 Hz, takes something off the lowest band: 0.01 dB at 30 Hz, more below
    assert np.abs(db(after["track"] / before["track"]))[..., 1:].max() < 0.01
    assert np.abs(db(after["mix_k"] / before["mix_k"])).max() < 0.01


def test_levels_and_rides_and_tone_and_dynamics_add_in_decibels():
    dry = four(MONO)
    flat = {"gain.level": 3.0, "gain.ride": 2.0, "eq.tone": -1.0, "dynamics.zone": -1.5}
    treatment = map_parts(lambda name, x: filled(x, flat.get(name, 0.0)), nothing(dry))
    change = db(heard(dry, treatment)["total"][0] / heard(dry, nothing(dry))["total"][0])
    # points of the tone curve, and zones, sum to one in every band
    np.testing.assert_allclose(change, sum(flat.values()), atol=1e-4)


@pytest.mark.parametrize("part", ["gain.level", "gain.ride", "eq.tone", "eq.low_cut", "dynamics.zone", "pan.position"])
def test_every_part_matters_and_changes_its_own_track_alone(part):
    dry = four(MONO, OTHER)
    treatment = map_parts(lambda name, x: x.at[0].set(50.0 if "." in part else 0) if name == part else x, nothing(dry))
    before, after = heard(dry, nothing(dry))["track"], heard(dry, treatment)["track"]
    assert np.abs(db(after[0, :2] / before[0, :2])).max() > 1.0
    np.testing.assert_array_equal(after[1], before[1])


def test_dynamics_in_one_zone_leave_bands_two_zones_away_alone():
    dry = four(MONO)
    treatment = nothing(dry)
    zones = treatment.dynamics.zone_db.at[0, 0].set(-6.0)
    treatment = replace(treatment, dynamics=treatment.dynamics._replace(zone_db=zones))
    change = db(heard(dry, treatment)["total"][0] / heard(dry, nothing(dry))["total"][0])
    centres = bands.band_centres_hz()
    np.testing.assert_allclose(change[:, centres < 60.0], -6.0, atol=0.5)
    np.testing.assert_allclose(change[:, centres > 1000.0], 0.0, atol=0.01)


def test_a_ride_is_read_off_with_straight_lines_between_its_points():
    dry = four(MONO)
    treatment = nothing(dry)
    ride = treatment.gain.ride_db.at[0, 1].set(4.0)
    treatment = replace(treatment, gain=treatment.gain._replace(ride_db=ride))
    change = db(heard(dry, treatment)["total"][0] / heard(dry, nothing(dry))["total"][0])
    time_s = (np.arange(N_FRAMES) + 0.5) * FRAME_S
    expected = 4.0 * np.interp(time_s, [0.0, RIDE_S, 2.0 * RIDE_S], [0.0, 1.0, 0.0])
    np.testing.assert_allclose(change, np.repeat(expected[:, None], bands.N_BANDS, axis=1), atol=1e-3)


@pytest.mark.parametrize(
    ("position", "left_db", "right_db"),
    [(0.0, 0.0, 0.0), (-100.0, 3.01, None), (100.0, None, 3.01), (-50.0, 2.323, -5.333), (50.0, -5.333, 2.323)],
)
def test_positions_follow_the_sine_cosine_law_with_unity_at_the_centre(position, left_db, right_db):
    dry = four(MONO)
    change = db(heard(dry, with_part(dry, "pan.position", position))["track"][0] / MONO.sum(axis=1))
    for channel, expected in ((0, left_db), (1, right_db)):
        if expected is None:
            assert change[channel].max() < SILENT_DB
        else:
            # p = 0.25: 20 log10(sqrt 2 cos 22.5 degrees)
            np.testing.assert_allclose(change[channel], expected, atol=2e-3)


@pytest.mark.parametrize("position", [-88.0, -30.0, 0.0, 60.0])
def test_a_mono_track_keeps_its_power_wherever_it_stands(position):
    dry = four(MONO)
    change = db(heard(dry, with_part(dry, "pan.position", position))["total"][0] / (2.0 * MONO[0]))
    np.testing.assert_allclose(change, 0.0, atol=1e-4)


def test_a_mono_track_stays_fully_correlated_wherever_it_stands():
    dry = four(MONO)
    left, right, cross = np.asarray(heard(dry, with_part(dry, "pan.position", 40.0))["track"][0], np.float64)
    # in long-term sums: left and right are the same signal at two levels
    np.testing.assert_allclose(cross, np.sqrt(left * right), rtol=1e-4)


@pytest.mark.parametrize("width_db", [-24.0, -6.0, 3.0])
def test_width_does_nothing_to_a_mono_track(width_db):
    dry = four(MONO)
    after = heard(dry, with_part(dry, "pan.width", width_db))["track"]
    np.testing.assert_allclose(after, heard(dry, nothing(dry))["track"], rtol=1e-5)


def test_width_is_the_gain_of_the_side_signal_and_leaves_the_mid_alone():
    dry = four(STEREO)

    def mid_side(power):
        left, right, cross = np.asarray(power[0], np.float64)
        return (left + right) / 2.0 + cross, (left + right) / 2.0 - cross

    mid, side = mid_side(heard(dry, nothing(dry))["track"])
    mid_after, side_after = mid_side(heard(dry, with_part(dry, "pan.width", -6.0))["track"])
    np.testing.assert_allclose(db(mid_after / mid), 0.0, atol=1e-3)
    np.testing.assert_allclose(db(side_after / side), -6.0, atol=1e-3)


def test_low_cut_is_3_db_down_at_its_corner_and_falls_by_18_db_per_octave():
    gain = curves.low_cut_db(jnp.asarray([80.0]), jnp.asarray([80.0, 20.0, 10.0, 8000.0]))[0]
    assert float(gain[0]) == pytest.approx(-3.01, abs=0.01)
    assert float(gain[1] - gain[2]) == pytest.approx(18.06, abs=0.02)
    assert float(gain[3]) == pytest.approx(0.0, abs=1e-5)


def test_a_low_cut_that_is_off_takes_nothing():
    assert not np.asarray(curves.low_cut_db(jnp.zeros(1), jnp.asarray([1.0, 30.0]))).any()


def test_low_cut_in_a_band_is_that_of_the_sound_in_it():
    """A band from 30 to 92 Hz with only a tone at 60 Hz in it, or only one at 40 Hz."""
    dry = four(MONO, MONO)
    low = np.zeros(dry.low_power.shape, np.float32)
    low[0, 6] = low[1, 4] = 1e-3  # bins of 10 Hz
    dry = replace(dry, low_power=jnp.asarray(low))
    gain = np.asarray(curves.low_cut_band_db(jnp.full(4, 60.0), dry.low_power, dry.low_hz))
    band = int(np.argmin(np.abs(bands.band_centres_hz() - 60.0)))
    assert gain[0, band] == pytest.approx(-3.01, abs=0.01)
    assert gain[1, band] == pytest.approx(-10.0 * np.log10(1.0 + 1.5**6), abs=0.01)
    assert gain[2].tolist() == [0.0] * bands.N_BANDS


def test_k_weighted_power_counts_more_of_what_a_low_cut_leaves():
    """One band with tones at 40 and 80 Hz of equal power, of which the K-weighting counts a quarter and a half."""
    dry = four(MONO)
    low, low_k = np.zeros(dry.low_power.shape, np.float32), np.ones(len(dry.low_hz), np.float32)
    low[0, [4, 8]], low_k[[4, 8]] = 1e-3, (0.25, 0.5)  # bins of 10 Hz
    dry = replace(dry, low_power=jnp.asarray(low), low_k=jnp.asarray(low_k))
    layer = effect.treated(dry, only(nothing(dry), "eq.low_cut", 60.0))
    tones_hz = np.array([40.0, 80.0])
    band = int(np.argmin(np.abs(bands.band_centres_hz() - 60.0)))
    share = bands.band_weights(tones_hz)[:, band]
    cut = 1.0 / (1.0 + (60.0 / tones_hz) ** 6)
    plain, weighted = ((share * k * cut).sum() / (share * k).sum() for k in (np.ones(2), np.array([0.25, 0.5])))
    assert float(layer.gain[0, 0, band]) == pytest.approx(plain, rel=1e-3)
    assert float(layer.gain[0, 0, band] * layer.gain_k[0, band]) == pytest.approx(weighted, rel=1e-3)


def test_identical_tracks_add_6_02_db_and_an_inverted_copy_leaves_nothing():
    same = np.broadcast_to(MONO[0], (2, 2, *MONO[0].shape))
    one = heard(four(MONO), nothing(four(MONO)))
    twice, cancelled = (four(MONO, MONO, pairs=[(0, 1, sign * same)]) for sign in (1.0, -1.0))
    doubled = heard(twice, nothing(twice))
    np.testing.assert_allclose(db(doubled["mix_k"] / one["mix_k"]), 6.0206, atol=1e-3)
    np.testing.assert_allclose(db(doubled["mix"] / one["mix"]), 6.0206, atol=1e-3)
    gone = heard(cancelled, nothing(cancelled))
    # float32 leaves a ten-millionth
    assert np.abs(gone["mix_k"]).max() < 1e-6 * np.asarray(one["mix_k"]).max()
    assert np.abs(gone["mix_total"]).max() < 1e-6 * np.asarray(one["mix_total"]).max()


def test_tracks_that_share_nothing_add_3_01_db():
    dry = four(MONO, MONO)
    one = heard(four(MONO), nothing(four(MONO)))
    np.testing.assert_allclose(db(heard(dry, nothing(dry))["mix_k"] / one["mix_k"]), 3.0103, atol=1e-3)


def test_a_copy_6_db_down_adds_as_signals_do():
    same = np.broadcast_to(MONO[0], (2, 2, *MONO[0].shape))
    dry = four(MONO, MONO, pairs=[(0, 1, same)])
    treatment = nothing(dry)
    level = treatment.gain.level_db.at[1].set(-6.0206)
    treatment = replace(treatment, gain=treatment.gain._replace(level_db=level))
    one = heard(four(MONO), nothing(four(MONO)))
    np.testing.assert_allclose(db(heard(dry, treatment)["mix_k"] / one["mix_k"]), 20.0 * np.log10(1.5), atol=1e-3)


def test_identical_tracks_panned_apart_share_no_channel():
    same = np.broadcast_to(MONO[0], (2, 2, *MONO[0].shape))
    dry = four(MONO, MONO, pairs=[(0, 1, same)])
    positions = np.array([-100.0, 100.0, 0.0, 0.0])
    after = heard(dry, with_part(dry, "pan.position", positions))["mix"]
    # each alone in its channel at +3.01 dB, fully correlated across
    np.testing.assert_allclose(db(after / MONO.sum(axis=1)), 3.0103, atol=1e-3)


def test_gain_moves_the_mix_by_the_same_decibels():
    dry = random_dry()
    before, after = heard(dry, nothing(dry)), heard(dry, with_part(dry, "gain.level", 6.0))
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
    before, after = heard(dry, treatment), heard(mirrored, flipped)
    np.testing.assert_allclose(after["mix"], np.asarray(before["mix"])[[1, 0, 2]], rtol=1e-3, atol=1e-8)
    np.testing.assert_allclose(after["mix_k"], before["mix_k"], rtol=1e-4)


def test_the_order_of_tracks_does_not_matter_to_the_mix():
    dry = random_dry()
    treatment = random_treatment(dry)
    order = jnp.asarray([2, 0, 3, 1])
    moved = {name: getattr(dry, name)[order] for name in ("power", "power_k", "active", "low_power")}
    shuffled = replace(dry, pairs=jnp.asarray([[1, 3]], jnp.int32), **moved)
    other = map_parts(lambda name, x: x if name == "master.level" else x[order], treatment)
    np.testing.assert_allclose(heard(shuffled, other)["mix_k"], heard(dry, treatment)["mix_k"], rtol=1e-5)


def test_pooled_frames_are_means():
    dry = random_dry()
    pooled = effect.pool(dry, 4)
    power = np.asarray(dry.power).reshape(4, 3, 6, 4, -1).mean(axis=3)
    np.testing.assert_allclose(pooled.power, power, rtol=1e-5)
    assert pooled.frame_s == pytest.approx(0.4)
    np.testing.assert_allclose(pooled.time_s[:2], [0.2, 0.6], atol=1e-6)


def test_a_flat_treatment_reads_the_same_pooled_or_not():
    dry = random_dry()
    static = map_parts(lambda name, x: x * 0.0 if name in ("gain.ride", "dynamics.zone") else x, random_treatment(dry))
    fine, coarse = (track_k(d, static) for d in (dry, effect.pool(dry, 4)))
    np.testing.assert_allclose(coarse, np.asarray(fine).reshape(4, 6, 4).mean(axis=2), rtol=1e-4)


SONGS = {
    "silence": dry_of(np.zeros((2, 3, 3, bands.N_BANDS)), ((0, 1, np.zeros((2, 2, 3, bands.N_BANDS))),)),
    "cancelling pair": dry_of(
        np.stack([mono(MONO[0, :3])] * 2), ((0, 1, -np.broadcast_to(MONO[0, :3], (2, 2, *MONO[0, :3].shape))),)
    ),
    "one track": dry_of(
        np.stack([random_dry(1, 3).power[0], np.zeros((3, 3, bands.N_BANDS))]),
        ((1, 1, np.zeros((2, 2, 3, bands.N_BANDS))),),
    ),
    "0.3 s": random_dry(2, 3),
    "many tracks": random_dry(60, 3),
}


def reading_db(dry: Dry, unconstrained: Treatment) -> jax.Array:
    """A smooth number that depends on every part: levels of tracks and mix."""
    layer = effect.treated(dry, constrain(unconstrained))
    powers = (effect.total_k(layer), effect.mix_total(layer), effect.mix_over_time(layer, jnp.ones(dry.time_s.shape)))
    return sum(jnp.mean(10.0 * jnp.log10(jnp.maximum(p, 0.0) + 1e-8)) for p in powers)


@jax.jit
def slopes(dry: Dry, unconstrained: Treatment, direction: Treatment) -> tuple[Treatment, jax.Array, jax.Array]:
    """The gradient, its slope in a direction, and the same from central differences."""
    step = 1e-5
    gradient = jax.grad(reading_db, argnums=1)(dry, unconstrained)
    ends = jnp.asarray([step, -step])
    ahead, behind = jax.vmap(lambda s: reading_db(dry, jax.tree.map(lambda m, d: m + s * d, unconstrained, direction)))(
        ends
    )
    parts = zip(jax.tree.leaves(gradient), jax.tree.leaves(direction), strict=True)
    return gradient, sum(jnp.vdot(g, d) for g, d in parts), (ahead - behind) / (2.0 * step)


@pytest.mark.parametrize("dry", SONGS.values(), ids=SONGS)
def test_gradients_are_finite_and_equal_to_finite_differences_in_float64(dry):
    def wide(tree):
        return jax.tree.map(lambda x: x if x.dtype == np.int32 else jnp.asarray(np.asarray(x, np.float64)), tree)

    with jax.enable_x64(True):
        gradient, slope, differences = slopes(wide(dry), wide(random_moves(dry, 1)), wide(random_moves(dry, 2)))
    assert all(np.isfinite(g).all() for g in treatment_parts(gradient).values())
    # central differences are good to the square of their step, and to rounding over it
    assert float(slope) == pytest.approx(float(differences), rel=1e-5, abs=1e-6)
