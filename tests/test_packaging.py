"""The package declares what it imports, and imports what it declares."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling.builders.wheel import WheelBuilder

import hybrid
from hybrid.errors import InputError
from hybrid.training.libraries import check_libraries

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
FIXED = {"jax", "flax", "optax", "numpy", "soundfile", "librosa", "pyyaml"}
"""What the project stands on, imported already or not."""
MODULES = {"pyyaml": "yaml", "pydantic": "pydantic pydantic_core", "flatbuffers": "jax", "orbax-checkpoint": "orbax"}
EXTRAS = ("train", "stats")
"""Modules of a distribution whose name differs, or that need it."""


def _imported() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "hybrid").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"hybrid"}


def _modules(listed: list[str]) -> dict[str, set[str]]:
    names = [re.split(r"[\[<>=~! ]", each)[0] for each in listed]
    return {name: set(MODULES.get(name, name).split()) for name in names}


def _declared() -> dict[str, set[str]]:
    return _modules(PROJECT["dependencies"])


def test_everything_imported_is_declared():
    """What an option needs is imported where it is used, and is in an extra."""
    options = [_modules(PROJECT["optional-dependencies"][extra]) for extra in EXTRAS]
    assert _imported() <= set().union(*(each for some in (_declared(), *options) for each in some.values()))


def test_without_its_libraries_training_says_how_to_get_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "grain", None)
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(InputError, match=r"(?s)needs grain and orbax\.checkpoint, which are not.*hybrid-mix\[train\]"):
        check_libraries()
    monkeypatch.undo()
    check_libraries()


def test_everything_declared_is_imported_or_of_the_fixed_set():
    imported = _imported()
    idle = {name for name, modules in _declared().items() if not modules & imported}
    assert idle <= FIXED
    assert set(_declared()) >= FIXED


def test_folders_of_data_hold_no_python():
    for kind in ("rules", "train", "datasets"):
        assert not [*(ROOT / kind).rglob("*.py")]


def test_the_wheel_holds_the_templates_of_pages_and_the_shipped_data(tmp_path: Path):
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    packed = set(ZipFile(wheel).namelist())
    templates = [path for path in (ROOT / "hybrid/pages/templates").rglob("*") if path.is_file()]
    assert {path.suffix for path in templates} == {".jinja", ".css"}
    assert {path.relative_to(ROOT).as_posix() for path in templates} <= packed
    assert {"hybrid/_data/rules/base.yaml", "hybrid/_data/datasets/README.md"} <= packed


def test_the_version_is_that_of_the_newest_change():
    assert f"\n## {hybrid.__version__}" in (ROOT / "CHANGELOG.md").read_text()
