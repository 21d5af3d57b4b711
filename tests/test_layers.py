"""The arrows between the parts: who may import whom, read off the source."""

from __future__ import annotations

import ast
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hybrid

ROOT = Path(hybrid.__file__).parent
BASE = {"errors", "units", "quantity", "document", "checked"}
SHARED = {*BASE, "shelf"}
SOUND = {"signal", "treatment", "measure"}
MAY_IMPORT = {
    **dict.fromkeys(BASE, BASE),
    "shelf": BASE,
    "audio": SHARED,
    "corpus": {*SHARED, "audio"},
    "signal": set[str](),
    "treatment": {"signal"},
    "measure": {"signal", "treatment"},
    "model": {"signal", "treatment", "measure"},
    "knowledge": {*SHARED, *SOUND, "audio"},
    "mixing": {*SHARED, *SOUND, "audio", "corpus", "knowledge", "model"},
    "training": {*SHARED, *SOUND, "audio", "corpus", "knowledge", "model", "mixing"},
    "batch": {*SHARED, *SOUND, "audio", "corpus", "knowledge", "model", "mixing", "export"},
    # what judges mixes shares nothing with the rules, nor with what they measure
    "judge": {*SHARED, "audio"},
    "study": {*SHARED, *SOUND, "audio", "corpus", "knowledge", "mixing", "training", "batch", "export", "judge"},
    **{
        name: {*SHARED, *SOUND, "audio", "corpus", "knowledge", "model", "mixing", "training"}
        for name in ("explain", "export", "desk", "calibrate")
    },
}
"""Which parts a part may import besides itself; only `cli` may import all. Neighbours do not import each other."""
JAX = {"jax", "jaxlib", "flax", "optax"}
FILES = {"yaml", "pydantic", "soundfile", "soxr", "librosa", "pathlib", "os", "io"}
FORBIDDEN = {
    **dict.fromkeys(("audio", "corpus", "judge", "shelf", "cli", *BASE), JAX),
    **dict.fromkeys(("signal", "treatment", "measure", "model"), FILES),
}
SLOW_TO_START = ("jax", "matplotlib", "scipy.signal", "librosa", "flax", "optax")

SOURCES = sorted(ROOT.rglob("*.py"))


def name_of(path: Path) -> str:
    """Dotted name within the package: "audio.read", "units", or "" for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in SOURCES}


def imports(path: Path) -> Iterator[str]:
    """Full dotted names of everything that a file imports, wherever in the file, names of modules or in them."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inner(path: Path) -> Iterator[str]:
    """Modules of this package that a file imports."""
    for name in imports(path):
        if name.split(".")[0] == "hybrid":
            candidates = name.split(".")[1:]
            while candidates and ".".join(candidates) not in MODULES:
                candidates.pop()
            yield ".".join(candidates)


def part_of(module: str) -> str:
    return module.split(".")[0]


def test_every_part_has_its_place_in_the_picture():
    assert {part_of(name) for name in MODULES} - {""} <= {*MAY_IMPORT, "cli"}


@pytest.mark.parametrize("name", MODULES)
def test_arrows_point_one_way(name):
    part = part_of(name)
    if part == "cli":
        return
    wrong = {other for other in inner(MODULES[name]) if part_of(other) not in {part, "", *MAY_IMPORT.get(part, ())}}
    assert not wrong, f"{name} imports {sorted(wrong)}"


def test_no_module_imports_itself_through_others():
    graph = {name: {other for other in inner(path) if other != name} for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("name", MODULES)
def test_files_and_yaml_stay_out_of_the_mathematics_and_jax_out_of_the_files(name):
    roots = {imported.split(".")[0] for imported in imports(MODULES[name])}
    assert not roots & FORBIDDEN.get(part_of(name), set())


@pytest.mark.parametrize("name", MODULES)
def test_only_the_public_face_of_jax_is_used(name):
    assert not [imported for imported in imports(MODULES[name]) if imported.startswith("jax._src")]


@pytest.mark.parametrize("name", MODULES)
def test_only_the_command_line_prints(name):
    calls = [node for node in ast.walk(ast.parse(MODULES[name].read_text())) if isinstance(node, ast.Call)]
    prints = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    assert part_of(name) == "cli" or not prints


def test_help_scanning_and_checks_of_files_start_without_what_is_slow_to_start():
    audio = [module.name for module in pkgutil.walk_packages([str(ROOT / "audio")], "hybrid.audio.")]
    assert "hybrid.audio.scan" in audio
    quick = ["hybrid.cli.app", "hybrid.cli.rules", "hybrid.cli.scan", "hybrid.cli.mix", "hybrid.cli.check"]
    quick += [*audio, "hybrid.knowledge.resolve", "hybrid.corpus.demo"]
    code = f"import sys, {', '.join(quick)}\nprint([name for name in {SLOW_TO_START} if name in sys.modules])"
    environment = {**os.environ, "PYTHONPATH": str(ROOT.parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"
