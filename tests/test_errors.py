from __future__ import annotations

from hybrid.errors import InputError, Problem, SongError, suggest


def test_an_error_shows_every_problem_with_its_place():
    error = InputError(Problem("a.yaml:3:1", "x: unknown key"), Problem("", "no rules"))
    assert str(error) == "a.yaml:3:1: x: unknown key\nno rules"


def test_a_hint_shared_by_two_problems_is_shown_once():
    error = InputError(Problem("a", "one", "try this"), Problem("b", "two", "try this"))
    assert str(error) == "a: one\nb: two\n\nhint: try this"


def test_exit_codes_distinguish_bad_input_from_a_song_that_cannot_be_mixed():
    assert (InputError.exit_code, SongError.exit_code) == (2, 3)
    assert issubclass(SongError, InputError)


def test_a_near_word_is_suggested_whatever_its_case():
    assert suggest("lufs", ["LUFS", "dBTP"]) == "; did you mean LUFS?"
    assert suggest("scael", ["scale", "weight"]) == "; did you mean scale?"


def test_a_word_like_no_other_gets_no_suggestion():
    assert suggest("xyzzy", ["scale", "weight"]) == ""
