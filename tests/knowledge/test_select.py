from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from hybrid.audio.song import Song, Track
from hybrid.knowledge.select import RoleName, Selector, by_role, name_roles, select


def _track(name: str, role: str, *tags: str) -> Track:
    return Track(name, (Path(f"{name}.wav"),), 1, role, tags, 1.0)


TRACKS = (
    _track("Kick", "drums.kick"),
    _track("Snare", "drums.snare"),
    _track("Bass DI", "bass.electric"),
    _track("Gtr L", "guitar.electric"),
    _track("Gtr Ac", "guitar.acoustic"),
    _track("Gtr Solo", "guitar.electric", "lead"),
    _track("Vox", "vocal.lead", "lead"),
    _track("Noise", "unknown"),
)
SETS = {
    "rhythm": Selector.model_validate({"role": "guitar", "not": {"tag": "lead"}}),
    "low": Selector.model_validate({"role": ["drums.kick", "bass"]}),
    "not_rhythm": Selector.model_validate({"not": {"set": "rhythm"}}),
}


def _names(selector: object) -> list[str]:
    return [TRACKS[i].id for i in select(Selector.model_validate(selector), TRACKS, SETS)]


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ("all", [track.id for track in TRACKS]),
        ({"role": "all"}, [track.id for track in TRACKS]),
        ({"role": "guitar"}, ["Gtr L", "Gtr Ac", "Gtr Solo"]),
        ({"role": "guitar.*"}, ["Gtr L", "Gtr Ac", "Gtr Solo"]),
        ({"role": "guitar.electric"}, ["Gtr L", "Gtr Solo"]),
        ({"role": ["bass", "drums.kick"]}, ["Kick", "Bass DI"]),
        ({"tag": "lead"}, ["Gtr Solo", "Vox"]),
        ({"name": "/^gtr/i"}, ["Gtr L", "Gtr Ac", "Gtr Solo"]),
        ({"name": "/^gtr/"}, []),
        ({"name": "gtr l"}, ["Gtr L"]),
        ({"name": "Gtr"}, []),
        ({"name": "gtr (l)"}, []),
        ({"bus": "drums"}, ["Kick", "Snare"]),
        ({"bus": "mix"}, [track.id for track in TRACKS]),
        ({"bus": "master"}, [track.id for track in TRACKS]),
        ({"set": "rhythm"}, ["Gtr L", "Gtr Ac"]),
        ({"role": "guitar", "tag": "lead"}, ["Gtr Solo"]),
        ({"role": "guitar", "not": {"name": "/Ac/"}}, ["Gtr L", "Gtr Solo"]),
        ({"set": "not_rhythm", "role": "guitar"}, ["Gtr Solo"]),
        ({"not": {"not": {"tag": "lead"}}}, ["Gtr Solo", "Vox"]),
        ({"role": "brass"}, []),
    ],
)
def test_every_key_of_a_selector_narrows_it(selector: object, names: list[str]):
    assert _names(selector) == names


@pytest.mark.parametrize(
    "selector", ["kick", {}, {"roll": "bass"}, {"name": "/gtr"}, {"name": "/(/"}, {"name": " "}, None, 3]
)
def test_what_selects_nothing_in_particular_is_refused(selector: object):
    with pytest.raises(ValidationError):
        Selector.model_validate(selector)


@pytest.mark.parametrize(
    "selector", ["all", {"role": ["a", "b"], "not": {"tag": "c"}}, {"name": "/^x/i"}, {"name": "x.y"}]
)
def test_a_selector_is_written_as_it_was_read(selector: object):
    assert Selector.model_validate(selector).model_dump(mode="json") == selector


def test_names_give_roles_to_unknown_tracks_only_and_the_first_match_wins():
    names = [
        RoleName.model_validate({"match": "/nois/i", "role": "fx", "tags": ["low"]}),
        RoleName.model_validate({"match": "/./", "role": "bass"}),
    ]
    renamed = name_roles(Song("song", Path(), TRACKS, 44100, 44100), names).tracks
    assert (renamed[-1].role, renamed[-1].tags) == ("fx", ("low",))
    assert renamed[:-1] == TRACKS[:-1]


def test_the_most_specific_pattern_of_a_table_counts():
    table = {"all": 1, "vocal": 2, "vocal.backing": 3, "guitar.*": 4}
    found = {role: by_role(table, role) for role in ("vocal.lead", "vocal.backing", "guitar.acoustic", "bass")}
    assert found == {"vocal.lead": 2, "vocal.backing": 3, "guitar.acoustic": 4, "bass": 1}
    assert by_role({"vocal": 2}, "bass") is None
