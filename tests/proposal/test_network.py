"""Files of weights, and what a network says of a song: sound, whole, and no more sure of it than it may be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file, save_file

from hybrid.audio.families import FAMILIES
from hybrid.audio.song import Song, Track
from hybrid.errors import InputError
from hybrid.knowledge.resolve import load_rules
from hybrid.mixing.plan import blank_task
from hybrid.model.field import Field
from hybrid.model.input_features import NETWORK_FRAME_S
from hybrid.model.sizes import Sizes
from hybrid.proposal.field import (
    MIN_CONFIDENCE,
    HeardRoles,
    classify_tracks,
    conditioning_of,
    expected_start,
    proposed,
    with_classified_roles,
)
from hybrid.proposal.weights import SHIPPED, Network, load_network, save_network, weights_of
from hybrid.refinement.refine import negative_gradient
from hybrid.training.recipe import read_recipe
from hybrid.treatment.types import neutral
from tests.treatment.made import random_dry

ROLES = ("bass", "guitar", "vocal.lead")
SMALL = {"frame": 8, "whole": 8, "n_heads": 2, "n_frame_blocks": 1, "n_moment_blocks": 1, "n_whole_blocks": 1}
SIZES = Sizes(len(ROLES), len(FAMILIES), **SMALL)
LEAD = """\
schema: mixrules/1
id: lead
title: One rule
license: CC0-1.0
rules:
  - id: lead.level
    type: lead_to_rest_ratio
    for: {{role: vocal}}
    against: {{role: all, not: {{role: vocal}}}}
    target: {target}
    tolerance: 1 LU
    acts_on: [gain.level]
    evidence: guess
"""


@pytest.fixture(scope="module")
def network() -> Network:
    field = Field(SIZES, nnx.Rngs(0))
    field.family_head.bias[...] = field.family_head.bias[...].at[3].set(5.0)
    return Network(field, ROLES, tuple(FAMILIES), {"recipe": "none"}, "")


@pytest.fixture
def path(network: Network, tmp_path: Path) -> Path:
    save_network(network, SIZES, tmp_path / "mine.safetensors")
    return tmp_path / "mine.safetensors"


def test_weights_come_back_as_they_were_and_have_a_hash_of_their_own(network: Network, path: Path):
    again = load_network(str(path))
    assert (again.roles, again.families, again.about) == (ROLES, tuple(FAMILIES), {"recipe": "none"})
    before, after = weights_of(network.field), weights_of(again.field)
    assert before.keys() == after.keys()
    for name, weight in before.items():
        np.testing.assert_array_equal(weight, after[name], err_msg=name)
    changed = {**load_file(path), "norm.bias": np.ones(8, np.float32)}
    _write(path, changed)
    assert load_network(str(path)).hash != again.hash


def _said(path: Path) -> dict:
    head = path.read_bytes()
    n = int.from_bytes(head[:8], "little")
    return json.loads(json.loads(head[8 : 8 + n])["__metadata__"]["network"])


def _write(path: Path, arrays: dict[str, np.ndarray], **said: object) -> None:
    save_file(arrays, path, {"network": json.dumps({**_said(path), **said})})


def test_weights_that_do_not_fit_are_refused_with_what_is_wrong(path: Path):
    arrays = load_file(path)
    _write(path, {name: x for name, x in arrays.items() if name != "norm.bias"} | {"other": np.zeros(3)})
    with pytest.raises(InputError) as error:
        load_network(str(path))
    assert "norm.bias: is missing" in str(error.value) and "other: fits nowhere" in str(error.value)
    _write(path, {**arrays, "norm.bias": np.zeros(9, np.float32)})
    with pytest.raises(InputError, match=r"norm.bias: has the shape \(9,\), expected \(8,\)"):
        load_network(str(path))
    _write(path, {**arrays, "norm.bias": np.full(8, np.nan, np.float32)})
    with pytest.raises(InputError, match=r"norm\.bias: holds NaN or infinity"):
        load_network(str(path))


def test_weights_of_another_version_are_told_so(path: Path):
    _write(path, load_file(path), schema="weights/9")
    with pytest.raises(InputError, match="format 'weights/9', expected 'weights/2'"):
        load_network(str(path))
    _write(path, load_file(path), schema="weights/2", sizes={"depth": 3})
    with pytest.raises(InputError, match=r"sizes\.n_roles: is missing"):
        load_network(str(path))


@pytest.mark.parametrize("keep", [0, 4, 200, -50])
def test_a_damaged_file_is_no_file_of_weights(path: Path, keep: int):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match="is not a file of weights"):
        load_network(str(path))


def test_a_network_that_is_not_there_is_met_with_those_that_are(tmp_path: Path):
    with pytest.raises(InputError, match="no such network: 'bass'; did you mean base"):
        load_network("bass")
    with pytest.raises(InputError, match="no such file"):
        load_network(str(tmp_path / "none.safetensors"))


def test_the_shipped_weights_are_sound_and_small():
    path = SHIPPED / "base.safetensors"
    assert path.stat().st_size < 11e6
    network = load_network("base")
    assert network.families == tuple(FAMILIES)
    card = (SHIPPED / "base.md").read_text()
    assert network.hash in card and network.about["recipe"] in card
    # what the card says made them is what the recipe is today
    assert network.about["recipe"] == read_recipe("base").hash
    assert network.about["follow.recipe"] == read_recipe("follow").hash
    assert network.about["follow.recipe"] in card


def _tracks(*roles: str) -> tuple[Track, ...]:
    return tuple(Track(f"t{n}", (), 1, role, (), 1.0) for n, role in enumerate(roles))


def test_hints_know_roles_leads_and_a_seat_for_each():
    tracks = (replace(_tracks("guitar")[0], tags=("lead",)), *_tracks("unknown", "kazoo", "bass"))
    conditioning = conditioning_of(tracks, ROLES, 6, seed=0, is_recorded=True)
    assert conditioning.role.tolist() == [2, 0, 0, 1, 0, 0]
    assert conditioning.leads.tolist() == [1, 0, 0, 0, 0, 0]
    assert sorted(conditioning.side[:4].tolist()) == pytest.approx([-1.0, -1 / 3, 1 / 3, 1.0])
    assert conditioning.side.tolist() == conditioning_of(tracks, ROLES, 6, seed=0, is_recorded=True).side.tolist()
    assert conditioning_of(_tracks("bass"), ROLES, 4, seed=0, is_recorded=True).side.tolist() == [0, 0, 0, 0]


def test_the_order_of_the_tracks_moves_no_seat():
    tracks = _tracks("bass", "guitar", "guitar", "unknown", "bass")
    order = [3, 0, 4, 1, 2]
    seats = conditioning_of(tracks, ROLES, 5, seed=1, is_recorded=True).side
    assert conditioning_of(tuple(tracks[k] for k in order), ROLES, 5, seed=1, is_recorded=True).side.tolist() == [
        float(seats[k]) for k in order
    ]


def test_names_are_not_listened_to(network: Network):
    dry = random_dry(4, 24)
    named, nameless = (classify_tracks(network, dry, _tracks(*[role] * 4)) for role in ("bass", "unknown"))
    assert named == nameless and set(named.family) == {tuple(FAMILIES)[3]}


def test_only_what_is_unknown_and_sure_takes_a_heard_role():
    song = Song("s", Path(), _tracks("unknown", "unknown", "guitar"), 44100, 44100)
    heard = with_classified_roles(
        song, HeardRoles(("bass", "kick", "voice"), (MIN_CONFIDENCE + 0.1, MIN_CONFIDENCE - 0.1, 0.99))
    )
    assert [track.role for track in heard.tracks] == ["bass", "unknown", "guitar"]
    assert heard.tracks[0].confidence == MIN_CONFIDENCE + 0.1
    assert heard.notes == ("t0 sounds like bass (60%): taken as bass",)


@pytest.mark.long
def test_what_the_rules_ask_moves_what_is_proposed(network: Network, tmp_path: Path):
    """Not even trained for rules like these: they pull, and it follows."""
    dry = random_dry(3, 24)
    song = Song("s", Path(), _tracks("vocal.lead", "bass", "guitar"), 44100, 24 * 17640)
    nothing = neutral(3, 24 * dry.frame_s, NETWORK_FRAME_S)

    def lead_db(target: str) -> float:
        path = tmp_path / f"{target}.yaml"
        path.write_text(LEAD.format(target=target))
        task = blank_task(song, dry, load_rules([str(path)]), nothing)
        conditioning = conditioning_of(song.tracks, network.roles, 3, 0, is_recorded=True)
        start = expected_start(task.objective, dry, nothing)
        level_db = np.asarray(proposed(network, dry, start, conditioning, negative_gradient(task)).gain.level_db)
        return float(level_db[0] - level_db[1:].mean())

    soft, middle, loud = (lead_db(target) for target in ("-6 LU", "0 LU", "6 LU"))
    assert soft < middle - 0.5 < middle + 0.5 < loud


def test_an_unknown_role_is_no_hint_at_all():
    roles = ("bass", "unknown", "vocal.lead")
    assert conditioning_of(
        _tracks("bass", "unknown", "vocal.lead", "strings"), roles, 5, seed=0, is_recorded=True
    ).role.tolist() == [
        1,
        0,
        3,
        0,
        0,
    ]
