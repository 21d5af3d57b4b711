"""Bands of every style: players, takes, and one song for each seed."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid.audio.roles import ROLES, guess, matches
from hybrid.corpus.synthetic.band import Take, play_band, style_of
from hybrid.corpus.synthetic.signals import SAMPLE_RATE
from hybrid.corpus.synthetic.styles import STYLES

pytestmark = pytest.mark.long

ROCK, SOUL, ORCHESTRA = 5, 4, 7


@pytest.fixture(scope="module")
def rock() -> list[Take]:
    return play_band(ROCK)


def test_a_seed_gives_one_song(rock: list[Take]):
    again = play_band(ROCK)
    assert [take.name for take in again] == [take.name for take in rock]
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(again, rock, strict=True))


def test_every_style_has_its_seeds():
    assert {style_of(seed).name for seed in range(60)} == {style.name for style in STYLES}


def test_takes_are_of_one_length_and_not_silent(rock: list[Take]):
    (n,) = {take.samples.shape[1] for take in rock}
    assert 15.0 < n / SAMPLE_RATE < 45.0
    for take in rock:
        assert np.isfinite(take.samples).all(), take.name
        assert np.sqrt(np.mean(np.square(take.samples))) > 1e-3, take.name


def test_a_take_has_a_role_and_a_name_of_no_other_family(rock: list[Take]):
    assert rock
    for take in rock:
        assert take.role in ROLES
        guessed = guess(take.name).role
        assert guessed == "unknown" or matches(guessed.partition(".")[0], take.role), (take.name, guessed)


def test_names_of_all_players_are_read_as_their_family():
    named = [(name, player.role) for style in STYLES for player in style.players for name in player.names]
    assert len(named) > len(STYLES)
    for name, role in named:
        guessed = guess(f"01_{name}").role
        assert guessed == "unknown" or matches(guessed.partition(".")[0], role), (name, guessed)


def test_a_kit_may_come_as_one_stereo_track():
    takes = play_band(SOUL)
    (kit,) = [take for take in takes if take.role == "drums"]
    assert kit.samples.shape[0] == 2
    assert not any(take.role in ("drums.kick", "drums.snare") for take in takes)


def test_an_orchestra_has_no_kit_and_strings_on_both_sides():
    takes = play_band(ORCHESTRA)
    assert not any(take.role.startswith("drums") for take in takes)
    assert [take.samples.shape[0] for take in takes if take.role == "strings"][:2] == [2, 2]
