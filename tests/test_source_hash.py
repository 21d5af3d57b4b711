"""Hashes of source: they follow the imports, and nothing that says nothing to the program."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

import hybrid
from hybrid.knowledge import evaluate
from hybrid.model.sizes import Sizes
from hybrid.proposal import field
from hybrid.refinement import programs
from hybrid.source_hash import _read, source_hash

MADE_UP = {
    "__init__.py": "from made.door import opened\n\ndef load():\n    from made import api",
    "door.py": "opened = 1",
    "api.py": "",
    "top.py": "import made\nfrom made.inner.deep import value\n\ndef late():\n    import made.late",
    "late.py": "from __future__ import annotations",
    "inner/__init__.py": "ready = True\n\ndef lazy():\n    from made.inner import unused",
    "inner/deep.py": "import os\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made import checked",
    "inner/unused.py": "",
    "checked.py": "",
    "whole.py": "import made.inner",
}
"""A package by its files. `top` follows from `inner.deep` and `late`; packages are only passed."""
PROGRAMS = [evaluate._READ, programs._MEASURED, programs._PULL, programs._MOVE]
PROGRAMS += [*field._programs(Sizes(2, 2, n_frames=8)), field._classifier(Sizes(2, 2, n_frames=8)), field._EXPECTED]
EXAMPLES, REFINED = "hybrid.training.corpus", "hybrid.training.refined_targets"
SONGS, STUDIES = "hybrid.batch.work", "hybrid.study.jobs"
PACKAGE = Path(hybrid.__file__).parent
Edit = Callable[[str], str]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    for name, text in MADE_UP.items():
        path = tmp_path / "made" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "made"


def edited(folder: Path, file: str, edit: Edit, package: Path = PACKAGE) -> Path:
    """A copy of the package in a folder, with one file edited."""
    copy = folder / f"copy{len(list(folder.iterdir()))}" / package.name
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__", "weights"))
    text = (copy / file).read_text()
    assert edit(text) != text
    (copy / file).write_text(edit(text))
    return copy


def changes(package: Path, file: str, edit: Edit, module: str) -> bool:
    """Whether an edit changes the hash of a module."""
    return source_hash(module, package=package) != source_hash(
        module, package=edited(package.parent, file, edit, package)
    )


def add(text: str) -> Edit:
    return lambda source: f"{source}\n{text}\n"


@pytest.mark.parametrize("file", ["top.py", "inner/deep.py", "inner/__init__.py", "late.py", "__init__.py", "door.py"])
def test_a_hash_follows_whatever_runs_when_the_module_or_its_functions_do(made: Path, file: str):
    assert changes(made, file, add("x = 1"), "made.top")


@pytest.mark.parametrize("file", ["api.py", "inner/unused.py", "checked.py", "whole.py"])
def test_what_is_not_imported_or_by_the_type_checker_alone_changes_nothing(made: Path, file: str):
    assert not changes(made, file, add("x = 1"), "made.top")


def test_functions_of_a_package_count_where_the_package_itself_is_asked_for(made: Path):
    assert changes(made, "inner/unused.py", add("x = 1"), "made.whole")
    assert source_hash("made.top", "made.whole", package=made) == source_hash("made.whole", "made.top", package=made)


@pytest.mark.parametrize("text", ["# why", '"""Why."""', ""])
def test_comments_docstrings_and_layout_do_not_count(made: Path, text: str):
    assert not changes(made, "inner/deep.py", add(text), "made.top")
    assert not changes(made, "top.py", lambda source: source.replace("late():\n", f"late():\n    {text}\n"), "made.top")


def test_a_module_elsewhere_counts_with_what_it_imports_of_the_package(made: Path, monkeypatch: pytest.MonkeyPatch):
    (made.parent / "plugged.py").write_text("from made.late import annotations")
    monkeypatch.syspath_prepend(made.parent)
    assert changes(made, "late.py", add("x = 1"), "plugged")
    assert not changes(made, "api.py", add("x = 1"), "plugged")
    with pytest.raises(LookupError, match=r"made\.nowhere"):
        source_hash("made.nowhere", package=made)


CONSTANTS = [
    ("analysis/same_source.py", EXAMPLES),
    ("unmixing/least_squares.py", EXAMPLES),
    ("corpus/synthetic/tract.py", EXAMPLES),
    ("refinement/descent.py", REFINED),
    ("judging/roughness.py", STUDIES),
    ("mixing/deliver.py", SONGS),
]


@pytest.mark.parametrize(("file", "module"), CONSTANTS)
def test_a_changed_constant_changes_the_keys_of_what_follows_from_it(tmp_path: Path, file: str, module: str):
    (constant,) = re.findall(r"^(_?[A-Z]\w+ = )[0-9]", (PACKAGE / file).read_text(), re.MULTILINE)[:1]
    edit = partial(re.sub, f"^{constant}", f"{constant}1 + ", flags=re.MULTILINE)
    assert source_hash(module) != source_hash(module, package=edited(tmp_path, file, edit))


def test_examples_follow_from_no_rule(tmp_path: Path):
    for file in ("knowledge/readings/space.py", "knowledge/objective.py"):
        assert source_hash(EXAMPLES) == source_hash(EXAMPLES, package=edited(tmp_path, file, add("x = 1")))


def test_a_changed_docstring_or_command_retraces_nothing_and_a_changed_reading_all(tmp_path: Path):
    reworded = edited(tmp_path, "measure/loudness.py", lambda source: source.replace('"""', '"""In other words: ', 1))
    command = edited(tmp_path, "cli/app.py", add("x = 1"))
    reading = edited(tmp_path, "knowledge/readings/spectrum.py", add("x = 1"))
    assert all(program.module.startswith("hybrid.") for program in PROGRAMS)
    for module in {program.module for program in PROGRAMS}:
        assert source_hash(module) == source_hash(module, package=reworded) == source_hash(module, package=command)
        assert source_hash(module) != source_hash(module, package=reading)


def test_threads_that_ask_at_once_get_the_same_hash():
    def asked(_: int) -> str:
        source_hash.cache_clear()
        _read.cache_clear()
        return source_hash("hybrid.treatment.effect")

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(asked, range(16)))) == 1
