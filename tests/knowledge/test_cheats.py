"""Every way to satisfy a rule without doing what it means, and what stands in that way.

Each test makes the cheat and shows that it would work or that it does not: the rule is not satisfied after all, or its
slope does not lead there, or the rule that guards it is broken by at least a scale. The
types name their cheats in their docstrings; what they say is held here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.knowledge.types import TYPES
from hybrid.signal import bands
from hybrid.testing.songs import objective_of
from hybrid.treatment.curves import tone_curves
from hybrid.treatment.parts import N_TONE, N_ZONES, PARTS, RIDE_S
from hybrid.treatment.types import Treatment, treatment_parts
from tests.knowledge.made import (
    ANTIPHASE,
    RULES,
    WIDE,
    Heard,
    Part,
    Plain,
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

pytestmark = pytest.mark.long

LEAD = Part(pink(), role="vocal.lead", tags=("lead",))
BASS = Part(pink(30.0, 500.0), role="bass")
GUITAR = Part(pink(100.0, 8000.0), role="guitar")
LONG = 128
"""Frames of a song of 12.8 s, in which rides, which bend every 2 s, can follow passages."""
BREATHS = (1.0, 1e-3)
"""A passage, then 30 dB less: a rest with breaths in it."""


def hear_long(type_name: str, parts: Sequence[Part], written: dict[str, Plain] | None = None) -> Heard:
    """As `hear`, of a longer song."""
    dry = dry_of(parts, n_frames=LONG)
    rule = rule_of(type_name, {**RULES[type_name][0], **(written or {})})
    return Heard(objective_of([rule], song_of(parts, LONG), dry), dry)


def scales(song: Heard, treatment: Treatment | None = None) -> float:
    """How far the worst target is outside its interval, in scales; 0 if the rule is satisfied."""
    reading, ask = song.under(treatment), song.objective.ask
    value, there = np.asarray(reading.value), np.asarray(reading.share) > 0.0
    assert there.any()
    beyond = np.maximum(np.asarray(ask.low[0]) - value, value - np.asarray(ask.high[0])) / np.asarray(ask.scale[0])
    return max(0.0, float(beyond[there].max()))


def ridden(treatment: Treatment, ride_db: Sequence[float], *tracks: int) -> Treatment:
    """The treatment with a ride through these values, stretched over the song, on some tracks."""
    ride = treatment.gain.ride_db
    course = np.interp(np.linspace(0.0, 1.0, ride.shape[1]), np.linspace(0.0, 1.0, len(ride_db)), ride_db)
    return replace(treatment, gain=treatment.gain._replace(ride_db=ride.at[jnp.array(tracks)].set(jnp.asarray(course))))


def shaped(low_hz: float, high_hz: float, inside_db: float, outside_db: float = 0.0) -> list[float]:
    """Points of a tone curve for a range of frequencies and the rest."""
    centres = np.asarray(tone_curves()) @ np.log2(bands.band_centres_hz())
    centres /= np.sum(tone_curves(), axis=1)
    inside = (centres >= np.log2(low_hz)) & (centres <= np.log2(high_hz))
    assert inside.any()
    return np.where(inside, inside_db, outside_db).tolist()


def slope_in(song: Heard, part: str, treatment: Treatment | None = None, target: int = 0) -> np.ndarray:
    """Slope of what a rule reads over one part of the treatment."""
    return np.asarray(treatment_parts(song.climb(treatment, target))[part])


# Which frames count


@pytest.mark.parametrize("type_name", ["masker_to_signal", "audibility_floor", "lead_clarity"])
def test_riding_a_track_down_where_it_is_covered_does_not_help(type_name: str):
    covered = Part(pink(), level_db=-30.0, course=(1.0, 20.0), role="vocal.lead", tags=("lead",))
    song = hear_long(type_name, [covered, LEAD._replace(role="guitar", tags=())])
    ducked = ridden(song.untouched, (-6.0, -6.0, 0.0), 0)
    worse = 1.0 if type_name == "masker_to_signal" else -1.0
    assert worse * (song.value(ducked) - song.value()) > 0.0
    assert np.all(np.asarray(song.under(ducked).share) == np.asarray(song.under().share))


def test_riding_everything_down_in_bad_frames_is_no_way_to_balance_left_and_right():
    left = Part(pink(), place=(1.0, 0.05, 0.0), course=(1.0, 0.0))
    song = hear_long("left_right_balance", [left, LEAD._replace(course=(0.0, 1.0))])
    ducked = ridden(song.untouched, (-6.0, -6.0, 0.0), 0, 1)
    assert abs(song.value(ducked)) < abs(song.value())  # it would work
    assert not slope_in(song, "gain.ride").any()  # and it is not what the rule may do


def test_playing_half_of_the_time_is_not_being_half_as_loud():
    bass = BASS._replace(level_db=-20.0)
    whole, half = (
        hear_long("role_budget", [LEAD, bass._replace(course=course), GUITAR]).value(target=1)
        for course in ((1.0, 1.0), (1.0, 0.0))
    )
    assert half == pytest.approx(whole, abs=0.05)


def test_a_part_that_is_silenced_for_half_of_the_song_still_counts_there():
    song = hear_long("role_budget", [LEAD, BASS, GUITAR])
    silenced = song.value(ridden(song.untouched, (-6.0, -6.0, -6.0, 0.0, 0.0, 0.0), 1), target=1)
    # half of it at a quarter of its power is 2.04 LU less, the ramp a little more; a rest would cost nothing
    assert song.value(target=1) - silenced == pytest.approx(2.04, abs=0.1)


def test_a_track_cut_in_two_halves_takes_the_same_share():
    whole = hear("role_budget", [LEAD, BASS, GUITAR]).value(target=1)
    half = BASS._replace(level_db=-20.0 - 3.0103)
    assert hear("role_budget", [LEAD, half, half, GUITAR]).value(target=1) == pytest.approx(whole, abs=0.01)


def test_near_silence_neither_lowers_the_loudness_nor_is_it_a_way_to_move_it():
    quiet = 1e-7
    song = hear_long("integrated_loudness", [LEAD._replace(course=(1.0, quiet))])
    whole = hear_long("integrated_loudness", [LEAD])
    assert song.value() == pytest.approx(whole.value(), abs=0.3)  # blocks that straddle the edge
    assert not any(slope.any() for part, slope in treatment_parts(song.climb()).items() if part != "master.level")


def test_rests_that_are_lifted_are_heard_as_such():
    song = hear_long("quiet_rests", [LEAD._replace(course=BREATHS)])
    assert scales(song) == 0.0
    assert scales(song, ridden(song.untouched, (-6.0, -6.0, 6.0, 6.0), 0)) >= 1.0


def test_lifting_breaths_does_not_make_a_lead_steadier():
    parts = [LEAD._replace(course=BREATHS), GUITAR]
    song, rests = hear_long("level_consistency", parts), hear_long("quiet_rests", parts)
    dry = replace(song.dry, active=song.dry.active.at[0].set(jnp.arange(LONG) < LONG // 2))
    lifted = jnp.asarray(np.where(np.arange(song.untouched.gain.ride_db.shape[1]) * RIDE_S > 7.0, 6.0, 0.0))
    gain = song.untouched.gain._replace(ride_db=song.untouched.gain.ride_db.at[0].set(lifted))
    treatment = replace(song.untouched, gain=gain)
    heard = song._replace(dry=dry)
    # the foot of the ride lies in the last second of the passage
    assert heard.value(treatment) == pytest.approx(heard.value(), abs=0.2)
    assert rests.value(treatment) > 3.0


# Levels


NO_FADER = (
    *("masker_to_signal", "spectral_overlap", "essential_band_masking", "masking_balance", "lead_clarity"),
    *("band_ownership", "long_term_spectrum", "spectral_tilt", "low_energy_ratio", "region_excess", "sibilance"),
    *("side_energy", "left_right_balance", "band_balance", "mono_foldown", "width_by_frequency", "sidechain_depth"),
)


@pytest.mark.parametrize("type_name", NO_FADER)
def test_what_a_fader_could_win_is_out_of_its_reach(type_name: str):
    parts = TYPES[type_name].model_fields["acts_on"].default
    assert parts and not any(part.startswith("gain") for part in parts)


def test_muting_a_masker_leaves_a_track_that_is_not_heard():
    parts = [LEAD, GUITAR._replace(level_db=-8.0)]
    masking, floor = hear("masker_to_signal", parts), hear("audibility_floor", parts)
    muted = at_level(masking.untouched, 0.0, -36.0)
    assert masking.value(muted) < masking.value()  # it would work
    assert not slope_in(masking, "gain.level").any()
    assert scales(floor, muted) >= 1.0


def test_turning_all_others_down_for_the_lead_takes_them_out_of_the_mix():
    parts = [LEAD._replace(level_db=-30.0), BASS, GUITAR]
    lead, floor, budget = (hear(name, parts) for name in ("lead_to_rest_ratio", "audibility_floor", "role_budget"))
    alone = at_level(lead.untouched, 20.0, -14.0, -14.0)
    assert scales(lead) >= 1.0
    assert lead.value(alone) > 2.5  # beyond its target as well: the interval has two sides
    assert scales(lead, alone) >= 1.0 and scales(budget, alone) >= 1.0 and scales(floor, alone) >= 0.5


def test_a_louder_owner_has_its_band_and_no_longer_its_share():
    parts = [LEAD, BASS._replace(level_db=-32.0), GUITAR]
    owner, budget = hear("band_ownership", parts), hear("role_budget", parts)
    louder = at_level(owner.untouched, 0.0, 24.0)
    assert scales(owner) >= 1.0 and scales(owner, louder) == 0.0
    assert not slope_in(owner, "gain.level").any()
    assert scales(budget, louder) >= 1.0


def test_holding_a_track_by_the_fader_is_no_gain_reduction():
    song = hear_long("gain_reduction", [LEAD])
    down = ridden(at_level(song.untouched, -6.0), (0.0, -6.0, 0.0), 0)
    assert song.value(down) == pytest.approx(0.0, abs=1e-4)
    assert scales(song, down) >= 1.0


def test_covering_all_tracks_alike_is_balance_without_a_single_one_being_heard():
    parts = [Part(pink()), Part(pink()), Part(pink()), Part(pink())]
    balance, masking = (hear(name, parts, {"offset": "0 dB"}) for name in ("masking_balance", "masker_to_signal"))
    assert scales(balance) == 0.0
    assert scales(masking) >= 1.0


# Tone


def test_filling_bands_that_a_track_does_not_have_does_not_uncover_it():
    song = hear("masker_to_signal", [Part(tone(1000.0), -30.0), Part(pink())])
    filled = with_tone(song.untouched, 0, shaped(2500.0, 16000.0, 6.0))
    assert song.value(filled) == pytest.approx(song.value(), abs=0.02)


def test_a_weak_band_is_no_target_for_a_drone_to_fill():
    song = hear("long_term_spectrum", [Part(pink(100.0, 1000.0)), Part(tone(3000.0), -70.0)])
    share = np.asarray(song.under().share)
    at = int(np.argmin(np.abs(bands.band_centres_hz() - 3000.0)))
    assert share[at] == 0.0 and share.any()
    assert not slope_in(song, "gain.level").any()


def test_a_drone_in_the_rests_does_not_change_the_spectrum_that_is_judged():
    plain, with_drone = (
        hear("long_term_spectrum", [Part(pink(), course=(1.0, 0.0)), Part(tone(3000.0), level_db, course=(0.0, 1.0))])
        for level_db in (-90.0, -20.0)
    )
    # the drone is a raw track here: it counts, as what sounds there; but only a raw track can be one
    assert not slope_in(with_drone, "gain.ride").any() and not slope_in(with_drone, "dynamics.zone").any()
    assert plain.under().share.shape == with_drone.under().share.shape


def test_raising_its_neighbours_hides_a_region_and_bends_the_spectrum():
    bump = 10.0 ** (0.1 * 9.0 * np.exp(-0.5 * np.square(np.log2(np.maximum(np.arange(8820) * 2.5, 1.0) / 283.0) / 0.4)))
    parts = [Part(pink() * bump)]
    flat = {"curve": {"50 Hz": "0 dB", "8 kHz": "0 dB"}}
    region, curve = hear("region_excess", parts), hear("long_term_spectrum", parts, flat)
    raised = with_tone(region.untouched, 0, shaped(80.0, 1000.0, 6.0))
    assert scales(region) >= 0.5
    # what the rule feels is its own region, but for the foot of the tone curve's smooth points
    slope = slope_in(region, "eq.tone")[0]
    assert slope.min() > -0.2 * slope.max()
    assert scales(curve, raised) >= 1.0


def test_thinning_everybody_else_for_a_band_is_a_change_of_their_sound():
    parts = [LEAD, BASS, GUITAR._replace(spectrum=pink(60.0, 8000.0))]
    owner, timbre = hear("band_ownership", parts), hear("timbre_change", parts)
    thinned = with_tone(
        with_tone(owner.untouched, 0, shaped(20.0, 500.0, -6.0, 6.0)), 2, shaped(20.0, 500.0, -6.0, 6.0)
    )
    assert owner.value(thinned) > owner.value()
    assert scales(timbre, thinned) >= 1.0


def test_a_harsh_lead_is_clear_and_sticks_out():
    written: dict[str, Plain] = {"band": "2500-5000 Hz", "for": {"tag": "lead"}}
    parts = [LEAD, Part(pink(), -18.0, role="guitar")]
    clear, region = hear("lead_clarity", parts), hear("region_excess", parts, written)
    # as narrow as the tone curve is, and again by dynamics: no more than its bounds allow
    harsh = with_tone(clear.untouched, 0, shaped(2000.0, 4500.0, 6.0, -6.0))
    assert clear.value(harsh) > clear.value() - 0.2
    assert scales(region, harsh) >= 1.0


def test_lifting_a_lead_where_the_meter_is_keen_is_a_change_of_its_sound():
    parts = [LEAD._replace(level_db=-23.0), GUITAR]
    lead, timbre = hear("lead_to_rest_ratio", parts), hear("timbre_change", parts)
    keen = with_tone(lead.untouched, 0, shaped(1500.0, 16000.0, 6.0, -6.0))
    assert lead.value(keen) > lead.value()
    assert not slope_in(lead, "eq.tone").any()
    assert scales(timbre, keen) >= 1.0


def test_filtering_two_tracks_apart_is_a_change_of_their_sound():
    parts = [Part(pink()), Part(pink())]
    overlap, timbre = hear("spectral_overlap", parts), hear("timbre_change", parts)
    low, high = shaped(20.0, 700.0, 6.0, -6.0), shaped(20.0, 700.0, -6.0, 6.0)
    apart = with_tone(with_tone(overlap.untouched, 0, low), 1, high)
    assert overlap.value(apart, target=1) < overlap.value(target=1)
    assert scales(timbre, apart) >= 1.0


# Space


def test_width_by_antiphase_vanishes_in_mono():
    low = Part(pink(20.0, 400.0))
    wide = Part(pink(400.0, 16000.0), place=ANTIPHASE)
    side = hear("side_energy", [low, wide], {"band": "20-16000 Hz", "range": "-7 to 7 dB"})
    folded = hear("mono_foldown", [low, wide], RULES["mono_foldown"][1])
    assert scales(side) == 0.0
    assert scales(folded) >= 1.0
    widths = hear("width_by_frequency", [low, wide])
    assert scales(widths) >= 1.0  # an upper end of its own


def test_no_control_of_width_makes_a_track_vanish_in_mono():
    song = hear("mono_foldown", [Part(pink(), place=WIDE)])
    widest = song.untouched.pan.width_db.at[0].set(PARTS["pan.width"].bijector.limits[1])
    wide = replace(song.untouched, pan=song.untouched.pan._replace(width_db=widest))
    assert song.value() == pytest.approx(-3.01, abs=0.01)
    # side over mid of 3 dB at most: 10 log10(1 / (1 + 10^0.3))
    assert song.value(wide) == pytest.approx(-4.76, abs=0.02)
    assert scales(song, wide) >= 1.0


def test_thinning_the_lows_narrows_them_and_bends_the_spectrum():
    parts = [Part(pink(), place=WIDE)]
    lows: dict[str, Plain] = {"band": "20-120 Hz", "range": "-100 to -20 dB"}
    side = hear("side_energy", [*parts, Part(pink(), -26.0)], lows)
    curve = hear("long_term_spectrum", parts, {"curve": {"40 Hz": "0 dB", "8 kHz": "0 dB"}})
    thin = with_tone(side.untouched, 0, shaped(20.0, 200.0, -6.0, 2.0))
    assert side.value(thin) < side.value()
    assert not slope_in(side, "eq.tone").any() and not slope_in(side, "eq.low_cut").any()
    assert scales(curve, thin) >= 1.0


def test_everything_hard_to_the_sides_leans():
    parts = [Part(pink(300.0, 8000.0)), Part(pink(300.0, 8000.0), -26.0)]
    apart, balance = hear("similar_apart", parts), hear("left_right_balance", parts)
    hard = at_position(apart.untouched, -88.0, 88.0)
    assert scales(apart, hard) == 0.0
    assert scales(balance, hard) >= 1.0


def test_everything_in_the_centre_is_balanced_and_neither_apart_nor_wide():
    parts = [Part(pink(300.0, 8000.0)), Part(pink(300.0, 8000.0))]
    for balance in ("left_right_balance", "band_balance"):
        assert scales(hear(balance, parts)) == 0.0
    assert scales(hear("similar_apart", parts)) >= 1.0
    assert scales(hear("side_energy", parts)) >= 1.0


# Dynamics and output


def test_cutting_the_bass_for_good_is_no_ducking():
    strike = (1.0, 0.001) * 8
    kick = Part(pink(30.0, 200.0), course=strike, role="guitar")
    song = hear("sidechain_depth", [LEAD, BASS._replace(spectrum=pink(30.0, 200.0)), kick])
    cut = song.untouched.dynamics.zone_db.at[1].set(-5.0)
    treatment = replace(song.untouched, dynamics=song.untouched.dynamics._replace(zone_db=cut))
    assert song.value(treatment, target=1) == pytest.approx(0.0, abs=1e-4)
    assert scales(song, treatment) >= 1.0


def test_gain_spikes_at_attacks_are_too_fast():
    strike = (1.0, 0.1, 0.1, 0.1) * 8
    parts = [Part(pink(), course=strike)]
    attacks, smooth = hear("transients_kept", parts), hear("smooth_control", parts)
    n_knots = attacks.untouched.dynamics.zone_db.shape[-1]
    spikes = np.broadcast_to(np.where(np.arange(n_knots) % 2 == 0, 3.0, -6.0), (N_ZONES, n_knots))
    zones = attacks.untouched.dynamics.zone_db.at[0].set(jnp.asarray(spikes))
    spiked = replace(attacks.untouched, dynamics=attacks.untouched.dynamics._replace(zone_db=zones))
    assert attacks.value(spiked) > attacks.value() + 1.0
    assert scales(smooth, spiked) >= 1.0


def test_one_click_raises_the_highest_peak_and_not_the_peaks_of_the_song():
    parts = [LEAD]
    whole, short = hear_long("peak_to_loudness", parts), hear_long("peak_to_short_term", parts)
    click = replace(short.dry, peak=short.dry.peak.at[LONG // 2].mul(100.0), peak_to_loudness_db=jnp.asarray(34.0))
    assert whole._replace(dry=click).value() == pytest.approx(whole.value() + 20.0, abs=0.01)
    assert short._replace(dry=click).value() == pytest.approx(short.value(), abs=0.01)


QUIETER: dict[str, Plain] = {"range": "4 to 8 LU", "shortest": "1 s"}


def test_passages_are_not_led_below_the_gate():
    song = hear_long("loudness_range", [LEAD._replace(course=(1.0, 10.0**-1.5))], QUIETER)
    quiet = jnp.arange(song.untouched.gain.ride_db.shape[1]) * RIDE_S > 0.6 * LONG * 0.1
    assert scales(song) >= 1.0
    # less range is sought by lifting what is quiet: the gate itself has no slope
    slope = slope_in(song, "gain.ride")[0]
    assert slope[quiet].sum() < 0.0


def test_a_slow_fade_widens_the_range_by_no_more_than_a_ride_may_move():
    parts = [LEAD]
    song, smooth = hear_long("loudness_range", parts), hear_long("smooth_control", parts)
    fade = ridden(song.untouched, (PARTS["gain.ride"].bijector.limits[1], PARTS["gain.ride"].bijector.limits[0]), 0)
    assert scales(song) >= 1.0 and scales(song, fade) == 0.0  # it works
    assert song.value(fade) <= PARTS["gain.ride"].bijector.limits[1] - PARTS["gain.ride"].bijector.limits[0]
    assert scales(smooth, fade) == 0.0  # and is as smooth as can be


# Reverb


def returned(treatment: Treatment, send_db: float, tone_db: Sequence[float] | None = None) -> Treatment:
    """The treatment with a send, and a tone of the return."""
    assert treatment.reverb is not None
    tone = jnp.asarray(tone_db or [0.0] * N_TONE)
    return replace(
        treatment, reverb=treatment.reverb._replace(send_db=treatment.reverb.send_db + 60.0 + send_db, tone_db=tone)
    )


def test_a_return_that_the_meter_hardly_hears_leaves_its_band():
    parts = [Part(pink())]
    send, band = hear("return_to_direct", parts), hear("return_band", parts)
    loud = returned(send.untouched, -5.0)
    dull = returned(send.untouched, -5.0, shaped(20.0, 150.0, 6.0, -24.0))
    assert scales(send, loud) >= 0.5
    assert send.value(dull) < send.value(loud) - 6.0  # more comes back than is read
    assert scales(band, dull) >= 1.0
    assert not slope_in(send, "reverb.tone", loud).any()


def test_a_room_too_short_to_be_heard_as_one_is_found_by_its_decay():
    send, decay = (hear(name, [Part(pink())]) for name in ("return_to_direct", "decay_time"))
    short = returned(send.untouched, -9.0)
    assert short.reverb is not None
    short = replace(short, reverb=short.reverb._replace(decay_s=jnp.full(N_ZONES, 0.2)))
    assert scales(send, short) == 0.0
    assert scales(decay, short) >= 1.0
    assert not slope_in(send, "reverb.decay", short).any()


@pytest.mark.parametrize("type_name", [name for name, made in TYPES.items() if not made.optimised])
def test_what_is_only_measured_moves_nothing(type_name: str):
    song = hear(type_name, [LEAD, BASS, GUITAR])
    slopes = treatment_parts(song.climb())
    assert slopes and not any(np.any(slope) for slope in slopes.values())
