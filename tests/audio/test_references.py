"""Requests to follow references, as they are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid.audio.references import Reference, check_references, parse_reference
from hybrid.errors import InputError

USUAL = {"tone": 1.0, "width": 1.0, "place": 1.0, "dynamics": 1.0}


@pytest.mark.parametrize(
    ("text", "file", "amounts"),
    [
        ("a.wav", "a.wav", USUAL),
        ("a.wav:tone=0.6,width=1", "a.wav", {"tone": 0.6, "width": 1.0}),
        ("a.wav:tone, width = 0.25", "a.wav", {"tone": 1.0, "width": 0.25}),
        ("a.wav:all=0.5", "a.wav", dict.fromkeys(USUAL, 0.5)),
        ("a.wav:loudness", "a.wav", {"loudness": 1.0}),
        ("songs/12:30/a.wav", "songs/12:30/a.wav", USUAL),
        (r"C:\mixes\a.wav", r"C:\mixes\a.wav", USUAL),
        (r"C:\mixes\a.wav:tone", r"C:\mixes\a.wav", {"tone": 1.0}),
    ],
)
def test_a_request_is_a_file_and_amounts(text: str, file: str, amounts: dict[str, float]):
    assert parse_reference(text) == Reference(Path(file), amounts)


def test_a_file_whose_name_has_a_colon_is_taken_whole(tmp_path: Path):
    path = tmp_path / "mix:tone"
    path.touch()
    assert parse_reference(str(path)).path == path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.wav:tome=1", "no aspect is called 'tome'; did you mean tone?"),
        ("a.wav:tone=1.5", "tone=1.5 is outside of 0 to 1"),
        ("a.wav:tone=-0.1", "tone=-0.1 is outside of 0 to 1"),
        ("a.wav:tone=nan", "tone=nan is outside of 0 to 1"),
        ("a.wav:tone=much", "expected a number from 0 to 1, got 'much'"),
        ("a.wav:tone=", "expected a number from 0 to 1, got ''"),
        ("a.wav:", "no aspect is called ''"),
        ("a.wav:tone,tone", "names tone twice"),
        ("a.wav:all,tone=0.5", "names tone twice"),
    ],
)
def test_what_cannot_be_followed_is_refused(text: str, said: str):
    with pytest.raises(InputError) as error:
        parse_reference(text)
    assert said in str(error.value) and error.value.problems[0].hint


def test_a_file_may_be_named_once(tmp_path: Path):
    path = tmp_path / "a.wav"
    other = tmp_path / "folder" / ".." / "a.wav"
    (tmp_path / "folder").mkdir()
    path.touch()
    with pytest.raises(InputError, match="named twice"):
        check_references([parse_reference(str(path)), parse_reference(f"{other}:tone")])
