"""Loudness, masking and group types against sounds whose answer is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid.knowledge.types import TYPES
from hybrid.testing.songs import LINE_HZ
from tests.knowledge.made import WIDE, Part, at_level, at_position, hear, pink, tone, with_tone

VOICE = Part(pink(), role="vocal.lead", tags=("lead",))
GUITAR = Part(pink(), role="guitar")
OCTAVE = Part(pink(1000.0, 2000.0), role="vocal.lead", tags=("lead",))
CLEAR = Part(pink(60.0, 120.0), role="guitar")
"""Nothing that speech needs."""


def _dB(value: float, within: float = 0.01) -> object:  # noqa: N802
    return pytest.approx(value, abs=within)


# Loudness


def test_equal_tracks_are_equal_and_others_lie_as_far_from_the_median_as_they_are():
    flat = {"boost": {}}
    np.testing.assert_allclose(hear("equal_loudness", [GUITAR] * 3, flat).under().value[:3], 0.0, atol=0.01)
    song = hear("equal_loudness", [GUITAR] * 3, flat)
    np.testing.assert_allclose(song.under(at_level(song.untouched, 6.0, 0.0, -6.0)).value[:3], [6, 0, -6], atol=0.01)
    slope = song.climb().gain.level_db
    assert slope[0] == pytest.approx(1.0, abs=1e-3) and not slope[1:].any()  # the median does not pull


def test_a_boosted_role_is_right_when_it_is_louder_by_its_boost():
    song = hear("equal_loudness", [VOICE, GUITAR, GUITAR])  # 6 LU for voices
    np.testing.assert_allclose(song.under(at_level(song.untouched, 6.0)).value[:3], 0.0, atol=0.01)
    assert song.cost(at_level(song.untouched, 6.0)) == 0.0 < song.cost()


def test_a_track_6_db_up_in_its_group_of_two_stands_out_by_what_the_group_did_not_gain():
    song = hear("group_integrity", [GUITAR, GUITAR, VOICE])
    moved = song.under(at_level(song.untouched, 6.0206, 0.0, 20.0))
    gained = 10.0 * np.log10(2.5)  # (4 + 1) / 2
    np.testing.assert_allclose(moved.value[:2], [6.02 - gained, -gained], atol=0.01)
    assert moved.share.tolist() == [1.0, 1.0, 0.0, 0.0]
    slope = song.climb().gain.level_db
    assert slope[0] == pytest.approx(0.5, abs=0.01) and slope[1] == pytest.approx(-0.5, abs=0.01)


def _usual(feature: str, mean: float, spread: float = 2.0) -> dict[str, object]:
    return {"feature": feature, "table": {"guitar": {"mean": mean, "spread": spread}}}


def test_a_prior_counts_spreads_from_the_mean_of_the_role_and_knows_no_other_role():
    song = hear("corpus_prior", [GUITAR, VOICE], _usual("level", -5.0))
    # one of two equal strangers, 3.01 below the mix
    assert song.value() == _dB((-3.01 + 5.0) / 2.0)
    assert song.under().share.tolist() == [1.0, 0.0, 0.0, 0.0]
    assert hear("corpus_prior", [GUITAR, VOICE], _usual("level", -5.0, 1.0)).value() == _dB(-3.01 + 5.0)
    assert song.climb().gain.level_db[0] > 0.0 > song.climb().gain.level_db[1]


def test_a_prior_of_position_knows_how_far_from_the_centre_but_not_on_which_side():
    song = hear("corpus_prior", [GUITAR], _usual("position", 30.0, 10.0))
    for position in (-50.0, 50.0):
        assert song.value(at_position(song.untouched, position)) == _dB(2.0)


def test_a_prior_of_width_speaks_of_stereo_tracks():
    song = hear("corpus_prior", [GUITAR._replace(place=WIDE), GUITAR], _usual("width", -6.0))
    assert song.value() == _dB(3.0)
    assert song.under().share.tolist() == [1.0, 0.0, 0.0, 0.0]


def test_a_prior_of_brightness_reads_the_slope_that_was_added():
    song = hear("corpus_prior", [GUITAR], _usual("brightness", 0.0, 1.0))
    assert song.value(at_level(song.untouched, 6.0)) == _dB(0.0)
    brighter = song.value(with_tone(song.untouched, 0, np.linspace(-4.5, 4.5, 10).tolist()))
    assert brighter == pytest.approx(1.0, abs=0.25)  # 9 dB over nine octaves, evenly over bands
    assert song.climb().eq.tone_db[0, 9] > 0.0 > song.climb().eq.tone_db[0, 0]


# Masking


def test_only_the_covering_track_gives_way_and_only_where_the_other_is_at_its_best():
    horn = GUITAR._replace(spectrum=pink(), level_db=-10.0)
    song = hear("essential_band_masking", [horn, OCTAVE._replace(level_db=-30.0)])
    assert song.value() > 1.0 and song.under().share.tolist() == [1.0, 0.0, 0.0, 0.0]
    slope = np.asarray(song.climb().eq.tone_db)
    assert not slope[1].any()
    # 1 to 2 kHz are bands 15 to 21, about points 4 and 5
    assert slope[0].argmax() in (4, 5) and abs(slope[0, [0, 1, 8, 9]]).max() < 0.05 * slope[0].max()


def test_a_cut_beyond_the_deepest_is_not_counted_and_a_band_can_be_chosen():
    parts = [GUITAR._replace(level_db=-10.0), OCTAVE._replace(level_db=-30.0)]
    song = hear("essential_band_masking", parts)
    at, beyond = (song.value(with_tone(song.untouched, 0, (cut,) * 10)) for cut in (-6.0, -12.0))
    assert song.value() > at and beyond == _dB(at)
    gentle = hear("essential_band_masking", parts, {"max_cut": "3 dB"})
    assert gentle.value(with_tone(song.untouched, 0, (-6.0,) * 10)) > at
    assert hear("essential_band_masking", parts, {"band": "4-8 kHz"}).value() < 0.1 * song.value()
    fewer = hear("essential_band_masking", parts, {"essential": "5 %"}).value()
    assert fewer != _dB(song.value())


def test_masking_that_falls_on_all_alike_is_balanced_and_a_lost_track_beside_a_free_one_is_not():
    song = hear("masking_balance", [GUITAR, GUITAR])
    assert song.value() == _dB(0.0, 1e-4)
    lost = at_level(song.untouched, -20.0, 20.0)
    # 34 dB of excess, softly under a ceiling of 20 dB: 0.82
    assert song.value(lost) == pytest.approx(0.82, abs=0.02)
    assert hear("masking_balance", [GUITAR, GUITAR], {"ceiling": "60 dB"}).value(lost) < 0.6
    assert not hear("masking_balance", [GUITAR]).under().share.any()


@pytest.mark.parametrize(("level_db", "clarity"), [(0.0, 0.5), (7.5, 0.75), (-7.5, 0.25), (40.0, 1.0), (-40.0, 0.0)])
def test_a_lead_as_strong_as_the_rest_in_every_band_is_half_clear(level_db: float, clarity: float):
    song = hear("lead_clarity", [VOICE, GUITAR])
    assert song.value(at_level(song.untouched, level_db)) == pytest.approx(clarity, abs=1e-3)


def test_only_what_speech_needs_counts_for_clarity_and_carving_the_rest_makes_room():
    assert hear("lead_clarity", [VOICE, CLEAR]).value() > 0.99
    slope = np.asarray(hear("lead_clarity", [VOICE, GUITAR]).climb().eq.tone_db)
    assert slope[0].sum() > 0.0 > slope[1].sum()
    assert slope[0].argmax() in (3, 4, 5, 6)


def test_a_track_alone_keeps_its_loudness_and_a_buried_one_loses_it():
    assert hear("masked_to_unmasked", [GUITAR]).value() == pytest.approx(1.0, abs=1e-3)
    song = hear("masked_to_unmasked", [GUITAR, GUITAR])
    kept = [song.value(at_level(song.untouched, level)) for level in (20.0, 6.0, 0.0, -6.0, -20.0)]
    assert (np.diff(kept) < 0.0).all() and kept[0] > 0.9 and kept[-1] < 0.1
    assert song.value(at_level(song.untouched, 20.0, 20.0)) == pytest.approx(kept[2], abs=1e-3)
    softly = hear("masked_to_unmasked", [GUITAR, GUITAR], {"level": "30 dB"})
    assert softly.value() != pytest.approx(kept[2], abs=0.01)
    assert not TYPES["masked_to_unmasked"].optimised


def test_distant_tones_leave_each_other_their_loudness():
    far = hear("masked_to_unmasked", [Part(tone(1000.0)), Part(tone(8000.0))])
    np.testing.assert_allclose(far.under().value[:2], 1.0, atol=0.1)
    assert LINE_HZ[-1] > 8000.0
