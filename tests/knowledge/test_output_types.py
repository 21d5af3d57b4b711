"""Output, spectrum and space types against sounds whose answer is known beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from hybrid.testing.songs import LINE_HZ, objective_of
from tests.knowledge.made import (
    ANTIPHASE,
    LEFT,
    RIGHT,
    RULES,
    WIDE,
    Heard,
    Part,
    at_level,
    at_position,
    dry_of,
    hear,
    pink,
    rule_of,
    song_of,
    tone,
    with_tone,
)

VOICE = Part(pink(), role="vocal.lead", tags=("lead",))
BASS = Part(pink(), role="bass")
GUITAR = Part(pink(), role="guitar")


def _dB(value: float) -> object:  # noqa: N802
    return pytest.approx(value, abs=0.02)


def _long(type_name: str, part: Part, written: dict[str, str] | None = None) -> Heard:
    """100 s of one part, in which programmes of the standards have their room."""
    n_frames = 1000
    dry = dry_of([part], n_frames=n_frames)
    rule = rule_of(type_name, {**RULES[type_name][0], **(written or {})})
    return Heard(objective_of([rule], song_of([part], n_frames), dry), dry)


def _steps(*levels_db: float) -> tuple[float, ...]:
    return tuple(10.0 ** (level / 10.0) for level in levels_db)


@pytest.mark.parametrize(
    ("levels_db", "range_lu"),
    [((-20, -30), 10.0), ((-20, -15), 5.0), ((-40, -20), 20.0), ((-50, -35, -20, -35, -50), 15.0)],
)
def test_programmes_of_ebu_tech_3342_have_their_range(levels_db: tuple[int, ...], range_lu: float):
    # the standard allows 1 LU
    assert _long("loudness_range", Part(tone(1000.0), 0.0, course=_steps(*levels_db))).value() == pytest.approx(
        range_lu, abs=0.1
    )


def test_a_song_that_is_too_short_has_no_range():
    steps = Part(tone(1000.0), 0.0, course=_steps(-20, -30))
    assert _long("loudness_range", steps, {"shortest": "99 s"}).under().share.all()
    assert not _long("loudness_range", steps, {"shortest": "101 s"}).under().share.any()


def test_a_range_within_a_section_does_not_hear_the_louder_one_before():
    steps = Part(tone(1000.0), 0.0, course=_steps(-10, -30))
    within = _long("loudness_range", steps, {"when": {"from": "50 s"}})
    assert within.value() == pytest.approx(0.0, abs=0.01)


def test_a_peak_over_loudness_is_that_of_the_raw_sum_at_any_level():
    song = hear("peak_to_loudness", [VOICE, GUITAR])
    for treatment in (song.untouched, at_level(song.untouched, 6.0)):
        assert song.value(treatment) == _dB(float(song.dry.peak_to_loudness_db))


def test_peaks_stand_over_their_short_term_loudness_where_they_do_so_least():
    song = _long("peak_to_short_term", Part(tone(1000.0), -20.0))
    loudness = hear("integrated_loudness", [Part(tone(1000.0), -20.0)]).value()
    assert song.value() == _dB(-20.0 - loudness)  # peaks of these songs are at -20 dBFS throughout
    click = replace(song.dry, peak=song.dry.peak.at[5].set(1.0))
    assert song._replace(dry=click).value() == _dB(song.value())
    assert song.value(at_level(song.untouched, 6.0)) == _dB(song.value())


def test_the_share_of_a_song_in_which_peaks_stand_out_least_can_be_asked_for():
    swelling = Part(tone(1000.0), -20.0, course=(1.0, 10.0))
    few, all_of_it = (_long("peak_to_short_term", swelling, {"share": share}).value() for share in ("5 %", "100 %"))
    # 10 dB louder in the second half, with the same peaks
    assert all_of_it - few == pytest.approx(5.0, abs=0.3)


# Spectrum


def test_an_owner_of_half_a_band_reads_zero_and_of_twice_the_amplitude_six():
    song = hear("band_ownership", [BASS, GUITAR])
    assert song.value() == _dB(0.0)
    assert song.value(at_level(song.untouched, 6.0206)) == _dB(6.02)
    assert (song.climb().eq.tone_db[0] >= -1e-3).any() and song.climb().eq.tone_db[0].sum() > 0.5
    assert song.climb().eq.tone_db[1].sum() < -0.5


def test_a_band_is_owned_while_its_owner_sounds_and_only_within_it():
    half = GUITAR._replace(course=(1.0, 100.0))
    assert hear("band_ownership", [BASS._replace(course=(1.0, 0.0)), half]).value() == _dB(0.0)
    treble = GUITAR._replace(spectrum=pink(1000.0, 8000.0))
    assert hear("band_ownership", [BASS, treble]).value() > 40.0
    assert hear("band_ownership", [BASS, treble], {"band": "2-4 kHz"}).value() < 0.0


def test_no_straight_slope_sticks_out_and_a_lifted_region_does():
    inside = (LINE_HZ >= 200.0) & (LINE_HZ <= 400.0)
    for slope in (-1.0, 0.0, 0.5):
        tilted = pink() * np.maximum(LINE_HZ, 20.0) ** slope
        # within a wide band the triangle of a steep spectrum is not symmetrical
        assert hear("region_excess", [VOICE._replace(spectrum=tilted / tilted.sum())]).value() == pytest.approx(
            0, abs=0.15
        )
    lifted = VOICE._replace(spectrum=pink() * np.where(inside, 10.0**0.8, 1.0))
    # bands at the borders share what was lifted with the neighbours
    assert hear("region_excess", [lifted]).value() == pytest.approx(7.2, abs=0.1)
    assert abs(hear("region_excess", [lifted], {"band": "2.5-5 kHz"}).value()) < 0.1


def test_a_region_that_sticks_out_is_cut_and_its_neighbours_are_not_lifted():
    slope = hear("region_excess", [VOICE]).climb().eq.tone_db[0]
    assert slope[1:3].sum() > 0.5 and abs(float(slope[7:].sum())) < 0.01


@pytest.mark.parametrize("type_name", ["region_excess", "side_energy", "return_band", "band_ownership"])
def test_a_band_that_lies_between_all_measured_ones_is_refused(type_name: str):
    with pytest.raises(ValidationError, match="lies between two of the bands"):
        rule_of(type_name, {**RULES[type_name][0], "band": "200-201 Hz"})


def test_a_voice_hisses_more_by_what_its_treble_is_lifted():
    song = hear("sibilance", [VOICE])
    assert song.value() == _dB(0.0)
    assert song.value(at_level(song.untouched, 6.0)) == _dB(0.0)
    assert song.value(with_tone(song.untouched, 0, (0.0,) * 7 + (4.0, 4.0, 0.0))) == pytest.approx(4.0, abs=0.7)
    slope = song.climb().eq.tone_db[0]
    assert slope[7:9].sum() > 0.5 and slope[2:6].sum() < -0.5


def test_hiss_is_judged_where_it_is_sharpest():
    fast = Part(pink(), role="vocal.lead", course=(1.0, 3.0))
    song = hear("sibilance", [fast])
    late = np.asarray(song.untouched.dynamics.zone_db).copy()
    late[0, 3, :8] = 3.0  # the first half of the song, above 5 kHz
    up = replace(song.untouched, dynamics=song.untouched.dynamics._replace(zone_db=late))
    few, most = (hear("sibilance", [fast], {"share": share}).value(up) for share in ("5 %", "100 %"))
    assert few > 1.5 * most > 0.0


def test_the_low_end_is_what_lies_below_120_hz_over_what_lies_up_to_2_khz():
    low, mid, high = (Part(tone(hz), -20.0) for hz in (50.0, 500.0, 8000.0))
    song = hear("low_end_budget", [low, mid, high])
    # the triangle of the band at 111 Hz reaches a little below 120 Hz, and the tones are far from it
    assert song.value() == pytest.approx(0.0, abs=0.1)
    assert song.value(at_level(song.untouched, 3.0, -3.0, 10.0)) == pytest.approx(6.0, abs=0.1)
    slope = song.climb().gain.level_db
    assert slope[0] == pytest.approx(1.0, abs=0.05) and slope[1] == pytest.approx(-1.0, abs=0.05)
    assert abs(float(slope[2])) < 0.01


# Space


@pytest.mark.parametrize(
    ("place", "position", "share"),
    [((1.0, 1.0, 1.0), 0.0, 0.0), (WIDE, 0.0, 0.5), (ANTIPHASE, 0.0, 1.0), ((1.0, 1.0, 1.0), -50.0, 0.1464)],
)
def test_width_by_frequency_follows_geometry(place: tuple[float, float, float], position: float, share: float):
    song = hear("width_by_frequency", [VOICE._replace(place=place)])
    moved = at_position(song.untouched, position)
    np.testing.assert_allclose(song.under(moved).value, share, atol=1e-3)


def test_every_band_of_width_is_judged_by_itself_and_an_empty_one_not_at_all():
    song = hear("width_by_frequency", [Part(pink(20.0, 60.0)), Part(pink(700.0, 1500.0), place=WIDE)])
    np.testing.assert_allclose(song.under().value, [0.0, 0.5], atol=2e-3)
    assert hear("width_by_frequency", [Part(tone(60.0))]).under().share.tolist() == [1.0, 0.0]
    assert song.climb(target=1).pan.width_db[1] > 0.0


def test_a_region_that_leans_is_found_among_those_that_do_not():
    song = hear("band_balance", [Part(pink(3000.0, 4500.0), place=LEFT), Part(pink(300.0, 18000.0))])
    value, share = (np.asarray(x) for x in song.under()[:2])
    assert share.all() and value[2] < -3.0
    np.testing.assert_allclose(value[[0, 4]], 0.0, atol=0.05)
    assert song.climb(target=2).pan.position[1] > 0.0


def test_regions_may_be_asked_to_lean():
    parts = [Part(pink(3000.0, 4500.0), place=LEFT), Part(pink(300.0, 18000.0))]
    plain = hear("band_balance", parts)
    leans_db = float(plain.under().value[2])
    asked = hear("band_balance", parts, {"at": {"3.65 kHz": f"{leans_db:.2f} dB"}})
    assert plain.cost() > 0.0 == asked.cost()
    # limits alone: what is measured, and the program, are the same
    np.testing.assert_array_equal(asked.under().value, plain.under().value)
    assert asked.objective.program == plain.objective.program


def test_other_widths_are_asked_for_by_the_same_program():
    widths = ({"20-120 Hz": "0 to 1", "500-2000 Hz": share} for share in ("0 to 0.1", "0.4 to 0.6"))
    narrow, wide = (hear("width_by_frequency", [VOICE._replace(place=WIDE)], {"widths": each}) for each in widths)
    assert narrow.objective.program == wide.objective.program
    assert narrow.cost() > 0.0 == wide.cost()


def test_every_region_of_a_mono_song_leans_by_its_level_difference():
    song = hear("band_balance", [VOICE])
    np.testing.assert_allclose(song.under(at_position(song.untouched, -50.0)).value, -7.66, atol=0.01)


def test_a_region_with_too_little_in_it_is_left_out():
    parts = [Part(pink(300.0, 1000.0), -10.0), Part(tone(7750.0), -30.0, RIGHT)]
    assert hear("band_balance", parts).under().share.tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert hear("band_balance", parts, {"floor": "0.1 %"}).under().share[3] == 1.0


PAIR = [GUITAR, VOICE, GUITAR]
FIRST_AND_THIRD = 2
"""Of four tracks' sixteen pairs, row by row."""


@pytest.mark.parametrize(
    ("first", "second", "reads"), [(-50, 50, 0.5), (0, 0, 0.0), (-80, 80, 0.8), (50, 50, -0.5), (0, 80, 0.0)]
)
def test_doubles_stand_apart_by_their_distance_less_their_lean(first: float, second: float, reads: float):
    song = hear("pair_spread", PAIR)
    moved = song.under(at_position(song.untouched, first, 0.0, second))
    assert np.flatnonzero(moved.share).tolist() == [FIRST_AND_THIRD]
    assert float(moved.value[FIRST_AND_THIRD]) == pytest.approx(reads, abs=1e-3)


def test_doubles_push_each_other_to_opposite_sides():
    song = hear("pair_spread", PAIR)
    slope = song.climb(at_position(song.untouched, -20.0, 0.0, 10.0), FIRST_AND_THIRD).pan.position
    assert slope[2] > 0.0 >= slope[0]


# Levels and places that are given


def test_tracks_are_as_loud_to_each_other_as_is_given():
    parts = [Part(tone(1000.0), level_db) for level_db in (-20.0, -26.0, -20.0)]
    song = hear("given_level", parts, {"levels": {"t0": "-10 LU", "t1": "-16 LU", "t2": "-14 LU"}})
    beyond = np.asarray(song.under().value[:3])
    np.testing.assert_allclose(beyond - beyond[0], [0.0, 0.0, 4.0], atol=0.01)
    assert song.climb(target=2).gain.level_db[2] == pytest.approx(1.0, abs=1e-3)


def test_a_track_that_nothing_is_given_for_is_left_alone():
    song = hear("given_place", [VOICE, GUITAR, GUITAR], {"places": {"t0": "L20", "t2": "R30"}})
    moved = at_position(song.untouched, 10.0)
    assert song.under(moved).share[:3].tolist() == [1.0, 0.0, 1.0]
    np.testing.assert_allclose(song.under(moved).value[np.array([0, 2])], [30.0, -30.0], atol=0.1)
