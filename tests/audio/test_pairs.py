from __future__ import annotations

import pytest

from hybrid.audio.pairs import find_pairs


@pytest.mark.parametrize(
    ("left", "right", "name"),
    [
        ("X L", "X R", "X"),
        ("X.L", "X.R", "X"),
        ("x_left", "x_right", "x"),
        ("Gtr1L", "Gtr1R", "Gtr1"),
        ("RoomLeft", "RoomRight", "Room"),
        ("OHL", "OHR", "OH"),
        ("Piano (L)", "Piano (R)", "Piano"),
        ("L Gtr", "R Gtr", "Gtr"),
        ("07_Overhead_L", "08_Overhead_R", "Overhead"),
        ("Lead Synth Dbl.L", "Lead Synth Dbl.R", "Lead Synth Dbl"),
        (
            "DRUM OVERHEAD STEREO L - AR-70 - Neve 33102",
            "DRUM OVERHEAD STEREO R - AR-70 - Neve 33102",
            "DRUM OVERHEAD STEREO - AR-70 - Neve 33102",
        ),
        ("L", "R", "stereo"),
    ],
)
def test_left_and_right_are_one_track(left: str, right: str, name: str) -> None:
    assert find_pairs([right, "kick", left]) == [(2, 0, name)]


@pytest.mark.parametrize(
    "names",
    [
        ["Vocal", "Vocar"],
        ["OH L", "Room R"],
        ["Gtr R121", "Gtr L121"],
        ["Gtr L", "gtr l", "Gtr R"],
        ["1_Gtr L", "2_Gtr L", "3_Gtr R", "4_Gtr R"],
    ],
)
def test_ambiguous_names_are_no_pair(names: list[str]) -> None:
    assert find_pairs(names) == []


def test_an_index_that_both_sides_share_decides_between_takes() -> None:
    names = ["1_Gtr L", "1_Gtr R", "2_Gtr L", "2_Gtr R"]
    assert find_pairs(names) == [(0, 1, "1_Gtr"), (2, 3, "2_Gtr")]
