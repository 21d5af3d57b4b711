"""Sentences of a person: what they mean, and what is said of those that mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hybrid.edits.edit import Edit, parse_edit
from hybrid.edits.file import edits_text, option_edits, read_edits
from hybrid.errors import InputError

SENTENCES: dict[str, dict[str, object]] = {
    "guitar gain.level +2 dB": {"of": "guitar", "kind": "add", "parts": ("gain.level",), "value": 2.0},
    "guitar gain.level -1.5 dB": {"kind": "add", "value": -1.5},
    "guitar gain.level −1.5 dB": {"kind": "add", "value": -1.5},
    "guitar gain.level to -12 dB": {"kind": "set", "value": -12.0},
    "'lead vocal' pan.position R20": {"of": "lead vocal", "kind": "set", "parts": ("pan.position",), "value": 20.0},
    "lead pan.position C": {"kind": "set", "value": 0.0},
    "guitar pan.position +10 pan": {"kind": "add", "value": 10.0},
    "guitar pan.position within L30 to R30": {"kind": "within", "limits": (-30.0, 30.0)},
    "guitar gain.level within -6 to 3 dB": {"kind": "within", "limits": (-6.0, 3.0)},
    "bass pin": {"kind": "pin", "parts": (), "value": None},
    "bass pin now": {"kind": "pin", "parts": (), "is_recorded": False},
    "bass eq pin recorded": {"kind": "pin", "parts": ("eq.tone", "eq.low_cut", "eq.high_cut"), "is_recorded": True},
    "bass eq.low_cut pin 60 Hz": {"kind": "set", "value": 60.0},
    "bass eq.low_cut off": {"kind": "set", "value": 0.0},
    "keys mute": {"kind": "mute"},
    "keys solo": {"kind": "solo"},
    "guitar eq.tone +2 dB at 3 kHz": {"kind": "add", "value": 2.0, "at_hz": (3000.0, 3000.0)},
    "guitar eq.tone -2 dB at 200-400 Hz": {"kind": "add", "value": -2.0, "at_hz": (200.0, 400.0)},
    "lead gain.level +1 dB from 0:30 to 0:45.5": {"kind": "add", "value": 1.0, "span_s": (30.0, 45.5)},
    "lead gain.level +1 dB in chorus": {"kind": "add", "section": "chorus"},
    "kick dynamics.zone -2 dB at 60 Hz from 1:00 to 1:10": {"at_hz": (60.0, 60.0), "span_s": (60.0, 70.0)},
    "song reverb.decay to 1.5 s": {"of": "song", "kind": "set", "value": 1.5},
}


@pytest.mark.parametrize("text", SENTENCES)
def test_a_sentence_means_what_it_says(text: str):
    edit = parse_edit(text, "--edit")
    said = {name: getattr(edit, name) for name in SENTENCES[text]}
    assert said == SENTENCES[text]
    assert (edit.text, edit.place) == (text, "--edit")


REFUSED = {
    "guitar": "expected tracks and what to do with them",
    "guitar 'gain": "a quotation mark is not closed",
    "guitar gain.levl +2 dB": "no such part: 'gain.levl'; did you mean gain.level?",
    "guitar gain.level +2": "without its unit",
    "guitar gain.level +2 Hz": "expected",
    "guitar gain.level 60 dB": "beyond the range of the level, -36 dB to 36 dB",
    "guitar eq.tone within -9 to 3 dB": "beyond the range of the tone, -6 dB to 6 dB",
    "guitar pan.position within R30 to L30": "from low to high",
    "guitar pan.position within R30": "expected limits such as",
    "guitar gain.level": "expected what to do with it",
    "guitar gain +2 dB": "expected one part",
    "guitar pan.position C at 3 kHz": "only tone curves and zones have frequencies",
    "guitar eq.tone +1 dB from 0:10 to 0:20": "only levels, rides and dynamics have a time",
    "guitar gain.level +1 dB from 0:20 to 0:10": "from earlier to later",
    "guitar gain.level +1 dB from soon to later": "expected a time",
    "song master.level -3 dB": "set out.loudness.range",
    "guitar gain.level loud": "expected",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_sentence_that_means_nothing_is_refused_with_what_was_expected(text: str):
    with pytest.raises(InputError) as error:
        parse_edit(text, "--edit")
    assert REFUSED[text] in str(error.value)
    assert str(error.value).startswith("--edit: ")


def test_a_file_is_read_as_it_was_written(tmp_path: Path):
    edits = option_edits([*SENTENCES, '"a \\"b\\" ☺" mute'])
    (tmp_path / "edits.yaml").write_text(edits_text(edits), encoding="utf-8")
    again = read_edits(tmp_path / "edits.yaml")
    assert [_without_place(edit) for edit in again] == [_without_place(edit) for edit in edits]
    (tmp_path / "edits.yaml").write_text(edits_text([]), encoding="utf-8")
    assert read_edits(tmp_path / "edits.yaml") == ()


def _without_place(edit: Edit) -> dict[str, object]:
    return {**edit.__dict__, "place": ""}


def test_all_that_is_wrong_in_a_file_is_said_at_its_lines(tmp_path: Path):
    path = tmp_path / "edits.yaml"
    path.write_text("schema: edits/1\nedits:\n  - guitar gain.levl +2 dB\n  - bass pin\n  - bass 60 Hz\n")
    with pytest.raises(InputError) as error:
        read_edits(path)
    places = [problem.where for problem in error.value.problems]
    assert places == [f"{path}:3:5", f"{path}:5:5"]
