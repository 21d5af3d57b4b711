from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from hybrid.calibrate.table import read_table
from hybrid.errors import InputError
from tests.calibrate.tables import band, mix, track


@pytest.fixture
def refused(tmp_path: Path):
    """The message about a file with this text."""

    def run(text: str | bytes, name: str = "mixes.json") -> str:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(InputError) as caught:
            read_table(path)
        assert caught.value.exit_code == 2
        return str(caught.value).replace(f"{tmp_path}/", "")

    return run


def test_a_table_may_be_json_or_yaml(tmp_path: Path):
    table = [mix("One", band()), mix("Two", band(lead_db=3.0))]
    (tmp_path / "mixes.json").write_text(json.dumps(table))
    (tmp_path / "mixes.yaml").write_text(yaml.safe_dump(table))
    assert read_table(tmp_path / "mixes.json") == read_table(tmp_path / "mixes.yaml")
    assert len(read_table(tmp_path / "mixes.json")) == 2


def test_the_table_shown_in_the_guide_is_valid(tmp_path: Path):
    page = (Path(__file__).parents[2] / "docs/guide/fit-rules.md").read_text()
    (tmp_path / "mixes.json").write_text(page.partition("```json\n")[2].partition("```")[0])
    (row,) = read_table(tmp_path / "mixes.json")
    assert (row.score, row.tracks[0].faded_lufs) == pytest.approx((0.6, -29.3))


def test_other_columns_of_a_table_are_ignored(tmp_path: Path):
    table = mix("One", [track("Kick", "DRUMS", "KICK", colour="red")])
    (tmp_path / "mixes.json").write_text(json.dumps([{**table, "studio": 7}]))
    assert read_table(tmp_path / "mixes.json")[0].tracks[0].name == "Kick"


def test_all_mistakes_are_reported_with_their_place_and_value(refused):
    wrong = mix("One", [track("Kick", "DRUMS", "KICK", gain="loud"), track("", "DRUMS", "KICK", pan=[130])])
    del wrong["song"]
    assert refused(json.dumps([mix("Two", band()), wrong])).splitlines() == [
        "mixes.json: [1].song: is missing",
        "mixes.json: [1].tracks[0].parameters.gain: expected a number, got 'loud'",
        "mixes.json: [1].tracks[1].name: is empty",
        "mixes.json: [1].tracks[1].parameters.pan[0]: expected less than or equal to 100, got 130",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "mixes.json:1:1: is not valid JSON: Expecting value"),
        ('[{"mix": "A",', "is not valid JSON"),
        (b"\xff\xfe\xfa", "is not UTF-8 text"),
        ("[" * 100_000, "is not valid JSON"),
        ("[]", "mixes.json: holds no mixes"),
        ("{}", "mixes.json: expected a list, got a map"),
        ("7", "mixes.json: expected a list, got 7"),
        ('[{"mix": "A", "song": "One", "tracks": []}]', "mixes.json: [0].tracks: expected at least one track"),
        ("[7]", "mixes.json: [0]: expected a map of keys and values, got 7"),
    ],
)
def test_a_damaged_or_empty_file_is_reported(refused, text: str | bytes, what: str):
    assert what in refused(text)


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("raw_lufs", float("nan"), "[0].tracks[0].raw_lufs: expected a finite number, got nan"),
        ("raw_lufs", float("-inf"), "[0].tracks[0].raw_lufs: expected a finite number, got -inf"),
        ("raw_lufs", True, "[0].tracks[0].raw_lufs: expected a number, got True"),
        ("role", "gutar", "[0].tracks[0].role: no such role: 'gutar'; did you mean guitar?"),
        ("parameters", [1], "[0].tracks[0].parameters: expected a map of keys and values, got a list"),
        ("parameters", {"gain": 1e9}, "[0].tracks[0].parameters.gain: expected less than or equal to 60"),
        ("parameters", {"pan": [0, 0, 0]}, "[0].tracks[0].parameters.pan: "),
    ],
)
def test_a_wrong_value_is_reported_with_its_place(refused, key: str, value: object, what: str):
    table = mix("One", [{**track("Kick", "DRUMS", "KICK"), key: value}])
    assert what in refused(json.dumps([table]))


def test_in_yaml_the_line_is_reported(refused):
    text = "- mix: A\n  song: One\n  tracks:\n    - name: Kick\n      raw_lufs: quiet\n"
    assert refused(text, "mixes.yaml") == "mixes.yaml:5:17: [0].tracks[0].raw_lufs: expected a number, got 'quiet'"


def test_a_table_without_recorded_tracks_is_refused(refused):
    buses = [{**track("Drum bus", "DRUMS", "KICK"), "type": "AUX"}]
    assert refused(json.dumps([mix("One", buses)])) == "mixes.json: holds no track of type AUDIO"


def test_a_score_is_a_share_or_minus_one_for_none(refused, tmp_path: Path):
    assert "[0].scores[1]: expected a score from 0 to 1, or -1 for none, got 7.0" in refused(
        json.dumps([mix("One", band(), (0.5, 7))])
    )
    (tmp_path / "mixes.json").write_text(json.dumps([mix("One", band(), (0.5, -1, 0.7))]))
    assert read_table(tmp_path / "mixes.json")[0].score == pytest.approx(0.6)


def test_a_long_list_of_mistakes_is_cut_short(refused):
    message = refused(json.dumps([mix("One", [track("Kick", "DRUMS", "KICK", gain="x")] * 50)]))
    assert message.splitlines()[-1] == "mixes.json: and 30 more problems"


def test_audio_is_not_taken_for_a_table(refused):
    assert refused(b"RIFF\xff", "mix.wav").startswith("mix.wav: expected a table (.json, .yaml), or a folder")


def test_a_missing_file_is_reported(tmp_path: Path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_table(tmp_path / "none.json")
