"""Every role has a family, and every family a role."""

from __future__ import annotations

import pytest

from hybrid.audio.families import FAMILIES, ROLE_OF, family_of
from hybrid.audio.roles import ROLES


def test_every_role_but_unknown_has_a_family():
    assert {role for role in ROLES if family_of(role) is None} == {"unknown"}


@pytest.mark.parametrize(
    ("role", "family"),
    [
        ("drums.kick", "kick"),
        ("drums", "kit"),
        ("drums.overheads", "cymbals"),
        ("bass.synth", "bass"),
        ("synth.lead", "melody"),
        ("synth.pad", "chords"),
        ("keys.mallet", "melody"),
        ("keys.piano", "chords"),
        ("vocal.backing", "voice"),
        ("fx", "noise or effect"),
    ],
)
def test_a_role_is_of_the_closest_family(role: str, family: str):
    assert family_of(role) == family


def test_a_family_stands_for_a_role_of_its_own():
    assert ROLE_OF.keys() == FAMILIES.keys()
    assert all(family_of(role) == family for family, role in ROLE_OF.items())
