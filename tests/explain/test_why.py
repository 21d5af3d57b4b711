"""Why rules of a real song of three tracks are broken, from its files on."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid.audio.song import Song
from hybrid.explain.why import UNSATISFIED, Why, why_of
from hybrid.knowledge.ruleset import RuleSet
from tests.knowledge.made import rule_of, rule_set
from tests.mixing.made import song_of, sounds

LEAD = {"for": {"tag": "lead"}, "against": {"not": {"tag": "lead"}}, "acts_on": ["gain.level"]}


def _rules() -> RuleSet:
    """A lead that is asked to be far in front, one that is asked to be far behind, and others."""
    return rule_set(
        rule_of("lead_to_rest_ratio", {**LEAD, "min": "20 LU"}, "in-front"),
        rule_of("lead_to_rest_ratio", {**LEAD, "max": "-20 LU"}, "behind"),
        rule_of("lead_to_rest_ratio", {**LEAD, "range": "-60 to 60 LU"}, "anywhere"),
        rule_of("lead_to_rest_ratio", {**LEAD, "min": "25 LU", "enabled": False}, "off"),
        rule_of("lead_to_rest_ratio", {**LEAD, "for": {"role": "brass"}, "min": "0 LU"}, "nobody"),
        rule_of("pan_position", {"target": "R60", "for": {"role": "bass"}}, "bass-right"),
        rule_of("integrated_loudness", {"target": "-16 LUFS", "tolerance": "0.5 LU", "acts_on": ["master"]}, "loud"),
    )


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    made = sounds()
    return song_of(tmp_path_factory.mktemp("why") / "song", {name: made[name] for name in ("voice", "bass", "drums")})


@pytest.fixture(scope="module")
def why(song: Song) -> dict[str, Why]:
    """Each rule explained; one program serves all."""
    rules = _rules()
    return {rule.id: why_of(rule.id, rules, song, 0, lambda stage, share: None) for rule in rules.rules}


def test_a_lead_that_is_too_low_is_to_be_raised_or_the_rest_lowered(why: dict[str, Why]):
    (target,) = why["in-front"].targets
    assert target.start.excess > 1.0
    assert all((move.amount > 0.0) == (move.track == "voice") for move in target.moves)
    assert target.moves[0].track == "voice"


def test_a_lead_that_is_too_high_is_to_be_lowered(why: dict[str, Why]):
    (target,) = why["behind"].targets
    assert target.moves and all((move.amount < 0.0) == (move.track == "voice") for move in target.moves)


def test_the_raw_sum_is_told_beside_the_start(why: dict[str, Why]):
    (target,) = why["in-front"].targets
    assert target.raw is not None
    assert abs(target.raw - target.start.value) > 0.5  # role levels move it


def test_only_parts_that_the_rule_may_move_are_told(why: dict[str, Why]):
    parts = {move.part for target in why["in-front"].targets for move in target.moves}
    assert parts == {"gain.level"}


def test_opposite_wishes_are_in_conflict_over_the_lead(why: dict[str, Why]):
    others = {other.id: other for other in why["in-front"].others}
    assert others["behind"].cosine == pytest.approx(-1.0, abs=1e-3)
    assert (others["behind"].relation, others["behind"].over) == ("conflict", "level of voice")
    assert others["bass-right"].relation == "neither"
    assert why["in-front"].others[0].id == "behind"


def test_only_rules_that_are_on_and_unsatisfied_pull(why: dict[str, Why]):
    assert {other.id for other in why["in-front"].others} <= {"behind", "bass-right", "loud"}
    assert all(other.penalty > UNSATISFIED for other in why["in-front"].others)


def test_a_rule_that_is_off_is_explained_as_if_it_were_on(why: dict[str, Why]):
    others = {other.id: other.relation for other in why["off"].others}
    assert why["off"].n_broken == 1
    assert (others["in-front"], others["behind"]) == ("ally", "conflict")


def test_a_rule_that_is_kept_needs_no_move_and_fears_what_would_break_it(why: dict[str, Why]):
    kept = why["anywhere"]
    assert kept.rule.kept
    assert (kept.n_broken, kept.targets[0].start.excess) == (0, 0.0)
    assert all(abs(move.amount) < 1e-6 for move in kept.targets[0].moves)
    assert {other.id: other.relation for other in kept.others}["behind"] in ("ally", "conflict")


def test_a_rule_that_matches_nothing_has_nothing_to_tell(why: dict[str, Why]):
    assert why["nobody"].targets == ()
    assert why["nobody"].others == ()


def test_what_only_the_output_level_meets_is_flat(why: dict[str, Why]):
    assert why["loud"].is_flat
    assert not why["in-front"].is_flat


def test_the_same_song_gives_the_same_answer(song: Song, why: dict[str, Why]):
    assert why_of("in-front", _rules(), song, 0, lambda stage, share: None) == why["in-front"]


def test_the_folder_of_the_song_is_left_as_it_was(song: Song, why: dict[str, Why]):
    assert sorted(path.name for path in Path(song.folder).iterdir()) == ["bass.wav", "drums.wav", "voice.wav"]
