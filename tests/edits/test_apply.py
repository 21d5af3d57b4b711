"""Edits applied to a treatment: which values they change, hold and bound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hybrid.audio.song import Song, Track
from hybrid.edits.apply import Applied, applied, sounding
from hybrid.edits.file import option_edits
from hybrid.errors import InputError
from hybrid.treatment.types import Treatment, neutral, treatment_parts

ROLES = {"Vox": "vocal.lead", "Gtr L": "guitar.electric", "Gtr R": "guitar.electric", "Bass": "bass"}
TRACKS = tuple(Track(name, (), 1, role, ("lead",) if name == "Vox" else (), 1.0) for name, role in ROLES.items())
SONG = Song("song", Path(), TRACKS, 44100, 40 * 44100)
PLAIN: Treatment = neutral(4, 40.0, 0.2)
SECTIONS = {"chorus": [(10.0, 14.0), (30.0, 34.0)]}


def hand(*texts: str) -> Applied:
    return applied(option_edits(texts), SONG, [], PLAIN, SECTIONS)


def parts(treatment: Treatment) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in treatment_parts(treatment).items()}


@pytest.mark.parametrize(
    ("of", "tracks"),
    [("Vox", [0]), ("vox", [0]), ("guitar", [1, 2]), ("electric", [1, 2]), ("vocal.lead", [0]), ("lead", [0])],
)
def test_tracks_are_named_by_id_role_or_tag(of: str, tracks: list[int]):
    made = hand(f"{of} gain.level +2 dB")
    expected = np.where(np.isin(np.arange(4), tracks), 2.0, 0.0)
    np.testing.assert_array_equal(parts(made.treatment)["gain.level"], expected)
    np.testing.assert_array_equal(parts(made.is_fixed)["gain.level"], expected > 0.0)


def test_moves_add_up_in_their_order():
    level = parts(hand("guitar gain.level +2 dB", "'Gtr L' gain.level +1 dB").treatment)["gain.level"]
    assert level.tolist() == [0.0, 3.0, 2.0, 0.0]
    level = parts(hand("guitar gain.level +2 dB", "'Gtr L' gain.level to -4 dB").treatment)["gain.level"]
    assert level.tolist() == [0.0, -4.0, 2.0, 0.0]


def test_a_pin_holds_every_part_of_a_track_and_nothing_else():
    made = hand("Bass pin")
    fixed = parts(made.is_fixed)
    assert len(fixed) > 6
    for name, value in parts(made.treatment).items():
        np.testing.assert_array_equal(value, parts(PLAIN)[name])
        if name.startswith("master"):
            assert not fixed[name].any()
        else:
            assert fixed[name][3].all() and not fixed[name][:3].any(), name


def test_a_tone_curve_is_moved_at_its_nearest_point_or_over_a_range():
    one = parts(hand("lead eq.tone +2 dB at 3 kHz").treatment)["eq.tone"]
    assert np.sum(one == 2.0) == 1 and np.sum(one) == 2.0
    wide = parts(hand("lead eq.tone +2 dB at 100 Hz to 8 kHz").treatment)["eq.tone"]
    assert np.sum(wide[0] == 2.0) > 5 and not wide[1:].any()


def test_a_level_over_some_time_is_a_ride():
    made = hand("lead gain.level +3 dB in chorus")
    assert not parts(made.treatment)["gain.level"].any()
    ride = parts(made.treatment)["gain.ride"]
    time_s = 2.0 * np.arange(ride.shape[1])
    inside = ((time_s >= 10.0) & (time_s <= 14.0)) | ((time_s >= 30.0) & (time_s <= 34.0))
    np.testing.assert_array_equal(ride[0], np.where(inside, 3.0, 0.0))
    np.testing.assert_array_equal(parts(made.is_fixed)["gain.ride"][0], inside)
    short = parts(hand("lead gain.level +3 dB from 0:10.5 to 0:11").treatment)["gain.ride"]
    assert np.flatnonzero(short[0]).tolist() == [5]


def test_dynamics_are_moved_by_zone():
    zone = parts(hand("Bass dynamics.zone -2 dB at 60 Hz").treatment)["dynamics.zone"]
    assert (zone[3, 0] == -2.0).all() and not zone[3, 1:].any() and not zone[:3].any()


def test_limits_bound_what_is_not_fixed():
    made = hand("guitar pan.position R60", "guitar pan.position within L30 to R30")
    position = parts(made.treatment)["pan.position"]
    assert position.tolist() == [0.0, 30.0, 30.0, 0.0]
    assert parts(made.low)["pan.position"].tolist() == [-np.inf, -30.0, -30.0, -np.inf]
    assert not parts(hand("guitar pan.position within L30 to R30").is_fixed)["pan.position"].any()


def test_a_move_beyond_the_range_ends_there_and_says_so():
    made = hand("lead eq.tone +4 dB", "lead eq.tone +4 dB")
    assert parts(made.treatment)["eq.tone"][0].max() == 6.0
    assert made.notes == ("lead eq.tone +4 dB: the tone goes no further than 6 dB",)


def test_muted_tracks_are_left_out_and_soloed_ones_are_alone():
    def left(*texts: str) -> list[str]:
        return [track.id for track in sounding(SONG, option_edits(texts)).tracks]

    assert left("guitar mute") == ["Vox", "Bass"]
    assert left("guitar solo") == ["Gtr L", "Gtr R"]
    assert left("guitar solo", "'Gtr L' mute") == ["Gtr R"]
    with pytest.raises(InputError, match="leaves no track to mix"):
        left("guitar solo", "guitar mute")
    # what is said of a track that is silent is not lost, and does nothing
    alone = sounding(SONG, option_edits(["guitar mute"]))
    silent = [track for track in SONG.tracks if track not in alone.tracks]
    made = applied(option_edits(["guitar gain.level +2 dB"]), alone, silent, neutral(2, 40.0, 0.2), {})
    assert not parts(made.treatment)["gain.level"].any()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gitar gain.level +2 dB", "did you mean guitar"),
        ("lead gain.level +1 dB in chorous", "did you mean chorus?"),
        ("lead reverb.send -20 dB", "this mix has no send: no rule that is on acts on it"),
        ("song gain.level +2 dB", "every track has its own"),
    ],
)
def test_what_cannot_be_done_is_refused(text: str, said: str):
    with pytest.raises(InputError) as error:
        hand("lead gain.level +1 dB", text)
    assert said in str(error.value)


def test_all_that_cannot_be_done_is_said_at_once():
    with pytest.raises(InputError) as error:
        hand("gitar pin", "bas pin")
    assert len(error.value.problems) == 2
