from __future__ import annotations

import json
from pathlib import Path

import pytest

from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.types import TYPES
from tests.mixing.made import song_of, sounds

RULES = """\
schema: mixrules/1
id: three
rules:
  - id: lead.front
    type: lead_to_rest_ratio
    for: {tag: lead}
    against: {not: {tag: lead}}
    min: 20 LU
    acts_on: [gain.level]
    evidence: guess
  - id: lead.back
    type: lead_to_rest_ratio
    for: {tag: lead}
    against: {not: {tag: lead}}
    max: -20 LU
    acts_on: [gain.level]
    evidence: guess
"""


@pytest.fixture
def rules(tmp_path: Path) -> str:
    (tmp_path / "three.yaml").write_text(RULES)
    return str(tmp_path / "three.yaml")


@pytest.fixture
def song(tmp_path: Path) -> str:
    samples = sounds()
    song_of(tmp_path / "song", {"Lead Vox": samples["voice"], "Bass": samples["bass"]})
    return str(tmp_path / "song")


def test_a_rule_is_explained_with_its_meaning_terms_and_places(hybrid):
    code, out, err = hybrid("rules", "explain", "lead.level")
    assert (code, err) == (0, "")
    assert out.startswith("lead.level: The lead is about as loud as everything else together.")
    for expected in (
        "measures      Loudness of the tracks in `for` minus",
        "unit          LU, one number for tracks taken together",
        "asks          -4 LU to 0 LU",
        "scale         1 LU",
        "speaks of     tag lead",
        "against       role all, not tag lead",
        "may move      static level (gain.level)",
        "rests on      measured",
        "cites         Gerdes, Siedenburg: Lead-vocal level in recordings of popular music 1946-2020, 2023",
        "(audibility_floor)",
    ):
        assert expected in out
    place = load_rules(["base"]).provenance["lead.level"]["target"].rpartition("/")[2]
    assert any(line.split() == ["target", "-2", "LU", place] for line in out.splitlines())
    assert any(line.split() == ["scale", "1", "LU", "default"] for line in out.splitlines())
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("rule", [rule.id for rule in load_rules(["base"]).rules])
def test_every_shipped_rule_can_be_explained(hybrid, rule: str):
    code, out, _ = hybrid("rules", "explain", rule)
    assert code == 0
    assert out.startswith(f"{rule}: ")


@pytest.mark.parametrize("name", TYPES)
def test_every_type_can_be_explained_by_its_name(hybrid, name: str):
    code, out, _ = hybrid("rules", "explain", name)
    assert code == 0
    assert out.startswith(f"{name}: {TYPES[name].says()} (a type of rule)\n")
    document = json.loads(hybrid("rules", "explain", name, "--json")[1])
    assert (document["type"], document["says"]) == (name, TYPES[name].says())


def test_an_override_is_explained_with_its_place(hybrid):
    code, out, _ = hybrid("rules", "explain", "lead.level", "--set", "lead.level.target=2 LU", "--json")
    document = json.loads(out)
    assert code == 0
    assert (document["low"], document["high"]) == (0.0, 4.0)
    assert document["values"]["target"] == {"written": "2 LU", "at": "--set"}
    assert document["cite"]["Gerdes23"]["year"] == 2023
    assert document["guarded_by"]["audibility_floor"] == ["audible.all"]


def test_declared_conflicts_are_listed_from_both_sides(hybrid):
    assert "excludes      spectrum.curve" in hybrid("rules", "explain", "spectrum.tilt")[1]
    assert "excluded by   spectrum.tilt" in hybrid("rules", "explain", "spectrum.curve")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lead.lvel"], "no rule and no type 'lead.lvel' in base; did you mean lead.level?"),
        (["true_peek"], "did you mean true_peak?"),
        (["lead.level", "--rules", "bse"], "did you mean base?"),
        (["lead.level", "--set", "lead.level.target=2 Hz"], "expected a loudness difference"),
        (["lead.level", "--song", "nowhere"], "nowhere"),
        (["true_peak", "--song", "nowhere"], "true_peak is a type and has no limits: expected a rule"),
    ],
)
def test_a_mistake_is_reported_without_a_traceback(hybrid, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = hybrid("rules", "explain", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_a_folder_without_tracks_is_refused(hybrid, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    code, out, err = hybrid("rules", "explain", "lead.level", "--song", str(tmp_path / "empty"))
    assert (code, out) == (2, "")
    assert "empty" in err


@pytest.mark.long
def test_on_a_song_a_rule_is_explained_with_readings_moves_and_conflicts(hybrid, rules: str, song: str):
    code, out, err = hybrid("rules", "explain", "lead.front", "--rules", rules, "--song", song)
    assert (code, err) == (0, "")
    assert "\non song, at the start of refinement" in out
    assert "in the raw sum), asked ≥ 20 LU: " in out
    assert "  raise Lead Vox by " in out
    assert "  lower Bass by " in out
    assert "-1.00   conflict  lead.back" in out
    document = json.loads(hybrid("rules", "explain", "lead.front", "--rules", rules, "--song", song, "--json")[1])
    assert document["id"] == "lead.front"
    assert [other["relation"] for other in document["song"]["others"]] == ["conflict"]
    assert document["song"]["targets"][0]["moves"][0]["part"] == "gain.level"


def test_a_rule_that_matches_nothing_in_a_song_says_so(hybrid, rules: str, song: str):
    Path(rules).write_text(RULES.replace("tag: lead", "tag: nobody"))
    code, out, _ = hybrid("rules", "explain", "lead.front", "--rules", rules, "--song", song)
    assert code == 0
    assert "the rule matches nothing there" in out
