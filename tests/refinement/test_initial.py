"""The treatment that refinement starts from without a network."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from hybrid.errors import InputError
from hybrid.knowledge.start_levels import Beyond
from hybrid.measure import loudness
from hybrid.measure.panel import predict
from hybrid.refinement.initial import ROLE_LEVELS_LU, RawFindings, check_start, usual_start
from hybrid.testing.songs import N_TRACKS, untouched
from hybrid.treatment.parts import PARTS, SPREAD_OFF_DB
from hybrid.treatment.types import Treatment, neutral, treatment_parts
from tests.knowledge.made import Part, dry_of, pink, song_of

OFF = np.zeros(N_TRACKS, np.float32)


def _start(*parts: Part, seed: int = 0, corner_hz: np.ndarray = OFF) -> Treatment:
    dry = dry_of(parts)
    return usual_start(untouched(dry), dry, song_of(parts).tracks, RawFindings(corner_hz, None), seed)


def _loudness_lu(*parts: Part) -> np.ndarray:
    """Loudness of the tracks at the start, in LU."""
    dry = dry_of(parts)
    treatment = _start(*parts)
    level = replace(untouched(dry), gain=treatment.gain)
    return np.asarray(loudness.active_lufs(predict(dry, level).track_k, dry.active))[: len(parts)]


LEAD, BASS, GUITAR = "vocal.lead", "bass.electric", "guitar.acoustic"


@pytest.mark.parametrize("levels_db", [(-20.0, -20.0, -20.0), (-35.0, -20.0, -12.0)])
def test_tracks_begin_at_the_usual_levels_of_their_roles_however_loud_they_were(levels_db: tuple[float, ...]):
    roles = zip(levels_db, (LEAD, BASS, GUITAR), strict=True)
    loudness_lu = _loudness_lu(*(Part(pink(), level_db, role=role) for level_db, role in roles))
    expected = np.array([ROLE_LEVELS_LU["vocal.lead"], ROLE_LEVELS_LU["bass"], ROLE_LEVELS_LU["guitar"]])
    np.testing.assert_allclose(loudness_lu - loudness_lu[0], expected - expected[0], atol=0.01)


def test_a_whole_kit_is_louder_than_one_of_its_microphones_and_strangers_are_like_keys():
    kit, snare, stranger, keys = _loudness_lu(
        *(Part(pink(), role=role) for role in ("drums", "drums.snare", "unknown", "keys.piano")))  # fmt: skip
    assert 8.0 <= kit - snare <= 10.0  # the data says so
    assert stranger == pytest.approx(keys, abs=0.01)


def test_the_middle_track_keeps_its_level():
    start = _start(*(Part(pink(), level, role=GUITAR) for level in (-40.0, -20.0, -10.0)))
    np.testing.assert_allclose(start.gain.level_db[:3], [20.0, 0.0, -10.0], atol=0.01)


def test_no_level_begins_at_its_bound():
    start = _start(Part(pink(), 0.0, role=BASS), Part(pink(), 0.0, role=BASS), Part(pink(), -59.0, role=BASS))
    low, high = PARTS["gain.level"].bijector.limits
    assert low < float(start.gain.level_db.min()) and float(start.gain.level_db.max()) < high


def test_only_level_position_and_low_cut_differ_from_the_untreated_song():
    start = treatment_parts(_start(Part(pink(), role=LEAD), Part(pink(), role=GUITAR)))
    untreated = treatment_parts(untouched(dry_of([])))
    others = start.keys() - {"gain.level", "pan.position", "eq.low_cut", "pan.spread", "reverb.send"}
    assert others
    for part in others:
        np.testing.assert_array_equal(start[part], untreated[part])


def test_where_rules_expect_levels_of_nobody_the_usual_ones_of_roles_stay():
    parts = (Part(pink(), role=LEAD), Part(pink(), role=GUITAR))
    dry, tracks, nobody = dry_of(parts), song_of(parts).tracks, np.zeros(N_TRACKS, np.float32)
    levels = [
        usual_start(untouched(dry), dry, tracks, RawFindings(OFF, beyond), 0).gain.level_db
        for beyond in (None, Beyond(nobody, nobody), Beyond(nobody, np.ones(N_TRACKS, np.float32)))
    ]
    np.testing.assert_array_equal(levels[0], levels[1])
    assert np.abs(levels[0]).max() > 0.1 > np.abs(levels[2]).max()


def test_what_need_not_be_in_the_middle_starts_a_little_spread():
    others = (Part(pink(), role=role) for role in (GUITAR, "bass", "drums.kick"))
    start = _start(Part(pink(), role=LEAD, tags=("lead",)), *others)
    spread_db = start.pan.spread_db
    assert spread_db is not None
    np.testing.assert_array_equal(spread_db[:4] > SPREAD_OFF_DB, [False, True, False, False])
    assert spread_db[1] < -15.0


def test_a_low_cut_starts_an_octave_below_its_corner_and_is_off_where_none_is_asked_for():
    corner_hz = np.array([80.0, 0.0, 100.0, 0.0], np.float32)
    start = _start(*[Part(pink(), role=LEAD)] * 3, corner_hz=corner_hz)
    np.testing.assert_allclose(start.eq.low_cut_hz, [40.0, 0.0, 50.0, 0.0])


SIMILAR = (Part(pink(), role=GUITAR), Part(pink(), role="keys.piano"), Part(pink(), role="synth.pad"),
          Part(pink(), role=GUITAR))  # fmt: skip


def test_similar_tracks_start_at_different_positions_around_the_centre():
    position = np.asarray(_start(*SIMILAR).pan.position)
    assert len(set(position.tolist())) == len(SIMILAR)
    assert position.sum() == pytest.approx(0.0, abs=1e-4) and np.abs(position).max() < 50.0


@pytest.mark.parametrize("role", ["bass.synth", "drums.kick", "drums.snare", "drums"])
def test_leads_basses_kicks_and_snares_start_in_the_centre(role: str):
    assert _start(*SIMILAR[:2], Part(pink(), role=role)).pan.position[2] == 0.0
    assert _start(*SIMILAR[:2], Part(pink(), role=GUITAR, tags=("lead",))).pan.position[2] == 0.0


def test_the_start_is_the_same_for_a_seed_and_another_for_another():
    first, again = _start(*SIMILAR, seed=1), _start(*SIMILAR, seed=1)
    jax.tree.map(np.testing.assert_array_equal, first, again)
    places = {tuple(np.asarray(_start(*SIMILAR, seed=seed).pan.position).tolist()) for seed in range(4)}
    assert len(places) > 1


def test_silent_tracks_and_padding_are_left_as_they_are():
    start = _start(Part(pink(), role=LEAD), Part(pink(), course=(0.0,), role=GUITAR), Part(pink(), -10.0, role=BASS))
    assert start.gain.level_db[1] == 0.0 and start.gain.level_db[3] == 0.0
    assert np.isfinite(np.asarray(start.gain.level_db)).all()


def test_a_treatment_of_another_song_or_with_another_room_is_no_start():
    like = neutral(6, 4.0, 0.2)
    check_start(like, like)
    with pytest.raises(InputError, match=r"start: gain.level has the shape \(4,\), expected \(6,\)\n\nhint: propose"):
        check_start(neutral(4, 4.0, 0.2), like)
    with pytest.raises(InputError, match=r"start: has the parts .*, reverb.send, .*, expected gain.level, "):
        check_start(neutral(6, 4.0, 0.2, optional=("reverb",)), like)
