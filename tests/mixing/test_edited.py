"""A song of three tracks under a person's moves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.audio.read import open_song
from hybrid.audio.song import Song, Track
from hybrid.edits.file import option_edits
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.mixing.edited import edited, plan_edited, without_muted
from hybrid.mixing.plan import MixConfig, Plan, plan_mix
from hybrid.mixing.settings import read_settings, settings
from hybrid.treatment.makeup import undo_makeup
from hybrid.treatment.types import treatment_parts

pytestmark = pytest.mark.long

RATE, SECONDS = 22050, 12
CONFIG = MixConfig(300)


def _still(stage: str, share: float) -> None:
    pass


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    folder, rng = tmp_path_factory.mktemp("song"), np.random.default_rng(0)
    time_s = np.arange(SECONDS * RATE) / RATE
    sounds = {
        "voice": ("vocal.lead", 0.1 * np.sign(np.sin(2 * np.pi * 220.0 * time_s)) * (time_s % 1.7 < 1.2)),
        "bass": ("bass", 0.1 * np.sin(2 * np.pi * 65.0 * time_s)),
        "guitar": ("guitar", 0.05 * rng.standard_normal(len(time_s)) * (time_s % 0.9 < 0.7)),
    }
    tracks = []
    for name, (role, sound) in sounds.items():
        soundfile.write(folder / f"{name}.wav", sound, RATE, subtype="FLOAT")
        tracks.append(Track(name, (folder / f"{name}.wav",), 1, role, (), 1.0))
    return Song("song", folder, tuple(tracks), RATE, SECONDS * RATE)


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules(["fidelity", "output"])


@pytest.fixture(scope="module")
def own(song: Song, rules: RuleSet) -> Plan:
    with open_song(song) as reader:
        return plan_mix(song, reader, rules, CONFIG, _still)


def _parts(plan: Plan) -> dict[str, np.ndarray]:
    """As refinement has them: levels are those after make-up."""
    treatment = undo_makeup(plan.analysis.dry, plan.refined.treatment)
    return {name: np.asarray(value)[:3] for name, value in treatment_parts(treatment).items() if value.ndim}


def _moved(own: Plan, rules: RuleSet, *texts: str) -> dict[str, np.ndarray]:
    return _parts(edited(own, own.song, rules, option_edits(texts), _still))


def test_a_move_is_made_by_as_much_as_it_says(own: Plan, rules: RuleSet):
    before = _parts(own)
    after = _moved(own, rules, "guitar gain.level +3 dB", "voice pan.position L40")
    assert after["gain.level"][2] - before["gain.level"][2] == pytest.approx(3.0, abs=0.02)
    assert after["pan.position"][0] == -40.0


def test_a_pinned_track_stays_as_it_was_while_others_are_moved(own: Plan, rules: RuleSet):
    before, after = _parts(own), _moved(own, rules, "bass pin", "guitar gain.level +6 dB")
    assert len(before) > 6
    for name in before:
        np.testing.assert_allclose(after[name][1], before[name][1], atol=0.02, err_msg=name)


def test_what_nothing_pulls_at_stays_where_it_is(own: Plan, rules: RuleSet):
    before, after = _parts(own), _moved(own, rules, "voice pan.position L10")
    assert np.abs(after["gain.level"] - before["gain.level"]).max() < 0.3
    assert np.abs(after["eq.tone"] - before["eq.tone"]).max() < 0.3


def test_limits_are_kept(own: Plan, rules: RuleSet):
    assert -5.0 <= _moved(own, rules, "guitar pan.position within L5 to R5")["pan.position"][2] <= 5.0


def test_edits_of_given_settings_are_of_these_and_of_the_tracks_that_sound(
    song: Song, rules: RuleSet, own: Plan, tmp_path: Path
):
    (tmp_path / "settings.json").write_text(json.dumps(settings(song, own.refined.treatment)))
    given = read_settings(tmp_path / "settings.json")
    config = CONFIG._replace(settings=given, edits=option_edits(["bass mute", "guitar gain.level +2 dB", "voice pin"]))
    heard, _ = without_muted(song, config)
    with open_song(heard) as reader:
        plan = plan_edited(None, song, reader, rules, config, _still)
    assert [track.id for track in plan.song.tracks] == ["voice", "guitar"]
    level = np.asarray(undo_makeup(plan.analysis.dry, plan.refined.treatment).gain.level_db)
    before = _parts(own)["gain.level"]
    assert level[0] - before[0] == pytest.approx(0.0, abs=0.05)
    assert level[1] - before[2] == pytest.approx(2.0, abs=0.05)


def test_what_a_move_is_about_is_written_down(own: Plan, rules: RuleSet):
    moves = option_edits(["guitar eq.tone +3 dB at 300-800 Hz"])
    moved = {(each.rule, each.target): each for each in edited(own, own.song, rules, moves, _still).moved}
    change = moved["keep.timbre", "guitar"]
    assert change.unit == "dB" and change.after > change.before + 0.5
    # no rule on levels, and none of the other tracks
    assert not any(rule.startswith("lead.level") for rule, _ in moved)
    assert {target for rule, target in moved if rule == "keep.timbre"} == {"guitar"}
    assert own.moved == ()
