"""Folders of results: whole or not at all, by one run at a time, and never over files of others."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
from pathlib import Path

import pytest

from hybrid.audio.write import OutputFolder, clear_unfinished
from hybrid.errors import InputError, Problem


def test_a_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    with OutputFolder(tmp_path / "new" / "out", False, ()) as folder:
        (folder.path / "mix.txt").write_text("mix")
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "new" / "out" / "mix.txt").read_text() == "mix"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_interruption_leaves_nothing(tmp_path: Path, interruption: type[BaseException]) -> None:
    with pytest.raises(interruption), OutputFolder(tmp_path / "out", False, ()) as folder:
        (folder.path / "mix.txt").write_text("half")
        raise interruption
    assert list(tmp_path.iterdir()) == []


def test_a_first_version_is_at_the_target_until_the_results_replace_it(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    with OutputFolder(out, False, ()) as folder:
        assert folder.is_new
        with folder.first_version() as first:
            (first / "mix.txt").write_text("first")
            (first / "page.txt").write_text("page")
            assert not out.exists()
        assert (out / "mix.txt").read_text() == "first" and not folder.is_new
        (out / "page.txt").write_text("edited by hand")
        (folder.path / "mix.txt").write_text("mix")
    assert (out / "mix.txt").read_text() == "mix" and [path.name for path in tmp_path.iterdir()] == ["new"]
    # what was written by hand meanwhile is not lost
    assert (out / "page.txt").read_text() == "edited by hand" and "page.txt" in " ".join(folder.notes)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_interruption_leaves_the_first_version_if_it_was_complete(
    tmp_path: Path, interruption: type[BaseException]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(interruption), OutputFolder(out, False, ()) as folder, folder.first_version() as first:
        (first / "mix.txt").write_text("half")
        raise interruption
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(interruption), OutputFolder(out, False, ()) as folder:
        with folder.first_version() as first:
            (first / "mix.txt").write_text("first")
        (folder.path / "mix.txt").write_text("half")
        raise interruption
    assert list(tmp_path.iterdir()) == [out] and (out / "mix.txt").read_text() == "first"
    # it is a folder of results like any other
    fill(out, "new", overwrite=True)
    assert [path.name for path in out.glob("*.txt")] == ["new.txt"]


def test_a_first_version_takes_nobodys_place(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match="has changed while this ran"), OutputFolder(out, False, ()) as folder:
        out.mkdir()
        (out / "notes.txt").write_text("somebody's")
        with folder.first_version() as first:
            (first / "mix.txt").write_text("first")
    assert [path.name for path in out.iterdir()] == ["notes.txt"]


def test_a_failure_names_the_target_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError) as caught, OutputFolder(out, False, ()) as folder:
        raise InputError(Problem(str(folder.path / "mix.wav"), "cannot be written"))
    assert str(caught.value) == f"{out / 'mix.wav'}: cannot be written"
    with pytest.raises(InputError) as caught, OutputFolder(out, False, ()) as folder:
        raise OSError(errno.ENOSPC, "No space left on device", str(folder.path / "verdict.json"))
    assert str(caught.value) == f"{out / 'verdict.json'}: cannot be written: No space left on device"
    if Path("/dev/full").exists():
        with pytest.raises(InputError) as caught, OutputFolder(out, False, ()):
            Path("/dev/full").write_text("too much")
        assert str(caught.value) == f"{out}: cannot be written: No space left on device"
    assert list(tmp_path.iterdir()) == []


def fill(path: Path, text: str, overwrite: bool = False) -> None:
    with OutputFolder(path, overwrite, ()) as folder:
        (folder.path / f"{text}.txt").write_text(text)


def test_overwriting_keeps_the_old_folder_until_the_new_one_is_complete(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill(out, "old")
    with OutputFolder(out, True, ()) as folder:
        assert (out / "old.txt").exists()
        (folder.path / "new.txt").write_text("new")
    assert sorted(path.name for path in out.glob("*.txt")) == ["new.txt"]
    assert list(tmp_path.iterdir()) == [out]


def test_an_interrupted_overwriting_keeps_the_old_folder(tmp_path: Path) -> None:
    fill(tmp_path / "out", "old")
    with pytest.raises(KeyboardInterrupt), OutputFolder(tmp_path / "out", True, ()):
        raise KeyboardInterrupt
    assert (tmp_path / "out" / "old.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(tmp_path: Path, monkeypatch) -> None:
    fill(tmp_path / "out", "old")
    rename = Path.rename

    def fail_for_the_new(self: Path, target: Path) -> Path:
        if (self / "new.txt").exists():
            raise OSError("disk on fire")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new)
    with pytest.raises(OSError, match="fire"):
        fill(tmp_path / "out", "new", overwrite=True)
    assert (tmp_path / "out" / "old.txt").exists()
    assert len(list(tmp_path.iterdir())) == 1


def test_an_existing_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    fill(tmp_path / "out", "old")
    with pytest.raises(InputError, match="--overwrite"):
        fill(tmp_path / "out", "new")


def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(InputError, match="not results"):
        fill(tmp_path / "out", "new", overwrite=True)
    assert (tmp_path / "out" / "thesis.tex").exists()


def test_an_empty_folder_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    fill(tmp_path / "out", "new", overwrite=True)
    assert (tmp_path / "out" / "new.txt").exists()


@pytest.mark.parametrize("inside", ["", "kick.wav"])
def test_a_folder_that_is_or_holds_an_input_is_refused(tmp_path: Path, inside: str) -> None:
    song = tmp_path / "song"
    song.mkdir()
    with pytest.raises(InputError, match="holds the input"), OutputFolder(song, True, [song / inside]):
        pass
    with pytest.raises(InputError, match="holds the input"), OutputFolder(tmp_path, True, [song / inside]):
        pass


def test_a_folder_within_the_song_is_fine(tmp_path: Path) -> None:
    with OutputFolder(tmp_path / "mix", False, [tmp_path]):
        pass
    assert (tmp_path / "mix").is_dir()


def test_an_unwritable_target_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        fill(tmp_path / "file", "new", overwrite=True)
    with pytest.raises(InputError, match="cannot be written"):
        fill(tmp_path / "file" / "out", "new")


def test_files_of_others_are_kept_and_told(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill(out, "old")
    (out / "session.rpp").write_text("a day of work")
    (out / "stems").mkdir()
    (out / "stems" / "mine.wav").write_text("x")
    with OutputFolder(out, True, ()) as folder:
        (folder.path / "new.txt").write_text("new")
    assert {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} == {
        *{".hybrid", "new.txt", "session.rpp", "stems/mine.wav"}
    }
    assert (out / "session.rpp").read_text() == "a day of work"
    assert folder.notes == (
        "session.rpp is not a result: kept as session.rpp",
        "stems/mine.wav is not a result: kept as stems/mine.wav",
    )
    # and again: what was kept is still nobody's result
    fill(out, "newer", overwrite=True)
    assert (out / "session.rpp").exists()
    assert not (out / "new.txt").exists()


def test_results_that_were_edited_are_kept_beside_the_new_ones(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill(out, "settings")
    (out / "settings.txt").write_text("edited by hand")
    with OutputFolder(out, True, ()) as folder:
        (folder.path / "settings.txt").write_text("new")
    assert (out / "settings.txt").read_text() == "new"
    assert (out / "settings-1.txt").read_text() == "edited by hand"
    assert folder.notes == ("settings.txt was edited: kept as settings-1.txt",)


def test_results_that_were_copied_are_still_results(tmp_path: Path) -> None:
    fill(tmp_path / "out", "old")
    shutil.copytree(tmp_path / "out", tmp_path / "copy")
    with OutputFolder(tmp_path / "copy", True, ()) as folder:
        pass
    assert folder.notes == ()
    assert not (tmp_path / "copy" / "old.txt").exists()


@pytest.mark.parametrize("marker", ["", "[]", "{", '{"files": 3}'])
def test_a_marker_that_says_nothing_lets_nothing_be_deleted(tmp_path: Path, marker: str) -> None:
    fill(tmp_path / "out", "old")
    (tmp_path / "out" / ".hybrid").write_text(marker)
    fill(tmp_path / "out", "new", overwrite=True)
    assert (tmp_path / "out" / "old.txt").exists()


def test_a_folder_that_appears_meanwhile_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"results are in .*out-2"), OutputFolder(out, False, ()) as folder:
        (folder.path / "mix.txt").write_text("mix")
        out.mkdir()
        (out / "letter.txt").write_text("of a person")
    assert [path.name for path in out.iterdir()] == ["letter.txt"]
    assert (tmp_path / "out-2" / "mix.txt").read_text() == "mix"


def test_a_second_run_into_the_same_folder_is_refused_at_its_start(tmp_path: Path) -> None:
    with OutputFolder(tmp_path / "new" / "out", False, ()):
        with pytest.raises(InputError, match="is being written by another run"):
            fill(tmp_path / "new" / "out", "second")
        fill(tmp_path / "other", "first")
    assert (tmp_path / "new" / "out").is_dir()
    assert {path.name for path in tmp_path.iterdir()} == {"new", "other"}


def unfinished(path: Path) -> None:
    """What a run that was killed has left."""
    path.mkdir()
    (path / ".hybrid").touch()
    (path / "half.wav").touch()


def dead_process() -> int:
    """The number of a process that has ended."""
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    return child


@pytest.mark.parametrize("clears", [lambda out: fill(out, "new"), clear_unfinished])
def test_what_a_killed_run_has_left_is_cleared(tmp_path: Path, clears) -> None:
    unfinished(tmp_path / ".out.01234567")
    # a name of that form may be anybody's
    (tmp_path / ".out.89abcdef").mkdir()
    (tmp_path / ".out.original").mkdir()
    lock = {"host": platform.node(), "process": dead_process(), "started": 0.0}
    (tmp_path / ".out.lock").write_text(json.dumps(lock))
    (tmp_path / ".outer.01234567").mkdir()
    clears(tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} - {"out"} == {".outer.01234567", ".out.89abcdef", ".out.original"}


@pytest.mark.parametrize("holder", [{"host": "elsewhere", "process": 1, "started": 0.0}, None])
def test_a_run_that_may_still_be_running_is_not_disturbed(tmp_path: Path, holder: dict[str, object] | None) -> None:
    unfinished(tmp_path / ".out.01234567")
    (tmp_path / ".out.lock").write_text(json.dumps(holder) if holder else "")
    clear_unfinished(tmp_path / "out")
    with pytest.raises(InputError, match="another run"):
        fill(tmp_path / "out", "new")
    assert {path.name for path in tmp_path.iterdir()} == {".out.01234567", ".out.lock"}


def test_results_that_had_been_moved_aside_come_back(tmp_path: Path) -> None:
    fill(tmp_path / "out", "old")
    (tmp_path / "out").rename(tmp_path / ".out.01234567.old")
    clear_unfinished(tmp_path / "out")
    assert (tmp_path / "out" / "old.txt").exists()
