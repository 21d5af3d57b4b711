from __future__ import annotations

from pathlib import Path

import pytest

from hybrid import shelf
from hybrid.document import Document, parse
from hybrid.errors import InputError


def _parse(text: str) -> Document:
    return parse(text, Path("a.yaml"))


def _problems(text: str) -> list[str]:
    with pytest.raises(InputError) as error:
        _parse(text)
    return [str(problem) for problem in error.value.problems]


def test_plain_words_keep_their_meaning_in_yaml_1_2():
    text = "[on, no, yes, 1:30, 2020-01-01, 0x10, .inf, 'true', -16 LUFS]"
    assert _parse(text).data == ["on", "no", "yes", "1:30", "2020-01-01", "0x10", ".inf", "true", "-16 LUFS"]
    assert _parse("[012, 1e3, -4, .5, true, null, ~]").data == [12, 1000.0, -4, 0.5, True, None, None]


def test_keys_are_text_whatever_they_look_like():
    assert _parse("on: 1\n12: 2\n100 Hz: 3 dB\n").data == {"on": 1, "12": 2, "100 Hz": "3 dB"}


def test_a_value_knows_its_line_and_column():
    document = _parse("a: 1\nrules:\n  - id: x\n    scale: 3 Hz\n    flow: {inner: 2}\n")
    assert document.place("rules", 0, "scale") == "a.yaml:4:12"
    assert document.place("rules", 0, "flow", "inner") == "a.yaml:5:19"
    assert document.place_of_key("rules", 0, "scale") == "a.yaml:4:5"
    assert document.line("rules", 0, "scale") == "a.yaml:4"


def test_a_block_is_placed_at_its_key():
    assert _parse("a:\n  b:\n    c: 1\n").place("a", "b") == "a.yaml:2:3"


def test_an_absent_value_is_placed_at_its_parent():
    assert _parse("rules:\n  - id: x\n").place("rules", 0, "scale") == "a.yaml:2:5"


def test_an_empty_file_is_nothing():
    assert _parse("").data is None


def test_all_constructs_that_hide_the_origin_of_a_value_are_reported_at_once():
    text = "a: &x 1\nb: *x\n<<: {c: 1}\nd: !!int 3\ne: 1\ne: 2\n[f]: 1\n"
    problems = _problems(text)
    assert [each.split(": ", 1)[0] for each in problems] == [
        f"a.yaml:{at}" for at in ("1:4", "2:4", "3:1", "4:4", "6:1", "7:1")
    ]
    assert "'e', first given at line 5" in problems[4]


def test_a_tab_is_a_problem_with_its_place():
    (problem,) = _problems("a:\n\t- 1\n")
    assert problem.startswith("a.yaml:2:1")
    assert "tab" in problem


@pytest.mark.parametrize("text", ["a: [1", "a: 'x", "a: b: c", "- 1\nb: 2", "a: 1\n---\nb: 2\n", "a: \x01"])
def test_broken_yaml_is_a_problem_and_not_a_crash(text: str):
    assert _problems(text)


def test_bottomless_nesting_is_a_problem_and_not_a_crash():
    assert "nested too deeply" in _problems("[" * 500 + "]" * 500)[0]
    # from 6.0.4 on PyYAML has a limit of its own, in its own words
    assert "nest" in _problems("[" * 5000 + "]" * 5000)[0]


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path):
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9\xe8\n")
    for name, message in (
        ("absent.yaml", "cannot be read"),
        ("latin.yaml", "not UTF-8"),
        ("", "cannot be read"),
    ):
        with pytest.raises(InputError, match=message):
            shelf.read(tmp_path / name)


def test_a_path_is_that_file(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("a: 1\n")
    assert shelf.find("rules", str(path)) == path


def test_the_folder_of_the_current_directory_comes_before_the_shipped_files(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shelf.find("rules", "base") == shelf.shipped("rules") / "base.yaml"
    (tmp_path / "rules" / "genres").mkdir(parents=True)
    (tmp_path / "rules" / "base.yaml").write_text("a: 1\n")
    (tmp_path / "rules" / "genres" / "polka.yaml").write_text("a: 1\n")
    assert shelf.find("rules", "base").resolve() == tmp_path / "rules" / "base.yaml"
    assert shelf.find("rules", "genres/polka").resolve() == tmp_path / "rules" / "genres" / "polka.yaml"
    assert {"genres/polka", "loudness"} <= set(shelf.names("rules"))


def test_a_name_is_looked_for_beside_the_file_that_refers_to_it(tmp_path: Path):
    (tmp_path / "base.yaml").write_text("a: 1\n")
    assert shelf.find("rules", "base", beside=tmp_path) == tmp_path / "base.yaml"
    assert shelf.find("rules", "base.yaml", beside=tmp_path) == tmp_path / "base.yaml"


def test_an_unknown_name_suggests_the_nearest_and_lists_all():
    with pytest.raises(InputError) as error:
        shelf.find("rules", "loudnes")
    assert "did you mean loudness?" in str(error.value)
    assert "base" in error.value.problems[0].hint


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    shelf.write(path, "a: ä\n")
    assert path.read_text(encoding="utf-8") == "a: ä\n"
    with pytest.raises(UnicodeEncodeError):
        shelf.write(path, "\ud800")
    assert path.read_text(encoding="utf-8") == "a: ä\n"
    assert list(tmp_path.iterdir()) == [path]


def test_an_unwritable_path_is_reported(tmp_path: Path):
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        shelf.write(tmp_path / "none" / "mine.yaml", "")
