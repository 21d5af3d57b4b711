"""The level that the arrangement and the recording lead one to expect, against levels written down by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from hybrid.audio.song import RawLevels
from hybrid.knowledge.matches import match_report, notes_on_raw_levels
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.start_levels import at_expected_levels, beyond_expected
from hybrid.knowledge.types import ExpectedLevel
from hybrid.measure.balance import raw_lufs
from hybrid.testing.songs import objective_of, rule_set, untouched
from hybrid.treatment.parts import PARTS
from hybrid.treatment.types import Dry
from tests.knowledge.made import Heard, Part, Plain, at_level, dry_of, pink, rule_of, song_of

Levels = dict[str, Plain]
STRANGER = Part(pink())
GUITAR, BASS = Part(pink(), role="guitar.electric"), Part(pink(), role="bass")
VOICE = Part(pink(), role="vocal.lead", tags=("lead",))


def expecting(parts: Sequence[Part], written: Levels, raw_levels: RawLevels = "recorded") -> Heard:
    """The parts under a rule that expects nothing but what is written."""
    rule = rule_of("expected_level", {"target": "0 LU", "roles": {"all": {"level": "0 LU"}}, **written})
    song = replace(song_of(parts), raw_levels=raw_levels)
    return Heard(objective_of([rule], song, dry_of(parts)), dry_of(parts))


def beyond(parts: Sequence[Part], written: Levels, raw_levels: RawLevels = "recorded") -> list[float]:
    """How much louder than expected each raw track is, about the first, LU."""
    value = np.asarray(expecting(parts, written, raw_levels).under().value)
    return (value - value[0])[: len(parts)].tolist()


ROLES: Levels = {"roles": {"all": {"level": "0 LU"}, "bass": {"level": "-3 LU"}, "guitar": {"level": "2 LU"}}}


def test_tracks_that_are_as_loud_as_their_roles_usually_are_read_0():
    parts = [STRANGER, BASS._replace(level_db=-23.0), GUITAR._replace(level_db=-18.0)]
    np.testing.assert_allclose(beyond(parts, ROLES), 0.0, atol=0.01)
    np.testing.assert_allclose(beyond([STRANGER, BASS, GUITAR], ROLES), [0.0, 3.0, -2.0], atol=0.01)


def test_one_gain_for_all_tracks_changes_nothing_and_the_median_pulls_nobody():
    song = expecting([STRANGER, BASS, GUITAR], ROLES)
    louder = song.under(at_level(song.untouched, 5.0, 5.0, 5.0))
    np.testing.assert_allclose(louder.value[:3], song.under().value[:3], atol=0.01)
    slope = song.climb().gain.level_db
    assert slope[0] == pytest.approx(1.0, abs=1e-3) and not slope[1:].any()


def test_the_middle_track_of_three_is_about_as_loud_as_is_expected():
    value = expecting([STRANGER, BASS, GUITAR], ROLES).under().value
    assert abs(float(value[0])) < 0.5 < 2.0 < float(value[1]) < 3.0 + 0.5


QUIETER_BY_6 = [STRANGER, STRANGER, STRANGER._replace(level_db=-26.0)]


@pytest.mark.parametrize(("slope", "off_lu"), [(0.0, -6.0), (0.5, -3.0), (1.0, 0.0)])
def test_a_slope_keeps_that_share_of_the_recorded_balance(slope: float, off_lu: float):
    assert beyond(QUIETER_BY_6, {"recorded": {"value": slope}})[2] == pytest.approx(off_lu, abs=0.01)


def test_a_track_recorded_as_loud_as_is_usual_for_its_role_is_expected_at_the_usual_level():
    parts = [STRANGER, STRANGER, BASS._replace(level_db=-26.0)]
    # 4 LU below the mean of the three, as basses are said to be recorded
    roles = {"all": {"level": "0 LU"}, "bass": {"level": "-5 LU", "recorded": "-4 LU"}}
    # strangers are 2 LU above what is usual for them
    found = beyond(parts, {"roles": roles, "recorded": {"value": 0.5}})
    assert found[0] - found[2] == pytest.approx(6.0 - (5.0 + 0.5 * 2.0), abs=0.01)


def test_levels_that_are_called_arbitrary_are_no_evidence():
    written: Levels = {"recorded": {"value": 0.6}}
    np.testing.assert_allclose(beyond(QUIETER_BY_6, written, "arbitrary"), beyond(QUIETER_BY_6, {}), atol=0.01)
    assert beyond(QUIETER_BY_6, written, "recorded")[2] > beyond(QUIETER_BY_6, {})[2] + 3.0


def test_tracks_that_are_equally_loud_are_expected_by_their_roles_alone():
    recorded: Levels = {"recorded": {"value": 0.6}}
    parts = [STRANGER, BASS, GUITAR]
    np.testing.assert_allclose(beyond(parts, {**ROLES, **recorded}), beyond(parts, ROLES), atol=0.01)


def test_a_track_that_sounds_in_half_of_the_song_is_one_doubling_of_presence_away():
    half = STRANGER._replace(course=(1.0, 0.0))
    found = beyond([STRANGER, STRANGER, half], {"presence": {"value": "2 LU"}})
    # of 16 frames the gate's smoothing keeps one more
    assert found[2] == pytest.approx(2.0, abs=0.3)


def test_the_tracks_of_a_family_share_and_strangers_do_not():
    company: Levels = {"company": {"value": "-1 LU"}}
    parts = [STRANGER, BASS, GUITAR, GUITAR]
    np.testing.assert_allclose(beyond(parts, company), [0.0, 0.0, 1.0, 1.0], atol=0.01)
    np.testing.assert_allclose(beyond([STRANGER] * 3, company), 0.0, atol=0.01)


def test_what_is_expected_beside_a_lead_is_expected_only_there():
    roles: Levels = {"roles": {"all": {"level": "0 LU"}, "guitar": {"level": "0 LU", "with_lead": "-4 LU"}}}
    assert beyond([STRANGER, GUITAR, VOICE], roles)[1] == pytest.approx(4.0, abs=0.01)
    assert beyond([STRANGER, GUITAR, STRANGER], roles)[1] == pytest.approx(0.0, abs=0.01)


def test_the_treatment_that_takes_off_what_is_too_loud_is_as_expected():
    parts = [STRANGER, BASS._replace(level_db=-35.0), GUITAR, Part(pink(), course=(0.0,))]
    song = expecting(parts, {**ROLES, "recorded": {"value": 0.5}})
    beyond = beyond_expected(song.objective.program.rules, [song.under()])
    assert beyond is not None and not beyond.is_expected[3]
    found = beyond.too_loud_lu
    assert found[3] == 0.0
    treated = at_level(untouched(song.dry), *(-found[:3]).tolist())
    np.testing.assert_allclose(song.under(treated).value[:3], 0.0, atol=0.01)
    assert np.ptp(found[:3]) > 3.0


def test_a_random_shift_moves_roles_against_each_other():
    rule = rule_of("expected_level", {"target": "0 LU", **ROLES})
    shifts = iter([1.0, 2.0, 3.0])
    moved = rule.shifted(lambda: next(shifts))
    assert isinstance(rule, ExpectedLevel) and isinstance(moved, ExpectedLevel)
    assert [moved.roles[role].level - rule.roles[role].level for role in rule.roles] == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"roles": {"bass": {"level": "0 LU"}}}, "needs an entry `all`"),
        ({"roles": {"all": {"level": "0 dB"}}}, "'0 dB' is taken for 0 LU"),
        ({"roles": {"all": {"level": "0 LU", "interval": "1 to 2 Hz"}}}, "Hz"),
        ({"recorded": {"value": 2.0}}, "1.5"),
        ({"presence": {"slope": "1 LU"}}, "presence.slope"),
    ],
)
def test_a_model_that_cannot_be_read_is_refused(written: Levels, message: str):
    with pytest.raises(ValidationError, match=message):
        rule_of("expected_level", {"target": "0 LU", "roles": {"all": {"level": "0 LU"}}, **written})


def test_levels_that_are_no_evidence_are_told_where_a_rule_would_use_them():
    rules = rule_set(rule_of("expected_level", {"target": "0 LU", **ROLES, "recorded": {"value": 0.5}}, "balance"))
    song = song_of([STRANGER, BASS, GUITAR])
    assert notes_on_raw_levels(rules, song, (-20.1, -20.0, -19.9)) == (
        "balance learns nothing from raw levels: all tracks are within 0.2 LU, as if normalised",
    )
    assert notes_on_raw_levels(rules, song, (-20.1, -26.0, -19.9)) == ()
    assert match_report(rules, song).warnings == ()
    arbitrary = replace(song, raw_levels="arbitrary")
    assert match_report(rules, arbitrary).warnings == ("balance takes no raw levels: the song calls them arbitrary",)
    assert notes_on_raw_levels(rules, arbitrary, (-20.1, -20.0, -19.9)) == ()
    by_role = rule_set(rule_of("expected_level", {"target": "0 LU", **ROLES}, "balance"))
    assert match_report(by_role, arbitrary).warnings == ()


def _gains_db(objective: Objective, dry: Dry) -> np.ndarray:
    return np.asarray(at_expected_levels(objective, dry, untouched(dry)).gain.level_db)


def _loudness_lu(parts: Sequence[Part], objective: Objective) -> np.ndarray:
    """Loudness of the tracks under the gains that they start with, about the first, LU."""
    dry = dry_of(parts)
    level = (np.asarray(raw_lufs(dry)) + _gains_db(objective, dry))[: len(parts)]
    return level - level[0]


@pytest.mark.parametrize("gains_db", [(0.0, 0.0, 0.0), (-20.0, 3.0, 9.0)])
def test_treatments_start_at_the_levels_that_are_expected_whatever_those_of_the_files(gains_db: tuple[float, ...]):
    parts = [
        part._replace(level_db=-20.0 + gain) for part, gain in zip([STRANGER, BASS, GUITAR], gains_db, strict=True)
    ]
    start = _loudness_lu(parts, expecting(parts, ROLES, "arbitrary").objective)
    np.testing.assert_allclose(start, [0.0, -3.0, 2.0], atol=0.01)


def test_without_a_rule_that_expects_levels_all_tracks_start_equally_loud():
    parts = [STRANGER._replace(level_db=-30.0), BASS, GUITAR._replace(level_db=-10.0)]
    nobody = rule_of(
        "expected_level", {"target": "0 LU", "for": {"role": "brass"}, "roles": {"all": {"level": "3 LU"}}}
    )
    for rule in (rule_of("pan_position", {"target": "C"}), nobody):
        objective = objective_of([rule], song_of(parts), dry_of(parts))
        np.testing.assert_allclose(_loudness_lu(parts, objective), 0.0, atol=0.01)


def test_a_track_that_is_far_off_starts_within_the_bounds_of_its_level_and_a_silent_one_as_it_is():
    parts = [STRANGER, STRANGER._replace(level_db=-90.0), STRANGER._replace(course=(0.0,))]
    gains = _gains_db(expecting(parts, ROLES, "arbitrary").objective, dry_of(parts))
    low, high = PARTS["gain.level"].limits
    assert (gains > low).all() and (gains < high).all() and gains[2] == 0.0
