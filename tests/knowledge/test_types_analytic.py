"""Every rule type against sounds whose answer is known beforehand.

Where no other reason is given, tolerances are a hundredth of a decibel or less: float32 sums over bands and frames.
"""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.signal import bands
from hybrid.testing.songs import LINE_HZ
from hybrid.treatment.parts import N_TONE, RIDE_S
from hybrid.treatment.types import treatment_parts
from tests.knowledge.made import (
    ANTIPHASE,
    LEFT,
    RIGHT,
    WIDE,
    Part,
    at_level,
    at_position,
    hear,
    pink,
    tone,
    white,
    with_tone,
)

LEAD = Part(pink(), role="vocal.lead", tags=("lead",))
REST = Part(pink(), role="guitar")
BRIGHT = pink(300.0, 8000.0)
"""Nothing that counts as low."""
HALF_LEFT_DB = 20.0 * np.log10(np.tan(np.pi / 8.0))
"""Right over left of a mono sound half way to the left, and side over mid as well: -7.66 dB."""


def _dB(value: float) -> object:  # noqa: N802
    return pytest.approx(value, abs=0.01)


# Loudness


def test_a_lead_as_loud_as_the_rest_reads_zero_and_six_decibels_more_read_six():
    song = hear("lead_to_rest_ratio", [LEAD, REST])
    assert song.value() == _dB(0.0)
    assert song.value(at_level(song.untouched, 6.0)) == _dB(6.0)
    assert song.value(at_level(song.untouched, 0.0, 6.0)) == _dB(-6.0)


@pytest.mark.parametrize("level_db", [-12.0, 0.0, 12.0])
def test_a_decibel_of_lead_is_a_decibel_over_the_rest_at_any_level(level_db: float):
    song = hear("lead_to_rest_ratio", [LEAD, REST])
    slope = song.climb(at_level(song.untouched, level_db)).gain.level_db
    assert slope[0] == pytest.approx(1.0, abs=1e-3)
    assert slope[1] == pytest.approx(-1.0, abs=1e-3)


def test_the_lead_is_judged_only_while_it_sounds():
    swelling = REST._replace(course=(1.0, 30.0))
    assert hear("lead_to_rest_ratio", [LEAD._replace(course=(1.0, 0.0)), swelling]).value() == _dB(0.0)


def test_a_lead_alone_is_not_compared_with_anything():
    assert not hear("lead_to_rest_ratio", [LEAD]).under().share.any()
    assert not hear("lead_to_rest_ratio", [REST]).under().share.any()


BUDGET = {"vocal.lead": -3.0, "drums": -4.5, "bass": -9.0}
ASKED = {"targets": {role: {"target": f"{level} LU", "tolerance": "1 LU"} for role, level in BUDGET.items()}}


def _band() -> list[Part]:
    return [Part(pink(), -20.0 + level, role=role) for role, level in BUDGET.items()]


def test_a_mix_after_the_budget_costs_nothing():
    song = hear("role_budget", _band(), ASKED)
    # the shares add up to -0.08 LU of a whole
    np.testing.assert_allclose(song.under().value, np.array([*BUDGET.values()]) + 0.08, atol=0.01)
    assert song.cost() == 0.0


def test_four_decibels_more_bass_move_the_bass_and_little_else():
    song = hear("role_budget", _band(), ASKED)
    moved = song.under(at_level(song.untouched, 0.0, 0.0, 4.0)).value - song.under().value
    assert moved[2] == pytest.approx(3.23, abs=0.01)  # 4 less what the whole gains: 0.77 LU
    np.testing.assert_allclose(moved[:2], -0.77, atol=0.01)
    assert song.cost(at_level(song.untouched, 0.0, 0.0, 4.0)) > 0.2


def test_a_part_split_over_two_tracks_keeps_its_share():
    halves = [*_band()[:2], *[_band()[2]._replace(level_db=-29.0 - 3.0103)] * 2]
    whole = hear("role_budget", _band(), ASKED).under().value
    np.testing.assert_allclose(hear("role_budget", halves, ASKED).under().value, whole, atol=0.01)


def test_each_of_two_equal_tracks_lies_three_decibels_below_the_mix():
    targets = {"targets": {"vocal": {"target": "-3 LU"}, "guitar": {"target": "-3 LU"}}}
    np.testing.assert_allclose(hear("role_budget", [LEAD, REST], targets).under().value, -3.01, atol=0.01)


def test_a_track_alone_is_audible_and_one_sixty_decibels_down_is_not():
    assert hear("audibility_floor", [REST]).value() == pytest.approx(1.0, abs=1e-3)
    song = hear("audibility_floor", [REST, REST])
    buried = at_level(song.untouched, -30.0, 30.0)
    assert song.value(buried) < 1e-3
    assert song.cost(buried) > 1.0


@pytest.mark.parametrize("down_db", [6.0, 20.0, 60.0])
def test_turning_up_a_covered_track_makes_it_audible(down_db: float):
    song = hear("audibility_floor", [REST, REST])
    slope = song.climb(at_level(song.untouched, -down_db / 2.0, down_db / 2.0)).gain.level_db
    assert slope[0] > 0.0 > slope[1]


def test_a_centred_tone_of_minus_twenty_decibels_reads_minus_seventeen_lufs():
    # BS.1770: a full-scale sine, -3.01 dB in each channel, reads 0 LUFS in both
    song = hear("integrated_loudness", [Part(tone(997.5), -20.0)])
    assert song.value() == pytest.approx(-16.99, abs=0.02)  # the band's mean weight
    assert song.climb().master.level_db == pytest.approx(1.0)


def test_two_equal_strangers_are_three_decibels_louder_than_one():
    both, one = (hear("integrated_loudness", [REST] * n).value() for n in (2, 1))
    assert both - one == _dB(3.01)


def test_the_peak_moves_with_the_output_level():
    peak, loudness = hear("true_peak", [REST]), hear("integrated_loudness", [REST])
    assert peak.value() - loudness.value() == _dB(float(peak.dry.peak_to_loudness_db))
    louder = replace(peak.untouched, master=peak.untouched.master._replace(level_db=jnp.asarray(3.0)))
    assert peak.value(louder) - peak.value() == _dB(3.0)


# Masking


def test_twins_do_not_cover_each_other_and_twelve_decibels_do():
    song = hear("masker_to_signal", [REST, REST], {"ceiling": "300 dB"})
    # an offset of 6 dB leaves the soft knee, 0.002 dB
    np.testing.assert_allclose(song.under().value[:2], 0.0, atol=0.01)
    covered = song.under(at_level(song.untouched, 0.0, 12.0)).value
    assert covered[0] == pytest.approx(6.0, abs=0.08)  # a ceiling of 300 dB takes 0.06 off
    assert covered[1] == _dB(0.0)


def test_covering_is_not_counted_beyond_the_ceiling():
    song = hear("masker_to_signal", [REST, REST], {"ceiling": "20 dB"})
    assert 19.0 < song.value(at_level(song.untouched, -36.0, 36.0)) <= 20.0


def test_distant_tones_do_not_cover_each_other_and_a_lower_neighbour_covers_more():
    far = hear("masker_to_signal", [Part(tone(1000.0)), Part(tone(4000.0))])
    np.testing.assert_allclose(far.under().value[:2], 0.0, atol=0.01)
    near = hear("masker_to_signal", [Part(tone(1000.0)), Part(tone(1250.0))], {"offset": "-10 dB"})
    below, above = near.under().value[:2]
    assert above > below + 1.0  # excitation spreads upwards


def test_muffling_the_masker_frees_what_it_covers():
    song = hear("masker_to_signal", [Part(pink(2000.0, 8000.0)), Part(pink(), 0.0)])
    dull = with_tone(song.untouched, 1, [0.0] * 6 + [-6.0] * 4)
    assert song.value(dull) < song.value() - 1.0


def test_riding_a_covered_track_down_does_not_uncover_it():
    song = hear("masker_to_signal", [REST, REST._replace(level_db=-8.0)])
    gain = song.untouched.gain
    dipped = gain._replace(ride_db=gain.ride_db.at[0, 1:].set(-6.0))
    assert song.value(replace(song.untouched, gain=dipped)) > song.value() + 1.0


def _pair(first: Part, second: Part, type_name: str = "spectral_overlap") -> float:
    """What the rule reads of tracks 0 and 1."""
    reading = hear(type_name, [first, second]).under()
    assert reading.share[1] == 1.0
    return float(reading.value[1])


def test_twins_overlap_wholly_and_distant_octaves_not_at_all():
    assert _pair(REST, REST) == pytest.approx(1.0, abs=1e-4)
    assert _pair(Part(pink(100.0, 200.0)), Part(pink(2000.0, 4000.0))) < 0.01


@pytest.mark.parametrize("level_db", [-20.0, 20.0])
def test_overlap_does_not_hear_levels(level_db: float):
    low, high = Part(pink(100.0, 2000.0)), Part(pink(500.0, 8000.0), -45.0)
    song = hear("spectral_overlap", [low, high])
    there = song.value(target=1)
    assert 0.2 < there < 0.9
    assert song.value(at_level(song.untouched, 0.0, level_db), target=1) == pytest.approx(there, abs=1e-3)


@pytest.mark.parametrize("type_name", ["spectral_overlap", "similar_apart"])
def test_tracks_that_take_turns_are_not_a_pair(type_name: str):
    turns = [Part(BRIGHT, course=(1.0, 0.0)), Part(BRIGHT, course=(0.0, 1.0))]
    assert not hear(type_name, turns).under().share.any()


def test_overlap_can_be_asked_of_two_groups_alone():
    parts = [LEAD, REST, REST]
    reading = hear("spectral_overlap", parts, {"for": {"tag": "lead"}, "against": {"role": "guitar"}}).under()
    pairs = np.argwhere(np.asarray(reading.share).reshape(4, 4))
    np.testing.assert_array_equal(pairs, [[0, 1], [0, 2]])


# Spectrum

FLAT = {"curve": {"100 Hz": "0 dB", "10 kHz": "0 dB"}, "tolerance": "0.5 dB"}


def test_pink_noise_lies_on_a_flat_curve_at_any_level():
    for level_db in (-10.0, -40.0):
        song = hear("long_term_spectrum", [Part(pink(), level_db)], FLAT)
        reading = song.under()
        inside = np.asarray(reading.share) > 0.0
        # triangles against the boxes whose widths are divided out: a few hundredths of a decibel
        np.testing.assert_allclose(np.asarray(reading.value)[inside], 0.0, atol=0.1)
        assert song.cost() == 0.0


def test_mid_and_side_have_spectra_of_their_own():
    # pink in the middle, white at the sides: 3 dB an octave apart
    parts = [Part(pink()), Part(white(), place=ANTIPHASE)]
    curve = {"40 Hz": "0 dB", "16 kHz": "0 dB"}
    alone = [hear("long_term_spectrum", [part], {"curve": curve}).under().value for part in parts]
    for signal, expected in zip(("mid", "side"), alone, strict=True):
        got = hear("long_term_spectrum", parts, {"curve": curve, "signal": signal}).under()
        # from band to band: where the mean lies depends on what is judged
        np.testing.assert_allclose(np.diff(got.value), np.diff(expected), atol=0.05)


def test_only_bands_between_the_corners_of_the_curve_are_judged_each_by_its_octaves():
    share = np.asarray(hear("long_term_spectrum", [REST], FLAT).under().share)
    centres = bands.band_centres_hz()
    np.testing.assert_array_equal(share > 0.0, (centres >= 100.0) & (centres <= 10000.0))
    # from 100 Hz to 10 kHz: 6.64 octaves, but for parts of a band at the ends
    assert share.sum() == pytest.approx(6.64, abs=0.3)


def test_pink_noise_under_a_falling_curve_reads_its_negative_tilt():
    falling = {"curve": {"100 Hz": "0 dB", "1600 Hz": "-8 dB"}}
    reading = hear("long_term_spectrum", [REST], falling).under()
    inside = np.asarray(reading.share) > 0.0
    octave = np.log2(bands.band_centres_hz()[inside])
    assert np.polyfit(octave, np.asarray(reading.value)[inside], 1)[0] == pytest.approx(2.0, abs=0.02)


def test_another_curve_is_data_and_reads_by_the_same_program():
    steep, gentle = (
        hear("long_term_spectrum", [REST], {"curve": {"100 Hz": "0 dB", high: "-8 dB"}})
        for high in ("1600 Hz", "8 kHz")
    )
    assert steep.objective.program == gentle.objective.program
    assert np.abs(np.asarray(steep.under().value - gentle.under().value)).max() > 1.0


def test_a_lifted_band_stands_out_and_asks_for_less_of_itself():
    song = hear("long_term_spectrum", [REST], FLAT)
    lifted = with_tone(song.untouched, 0, [0.0] * 5 + [6.0] + [0.0] * 4)
    value = np.asarray(song.under(lifted).value)
    top = int(np.argmax(value))
    assert value[top] > 4.0 and song.cost(lifted) > 0.1
    assert song.climb(lifted, top).eq.tone_db[0, 5] > 0.0


@pytest.mark.parametrize(("density", "tilt"), [(0.0, 3.01), (-3.0103, 0.0), (-5.0, -1.99)])
def test_a_density_of_so_many_decibels_per_octave_has_its_tilt(density: float, tilt: float):
    octave = np.log2(np.maximum(LINE_HZ, 20.0))
    spectrum = np.where(LINE_HZ > 20.0, 10.0 ** (density * octave / 10.0), 0.0)
    song = hear("spectral_tilt", [Part(spectrum / spectrum.sum())])
    assert song.value() == pytest.approx(tilt, abs=0.02)  # bands are wide where they are low


def test_a_rumble_on_a_voice_is_heard_and_only_the_low_cut_is_moved():
    voice = Part(0.9 * pink(200.0, 8000.0) + 0.1 * tone(40.0), role="vocal.lead")
    song = hear("low_energy_ratio", [voice], {"cutoff": {"vocal": "80 Hz"}})
    assert song.value() == pytest.approx(-10.0, abs=0.05) and song.cost() > 1.0
    eq = song.untouched.eq
    cut = replace(song.untouched, eq=eq._replace(low_cut_hz=eq.low_cut_hz.at[0].set(40.0)))
    # a tone at the corner keeps half its power: 0.05 of 0.95
    assert song.value(cut) == pytest.approx(-12.79, abs=0.05)
    moved = {part: np.any(slope) for part, slope in treatment_parts(song.climb(cut)).items()}
    assert [part for part in moved if moved[part]] == ["eq.low_cut"]
    assert song.climb(cut).eq.low_cut_hz[0] < 0.0


def test_a_role_without_a_corner_is_left_out():
    parts = [Part(tone(40.0), role="vocal.lead"), Part(tone(40.0), role="bass")]
    share = hear("low_energy_ratio", parts, {"cutoff": {"vocal": "80 Hz"}}).under().share
    np.testing.assert_array_equal(share, [1.0, 0.0, 0.0, 0.0])


# Space


def test_a_low_tone_half_way_to_one_side_has_its_side_energy():
    song = hear("side_energy", [Part(tone(60.0))], {"band": "20-120 Hz"})
    assert song.value(at_position(song.untouched, -50.0)) == _dB(HALF_LEFT_DB)
    assert song.value(at_position(song.untouched, 50.0)) == _dB(HALF_LEFT_DB)
    assert song.value() == pytest.approx(-100.0, abs=0.1)  # the floor of every level


def test_side_energy_is_that_of_its_band_alone():
    parts = [Part(tone(60.0)), Part(pink(1000.0, 4000.0), place=WIDE)]
    assert hear("side_energy", parts, {"band": "20-120 Hz"}).value() < -60.0
    assert hear("side_energy", parts, {"band": "500-8000 Hz"}).value() == _dB(0.0)


def test_narrowing_a_wide_track_takes_its_side_energy():
    song = hear("side_energy", [Part(pink(), place=WIDE)])
    pan = song.untouched.pan
    narrow = replace(song.untouched, pan=pan._replace(width_db=pan.width_db.at[0].set(-6.0)))
    assert song.value(narrow) == _dB(-6.0)


@pytest.mark.parametrize("position", [-88.0, -50.0, 0.0, 50.0, 88.0])
def test_a_mono_track_stands_where_it_is_put(position: float):
    song = hear("pan_position", [REST])
    there = at_position(song.untouched, position)
    assert song.value(there) == pytest.approx(position, abs=0.1)  # of 200 units
    assert song.climb(there).pan.position[0] == pytest.approx(1.0, abs=0.01)


def test_a_stereo_track_stands_where_its_energy_is():
    parts = [Part(pink(), place=LEFT), Part(pink(), place=WIDE), Part(pink(), place=RIGHT)]
    np.testing.assert_allclose(hear("pan_position", parts).under().value[:3], [-100.0, 0.0, 100.0], atol=0.1)


def test_a_mono_mix_half_way_to_the_left_leans_by_its_level_difference():
    song = hear("left_right_balance", [REST])
    assert song.value(at_position(song.untouched, -50.0)) == _dB(HALF_LEFT_DB)
    assert song.value(at_position(song.untouched, 50.0)) == _dB(-HALF_LEFT_DB)
    assert song.value() == _dB(0.0)


def test_twins_at_one_place_are_too_close_and_strangers_never():
    twins = Part(BRIGHT), Part(BRIGHT)
    assert _pair(*twins, "similar_apart") == pytest.approx(1.0, abs=1e-3)
    strangers = Part(pink(300.0, 600.0)), Part(pink(3000.0, 6000.0))
    assert _pair(*strangers, "similar_apart") < 0.01


def test_low_twins_may_share_the_centre():
    assert _pair(Part(pink(30.0, 100.0)), Part(pink(30.0, 100.0)), "similar_apart") < 0.01


def test_twins_push_each_other_apart():
    song = hear("similar_apart", [Part(BRIGHT), Part(BRIGHT)])
    close = at_position(song.untouched, -0.2, 0.2)
    slope = song.climb(close, target=1).pan.position
    assert slope[0] > 0.0 > slope[1]
    # a bell of 40 units: one standard deviation apart
    assert song.value(at_position(song.untouched, -20.0, 20.0), 1) == pytest.approx(np.exp(-0.5), abs=1e-3)


FOLDED = {"mono": ((1.0, 1.0, 1.0), 0.0), "uncorrelated": (WIDE, -3.01), "left": (LEFT, -3.01)}


@pytest.mark.parametrize("resolution", ["broadband", "bands"])
@pytest.mark.parametrize("name", FOLDED)
def test_folding_to_mono_takes_what_geometry_says(name: str, resolution: str):
    place, level_db = FOLDED[name]
    song = hear("mono_foldown", [Part(pink(), place=place)], {"resolution": resolution})
    assert song.value() == _dB(level_db)


@pytest.mark.parametrize("resolution", ["broadband", "bands"])
def test_antiphase_vanishes_in_mono(resolution: str):
    song = hear("mono_foldown", [Part(pink(), place=ANTIPHASE)], {"resolution": resolution})
    assert song.value() == pytest.approx(-100.0, abs=1.0)  # the floor of every level


def test_one_octave_in_antiphase_is_found_among_the_bands_only():
    parts = [Part(pink(), -10.0), Part(pink(2000.0, 4000.0), -10.0, ANTIPHASE)]
    assert hear("mono_foldown", parts).value() > -4.0
    assert hear("mono_foldown", parts, {"resolution": "bands"}).value() < -8.0


def test_one_track_in_antiphase_is_found_among_the_tracks_alone():
    parts = [Part(pink(), -6.0), Part(pink(), -30.0, ANTIPHASE)]
    for resolution in ("broadband", "bands"):
        assert hear("mono_foldown", parts, {"resolution": resolution}).value() > -0.2
    # 0 dB and the -30 dB that a lost track counts as: 15 dB about their mean
    assert hear("mono_foldown", parts, {"resolution": "tracks"}).value() == _dB(15.0)


def test_tracks_that_lose_alike_in_mono_keep_their_balance():
    parts = [Part(pink(), -6.0, WIDE), Part(pink(), -30.0, WIDE)]
    assert hear("mono_foldown", parts, {"resolution": "tracks"}).value() == _dB(0.0)


# Fidelity

EVERY_BAND = np.sum([tone(f) for f in bands.band_centres_hz()], axis=0) / bands.N_BANDS


def test_gain_alone_does_not_change_a_sound():
    song = hear("timbre_change", [REST, REST])
    louder = at_level(song.untouched, 12.0, -24.0)
    louder = with_tone(louder, 0, [3.0] * N_TONE)  # a flat tone curve is gain as well
    np.testing.assert_allclose(song.under(louder).value[:2], 0.0, atol=0.01)
    assert song.cost(louder) == 0.0


def test_a_straight_tone_curve_changes_a_sound_by_its_spread():
    song = hear("timbre_change", [Part(EVERY_BAND)])
    tilted = with_tone(song.untouched, 0, np.linspace(-3.0, 3.0, N_TONE).tolist())
    spread = np.std(np.linspace(-3.0, 3.0, bands.N_BANDS))
    assert song.value(tilted) == pytest.approx(spread, abs=0.05)  # tones are not quite at the centres


def test_a_change_where_the_track_has_nothing_is_not_heard():
    song = hear("timbre_change", [Part(pink(100.0, 400.0))])
    assert song.value(with_tone(song.untouched, 0, [0.0] * 8 + [6.0] * 2)) < 0.2


def test_standing_controls_do_not_move():
    song = hear("smooth_control", [REST])
    assert song.value(at_level(song.untouched, 12.0)) == 0.0


def test_a_ride_of_six_decibels_in_two_seconds_moves_at_three_decibels_per_second():
    song = hear("smooth_control", [REST])
    gain = song.untouched.gain
    ridden = gain._replace(ride_db=gain.ride_db.at[0, 1::2].set(3.0 * RIDE_S))
    assert song.value(replace(song.untouched, gain=ridden)) == pytest.approx(3.0, abs=0.01)


def test_the_fastest_zone_counts_while_the_track_sounds():
    song = hear("smooth_control", [REST, REST._replace(course=(1.0, 0.0))])
    dynamics = song.untouched.dynamics
    n_knots = dynamics.zone_db.shape[-1]
    climbing = -5.0 * song.untouched.knot_s * jnp.arange(n_knots)
    late = jnp.where(jnp.arange(n_knots) > n_knots * 0.7, -6.0, 0.0)
    zones = dynamics.zone_db.at[0, 2].set(climbing).at[1, 2].set(late)
    moved = replace(song.untouched, dynamics=dynamics._replace(zone_db=zones))
    np.testing.assert_allclose(song.under(moved).value[:2], [5.0, 0.0], atol=0.01)


def test_nothing_done_is_no_change_and_one_unit_of_a_control_is_one():
    song = hear("minimal_change", [REST, REST, REST])
    assert song.cost() == 0.0
    assert not any(np.any(slope) for slope in jax.tree.leaves(song.climb()))
    moved = at_position(at_level(song.untouched, 3.0, -3.0), 0.0, 20.0)
    np.testing.assert_allclose(song.under(moved).value[:3], [1.0, 2.0, 0.0], atol=1e-4)
