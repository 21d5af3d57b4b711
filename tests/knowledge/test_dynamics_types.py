"""Dynamics and fidelity types against gains and courses whose answer is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.testing.songs import N_FRAMES, N_PAIRS
from hybrid.treatment.types import Treatment
from tests.knowledge.made import Heard, Part, at_level, at_position, hear, pink, tone, with_tone

VOICE = Part(pink(), role="vocal.lead", tags=("lead",))
GUITAR = Part(pink(), role="guitar")
BASS = Part(tone(60.0), role="bass")
BEATS = (1.0, 1e-4) * 2
"""A beat of 0.8 s, and as long a rest."""
KICK = Part(tone(60.0), role="guitar", course=BEATS)


def _dB(value: float, within: float = 0.01) -> object:  # noqa: N802
    return pytest.approx(value, abs=within)


def riding(treatment: Treatment, *zone_db: float, track: int = 0, zones: slice = slice(None)) -> Treatment:
    """The treatment with dynamics of one track, its points spread evenly over the song."""
    curve = np.array(treatment.dynamics.zone_db)
    n = N_FRAMES // 2
    curve[track, zones, :n] = np.repeat(zone_db, n // len(zone_db))
    curve[track, zones, n:] = zone_db[-1]
    return replace(treatment, dynamics=treatment.dynamics._replace(zone_db=jnp.asarray(curve)))


# Dynamics


def test_a_constant_gain_holds_nothing_and_a_step_holds_half_of_the_time():
    song = hear("gain_reduction", [VOICE])
    assert song.value() == _dB(0.0)
    assert song.value(riding(song.untouched, -4.0)) == _dB(0.0)
    held = riding(song.untouched, 0.0, -6.0)
    # the step itself lasts from one point to the next, 0.2 s
    assert song.value(held) == _dB(-3.0, 0.2)
    assert hear("gain_reduction", [VOICE], {"statistic": "deepest"}).value(held) == _dB(-6.0)


def test_a_firmer_hold_is_more_reduction_and_only_zones_that_sound_count():
    song = hear("gain_reduction", [VOICE._replace(spectrum=pink(5500.0, 16000.0))])
    assert song.value(riding(song.untouched, 0.0, -6.0, zones=slice(0, 2))) == _dB(0.0)
    assert song.value(riding(song.untouched, 0.0, -6.0, zones=slice(3, 4))) < -2.0
    slope = song.climb(riding(song.untouched, 0.0, -6.0)).dynamics.zone_db[0]
    assert slope.sum(axis=0)[9:14].min() > 0.0  # less of it where it holds, towards 0


def test_a_lead_that_keeps_its_distance_has_no_spread_whatever_the_song_does():
    assert hear("level_consistency", [VOICE, GUITAR]).value() == _dB(0.0)
    swelling = [part._replace(course=(1.0, 8.0)) for part in (VOICE, GUITAR)]
    assert hear("level_consistency", swelling).value() == _dB(0.0)


NO_SECTION, CHORUS = {"sections": ["verse"]}, {"sections": ["chorus"]}


def test_a_lead_that_is_louder_in_one_section_is_consistent_within_sections_named_or_not():
    steady = [VOICE._replace(level_db=-10.0), GUITAR]
    # only 0.8 s of the song belong to a section that is named: the rest is judged as one of its own
    for named in (NO_SECTION, CHORUS, {"sections": ["verse", "verse"]}):
        assert hear("level_consistency", steady, named).value() == _dB(0.0)


def test_a_lead_alone_is_not_judged_and_a_swinging_one_is():
    alone = [VOICE, GUITAR._replace(course=(0.0, 0.0, 1.0, 1.0))]
    assert hear("level_consistency", alone).value() == _dB(0.0)
    assert not hear("level_consistency", [VOICE]).under().share.any()
    swinging = hear("level_consistency", [VOICE._replace(course=(1.0, 10.0)), GUITAR], CHORUS)
    assert swinging.value() > 1.0
    slope = swinging.climb().gain.ride_db[0]
    assert slope[0] < 0.0 < slope[1:].sum()  # less spread: up first, down later


def test_movement_is_that_of_the_raw_track_until_dynamics_take_it():
    strokes = Part(pink(), course=(1.0, 0.1) * 4)
    song = hear("micro_dynamics", [strokes])
    assert song.value() == _dB(0.0)
    assert song.value(at_level(song.untouched, -12.0)) == _dB(0.0)
    flat = riding(song.untouched, *(-3.0, 3.0) * 4)
    # half of each stroke is on the way from one point to the next
    assert song.value(flat) < -2.0 and song.value(riding(song.untouched, *(3.0, -3.0) * 4)) > 2.0
    slope = np.asarray(song.climb().dynamics.zone_db)[0].sum(axis=0)
    assert slope[5] > 0.0 > slope[7]  # louder where it strikes, softer where it does not


def test_a_bass_ducks_by_what_its_gain_falls_under_the_kick_whatever_its_pattern():
    song = hear("sidechain_depth", [BASS, KICK])
    assert song.value() == _dB(0.0)
    ducked = riding(song.untouched, -3.0, 0.0, -3.0, 0.0)
    # straight lines between points round the corners off
    assert song.value(ducked) == _dB(-3.0, 0.6)
    pumping = hear("sidechain_depth", [BASS._replace(course=(1.0, 0.3, 0.5, 1.0)), KICK])
    assert pumping.value(ducked) == _dB(song.value(ducked))


def test_a_constant_cut_is_no_ducking_and_a_cut_elsewhere_neither():
    song = hear("sidechain_depth", [BASS, KICK])
    assert song.value(riding(song.untouched, -6.0)) == _dB(0.0)
    treble = riding(song.untouched, -3.0, 0.0, -3.0, 0.0, zones=slice(2, 4))
    assert song.value(treble) == _dB(0.0, 0.02)
    slope = np.asarray(song.climb().dynamics.zone_db)[0].sum(axis=0)
    assert slope[1] > 0.0 > slope[6]


@pytest.mark.parametrize("other", [Part(pink(2000.0, 8000.0), role="guitar", course=BEATS), None])
def test_a_kick_that_shares_nothing_with_the_bass_is_no_target(other: Part | None):
    parts = [BASS] if other is None else [BASS, other]
    assert not hear("sidechain_depth", parts).under().share.any()


def test_a_kick_that_never_meets_the_bass_is_no_target():
    turns = [BASS._replace(course=(1.0, 0.0)), KICK._replace(course=(0.0, 1.0))]
    assert not hear("sidechain_depth", turns).under().share.any()


def test_a_chorus_of_twice_the_amplitude_stands_out_by_6_db():
    swelling = GUITAR._replace(course=(1.0, 4.0, 4.0, 4.0))
    song = hear("section_contrast", [swelling])
    assert song.value() == _dB(6.02)
    assert hear("section_contrast", [swelling], {"sections": ["verse", "chorus"]}).value() == _dB(-6.02)
    slope = song.climb().gain.ride_db[0]
    assert slope.sum() == _dB(0.0) and slope[0] < 0.0 < slope[1]
    # of 6 dB, half is asked for: 3 dB to spare, as much in a mix that is louder as a whole
    half = hear("section_contrast", [swelling], {"sections": ["chorus", "verse"], "of_raw": "50 %"})
    assert half.value() == _dB(3.01)


def test_a_ride_that_turns_the_arc_over_is_measured_and_faders_are_not():
    quiet_then_loud = GUITAR._replace(course=(1.0, 1.0, 4.0, 4.0))
    song = hear("contour_change", [quiet_then_loud])
    assert song.value() == _dB(0.0)
    assert song.value(at_level(song.untouched, 12.0)) == _dB(0.0)
    # windows of 3 s in a song of hardly more see a part of it
    gentle, firm = (song.value(riding(song.untouched, 0.0, down)) for down in (-1.0, -4.0))
    assert 0.0 < gentle < firm < 2.0
    assert song.value(riding(song.untouched, -4.0)) == _dB(0.0)


# Fidelity


@pytest.mark.parametrize("type_name", ["transients_kept", "quiet_rests", "group_integrity", "micro_dynamics"])
def test_one_fader_for_all_changes_nothing(type_name: str):
    struck = GUITAR._replace(course=BEATS)
    song = hear(type_name, [struck, struck])
    moved = at_position(at_level(song.untouched, 9.0, 9.0), 30.0, -30.0)
    np.testing.assert_allclose(song.under(moved).value, 0.0, atol=0.01)
    assert song.under(moved).share[:2].all()


def test_an_attack_is_softened_by_what_gain_rises_within_a_tenth_of_a_second():
    strokes = GUITAR._replace(course=(1e-3, 1.0))
    song = hear("transients_kept", [strokes])
    curve = np.zeros(song.untouched.dynamics.zone_db.shape, np.float32)
    curve[0, :, 9:] = 4.0  # onset in the frame at 1.65 s: from 1.6 s to 1.8 s gain rises by 4 dB
    soft = replace(song.untouched, dynamics=song.untouched.dynamics._replace(zone_db=jnp.asarray(curve)))
    assert song.value(soft) == _dB(-2.0)
    assert song.climb().dynamics.zone_db[0].sum(axis=0)[8] > 0.0
    assert not hear("transients_kept", [GUITAR]).under().share.any()


def test_lifting_the_rests_is_heard_and_gating_them_too():
    song = hear("quiet_rests", [GUITAR._replace(course=(1.0, 1e-3))])
    for zone_db, moved in ((3.0, 3.0), (-6.0, -6.0)):
        # a floor of -60 dB lies 30 dB below; the first 0.2 s are on the way
        assert song.value(riding(song.untouched, 0.0, zone_db)) == _dB(moved, 0.5)
    slope = np.asarray(song.climb().dynamics.zone_db)[0].sum(axis=0)
    assert slope[12] > 0.0 > slope[2]
    assert not hear("quiet_rests", [GUITAR]).under().share.any()


def _microphones(sign: float, written: Mapping[str, str] | None = None) -> Heard:
    """Two tracks of one source, or of one and its inverse."""
    song = hear("phase_coherence", [GUITAR, GUITAR], written)
    cross = np.zeros(song.dry.cross.shape, np.float32)
    cross[0] = 0.999 * sign * np.asarray(song.dry.power)[0, 0]
    pairs = jnp.zeros((N_PAIRS, 2), jnp.int32).at[0].set(jnp.asarray([0, 1]))
    return song._replace(dry=replace(song.dry, cross=jnp.asarray(cross), pairs=pairs))


def test_two_microphones_add_as_they_were_recorded_at_any_common_gain():
    for sign in (1.0, -1.0):
        song = _microphones(sign)
        assert song.under().share.all() and song.value() == _dB(0.0)
        assert song.value(at_level(song.untouched, 6.0, 6.0)) == _dB(0.0, 0.02)


def test_turning_one_of_two_equal_microphones_down_loses_what_they_add():
    song = _microphones(1.0)
    # two equal ones add 3.01 dB; one 20 dB below: (1 + 0.1)^2 over 1.01, 0.79 dB
    assert song.value(with_tone(song.untouched, 0, (-20.0,) * 10)) == _dB(0.79 - 3.01, 0.02)
    assert not hear("phase_coherence", [GUITAR, GUITAR]).under().share.any()
    assert song.value(with_tone(song.untouched, 0, (0.0,) * 6 + (-20.0,) * 4)) == _dB(0.0, 0.5)


@pytest.mark.parametrize("type_name", ["distortion", "artefacts"])
def test_a_prediction_is_clean_whatever_is_done(type_name: str):
    song = hear(type_name, [VOICE, GUITAR])
    assert song.under(riding(song.untouched, 0.0, -6.0)).value[:2].tolist() == [100.0, 100.0]
    assert song.under().share.tolist() == [1.0, 1.0, 0.0, 0.0]
