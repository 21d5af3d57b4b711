"""What a person moves again and again becomes rules; what does not agree with itself is left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hybrid.calibrate.learned import learn_rules
from hybrid.calibrate.learned_text import learned_text
from hybrid.calibrate.write import Label
from hybrid.cli.rules_learn import learn
from hybrid.errors import InputError
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet

Moves = dict[tuple[str, str], tuple[float, float]]
LABEL = Label("own", "base", "moves by hand", "", "hybrid rules learn")


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules(["base"])


def _mix(
    folder: Path, rules: RuleSet, moves: Moves, *, inputs: str | None = None, of: str = "", rest: Moves | None = None
) -> Path:
    """A mix whose tracks are named after their roles; values before and after by rule and target."""
    folder.mkdir()
    moved = [{"rule": rule, "target": name, "before": a, "after": b} for (rule, name), (a, b) in moves.items()]
    there = {**moves, **(rest or {})}
    after = [{"id": rule, "targets": [{"name": name}]} for rule, name in there]
    (folder / "verdict.json").write_text(json.dumps({"moved": moved, "after": {"rules": after}}))
    tracks = [{"id": name, "role": name} for _, name in there]
    made_with = {"rules": rules.hash, "inputs": inputs or folder.name, **({"settings": of} if of else {})}
    (folder / "settings.json").write_text(json.dumps({"tracks": tracks, "made_with": made_with}))
    return folder


def _louder(by: float) -> Moves:
    return {("balance.expected", "vocal.lead"): (0.2, 0.2 + by), ("lead.level", "vocal.lead"): (-3.0, -3.0 + by)}


def test_a_habit_moves_the_target_by_its_mean_and_says_how_often(tmp_path: Path, rules: RuleSet):
    folders = [_mix(tmp_path / name, rules, _louder(by)) for name, by in (("a", 1.0), ("b", 2.0), ("c", 3.0))]
    learned = learn_rules(folders, rules)
    path = tmp_path / "own.yaml"
    path.write_text(learned_text(learned, rules, LABEL))
    own = {rule.id: rule for rule in load_rules([str(path)]).rules}
    before = {rule.id: rule for rule in rules.rules}
    target = before["lead.level"].target
    assert target is not None and own["lead.level"].target == pytest.approx(target + 2.0)
    level, was = own["balance.expected"].by_role(), before["balance.expected"].by_role()
    assert level["vocal.lead"][0] == pytest.approx(was["vocal.lead"][0] + 2.0)
    # nobody else is asked for anything else
    assert {**level, "vocal.lead": None} == {**was, "vocal.lead": None}
    assert own["lead.level"].evidence == "own"
    assert "moved in 3 of 3 songs, 3 up, +2 LU on average, standard error 0.58" in own["lead.level"].notes


def test_a_song_where_nothing_was_changed_counts(tmp_path: Path, rules: RuleSet):
    folders = [_mix(tmp_path / name, rules, _louder(3.0)) for name in "ab"]
    moves: Moves = {("usual.place", "guitar.electric"): (0.0, 1.0)}
    folders.append(_mix(tmp_path / "c", rules, moves, rest=_louder(0.0)))
    learned = learn_rules(folders, rules)
    (lead,) = [habit for habit in learned.used if habit.rule == "lead.level"]
    assert (lead.n_songs, lead.n_up, lead.n_down) == (3, 2, 0)
    assert lead.shift == pytest.approx(2.0)
    assert learned.left == ("usual.place of guitar.electric: moved in 1 of 1 songs, 1 up: too few to be a habit",)


def test_what_contradicts_itself_is_left_with_its_counts(tmp_path: Path, rules: RuleSet):
    folders = [_mix(tmp_path / name, rules, _louder(by)) for name, by in (("a", 2.0), ("b", -2.0), ("c", 2.0))]
    learned = learn_rules(folders, rules)
    assert learned.patch == {}
    assert learned.left[0] == "lead.level: contradicts itself: moved in 3 of 3 songs, 2 up and 1 down"
    assert "contradicts itself" in learned_text(learned, rules, LABEL)


def test_a_role_without_a_number_of_its_own_gets_one(tmp_path: Path, rules: RuleSet):
    moves: Moves = {("balance.expected", "guitar.bass-vi"): (0.0, -2.0)}
    learned = learn_rules([_mix(tmp_path / name, rules, moves) for name in "ab"], rules)
    entry = learned.patch["balance.expected"]["roles"]
    assert entry == {"guitar.bass-vi": {"level": "1 LU", "recorded": "3.4 LU"}}


def test_a_limit_yields_only_to_what_lies_beyond_it(tmp_path: Path, rules: RuleSet):
    def patch(name: str, reached: float) -> dict:
        moves: Moves = {("width.whole", "mix"): (-8.0, reached)}
        return learn_rules([_mix(tmp_path / f"{name}{k}", rules, moves) for k in range(2)], rules).patch

    assert patch("within", -5.0) == {}
    assert patch("beyond", -2.0) == {"width.whole": {"range": "-13 dB to -2 dB"}}


def test_what_is_required_does_not_yield(tmp_path: Path, rules: RuleSet):
    moves: Moves = {("out.true-peak", "mix"): (-1.0, 2.0)}
    learned = learn_rules([_mix(tmp_path / name, rules, moves) for name in "ab"], rules)
    assert learned.patch == {}
    assert learned.left == ("out.true-peak: moved in 2 of 2 songs, 2 up, but the rule is required",)


def test_mixes_of_one_song_count_once(tmp_path: Path, rules: RuleSet):
    first = _mix(tmp_path / "a", rules, _louder(1.0), inputs="song")
    further = _mix(tmp_path / "b", rules, _louder(2.0), inputs="song", of="settings of a")
    (habit, *_) = learn_rules([first, further, first], rules, min_songs=1).used
    assert (habit.n_songs, habit.n_up) == (1, 1)
    # the second goes on from the first
    assert habit.shift == pytest.approx(3.0)
    other = _mix(tmp_path / "c", rules, _louder(2.0), inputs="song")
    assert learn_rules([first, other], rules, min_songs=1).used[0].shift == pytest.approx(1.5)


def test_every_folder_that_cannot_be_used_is_named(tmp_path: Path, rules: RuleSet):
    other = _mix(tmp_path / "other", load_rules(["loudness"]), _louder(1.0))
    still = _mix(tmp_path / "still", rules, {})
    with pytest.raises(InputError) as raised:
        learn_rules([other, still, tmp_path / "none", tmp_path], rules)
    said = str(raised.value)
    assert "was mixed under other rules than 'base'" in said
    assert "holds a mix without moves" in said
    assert "no such folder" in said and "is no mix" in said


def test_the_command_writes_a_file_and_says_what_it_left(
    tmp_path: Path, rules: RuleSet, capsys: pytest.CaptureFixture[str]
):
    for name, by in (("a", 1.0), ("b", 2.0)):
        _mix(tmp_path / name, rules, {**_louder(by), ("usual.place", "guitar.electric"): (0.0, by - 1.5)})
    out = tmp_path / "own.yaml"
    learn([tmp_path / "a", tmp_path / "b"], out, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert [habit["rule"] for habit in document["learned"]] == ["lead.level", "balance.expected"]
    assert document["left"] == [
        "usual.place of guitar.electric: contradicts itself: moved in 2 of 2 songs, 1 up and 1 down"
    ]
    written = out.read_bytes()
    with pytest.raises(InputError, match="exists"):
        learn([tmp_path / "a"], out)
    assert out.read_bytes() == written
