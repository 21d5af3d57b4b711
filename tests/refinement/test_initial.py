from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from hybrid.measure import loudness
from hybrid.measure.panel import predict
from hybrid.refinement.initial import ROLE_LEVELS_LU, role_start
from hybrid.treatment.bounds import RANGES
from hybrid.treatment.types import Treatment, treatment_parts
from tests.knowledge.made import N_TRACKS, Part, dry_of, pink, song_of, untouched

OFF = np.zeros(N_TRACKS, np.float32)


def _start(*parts: Part, seed: int = 0, corner_hz: np.ndarray = OFF) -> Treatment:
    dry = dry_of(parts)
    return role_start(untouched(dry), dry, song_of(parts).tracks, corner_hz, seed)


def _loudness_lu(*parts: Part) -> np.ndarray:
    """Loudness of the tracks at the start."""
    dry = dry_of(parts)
    treatment = _start(*parts)
    level = replace(untouched(dry), gain=treatment.gain)
    return np.asarray(loudness.active_lufs(predict(dry, level).track_k, dry.active))[: len(parts)]


LEAD, BASS, GUITAR = "vocal.lead", "bass.electric", "guitar.acoustic"


@pytest.mark.parametrize("levels_db", [(-20.0, -20.0, -20.0), (-35.0, -20.0, -12.0)])
def test_tracks_begin_at_the_usual_levels_of_their_roles_however_loud_they_were(levels_db: tuple[float, ...]):
    roles = zip(levels_db, (LEAD, BASS, GUITAR), strict=True)
    found = _loudness_lu(*(Part(pink(), level_db, role=role) for level_db, role in roles))
    wanted = np.array([ROLE_LEVELS_LU["vocal.lead"], ROLE_LEVELS_LU["bass"], ROLE_LEVELS_LU["guitar"]])
    np.testing.assert_allclose(found - found[0], wanted - wanted[0], atol=0.01)


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
    limits = RANGES["gain.level"]
    assert limits.low < float(start.gain.level_db.min()) and float(start.gain.level_db.max()) < limits.high


def test_nothing_else_is_done_than_level_place_and_low_cut():
    start = treatment_parts(_start(Part(pink(), role=LEAD), Part(pink(), role=GUITAR)))
    untreated = treatment_parts(untouched(dry_of([])))
    others = start.keys() - {"gain.level", "pan.position", "eq.low_cut", "reverb.send"}
    assert others
    for part in others:
        np.testing.assert_array_equal(start[part], untreated[part])


def test_a_low_cut_begins_an_octave_below_its_corner_and_is_off_where_none_is_asked():
    corner_hz = np.array([80.0, 0.0, 100.0, 0.0], np.float32)
    start = _start(*[Part(pink(), role=LEAD)] * 3, corner_hz=corner_hz)
    np.testing.assert_allclose(start.eq.low_cut_hz, [40.0, 0.0, 50.0, 0.0])


PLACES = (Part(pink(), role=GUITAR), Part(pink(), role="keys.piano"), Part(pink(), role="synth.pad"),
          Part(pink(), role=GUITAR))  # fmt: skip


def test_similar_tracks_begin_at_different_places_around_the_centre():
    position = np.asarray(_start(*PLACES).pan.position)
    assert len(set(position.tolist())) == len(PLACES)
    assert position.sum() == pytest.approx(0.0, abs=1e-4) and np.abs(position).max() < 50.0


@pytest.mark.parametrize("role", ["bass.synth", "drums.kick", "drums.snare", "drums"])
def test_what_carries_the_song_begins_in_the_centre(role: str):
    assert _start(*PLACES[:2], Part(pink(), role=role)).pan.position[2] == 0.0
    assert _start(*PLACES[:2], Part(pink(), role=GUITAR, tags=("lead",))).pan.position[2] == 0.0


def test_the_start_is_the_same_for_a_seed_and_another_for_another():
    first, again = _start(*PLACES, seed=1), _start(*PLACES, seed=1)
    jax.tree.map(np.testing.assert_array_equal, first, again)
    places = {tuple(np.asarray(_start(*PLACES, seed=seed).pan.position).tolist()) for seed in range(4)}
    assert len(places) > 1


def test_silent_tracks_and_padding_are_left_as_they_are():
    start = _start(Part(pink(), role=LEAD), Part(pink(), course=(0.0,), role=GUITAR), Part(pink(), -10.0, role=BASS))
    assert start.gain.level_db[1] == 0.0 and start.gain.level_db[3] == 0.0
    assert np.isfinite(np.asarray(start.gain.level_db)).all()
