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
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "document": {"errors"},
    "quantity": {"errors"},
    "units": {"errors", "quantity"},
    "tabular": {"errors", "shelf"},
    "validation": {"document", "errors", "units"},
    "shelf": {"document", "errors"},
    "source_hash": set(),
    "start": set(),
    "version": set(),
    "compiled": {"errors", "shelf", "source_hash"},
    "ahead": {"compiled", "errors", "shelf"},
    "pages": set(),
    "processes": set(),
    "json_text": set(),
    "scratch": {"processes"},
    "containers": set(),
    "audio": {"processes", "scratch", "containers", "validation", "document", "errors", "shelf", "tabular", "units"},
    "corpus": {"json_text", "scratch", "audio", "validation", "document", "errors", "processes", "shelf", "units"},
    # what judges mixes shares nothing with the rules, nor with what they measure
    "judging": {"audio", "errors", "tabular"},
    "signal": set(),
    "treatment": {"compiled", "signal"},
    "measure": {"compiled", "signal", "treatment"},
    "model": {"compiled", "measure", "signal", "treatment"},
    "knowledge": {
        *{"audio", "validation", "compiled", "document", "errors", "measure", "quantity", "shelf", "signal", "tabular"},
        *{"treatment", "units"},
    },
    # what authors of rule types build on, and test by
    "plugin": {"knowledge", "measure", "units"},
    "testing": {"audio", "document", "knowledge", "measure", "quantity", "signal", "treatment"},
    "analysis": {"audio", "errors", "measure", "signal", "tabular", "treatment"},
    "unmixing": {"analysis", "audio", "errors", "knowledge", "measure", "signal", "tabular", "treatment"},
    "edits": {"audio", "document", "errors", "quantity", "signal", "treatment", "validation"},
    "goals": {"analysis", "audio", "errors", "knowledge", "measure", "treatment", "unmixing"},
    "proposal": {"validation", "audio", "compiled", "errors", "knowledge", "model", "shelf", "treatment"},
    "refinement": {"audio", "compiled", "errors", "knowledge", "measure", "treatment"},
    "mixing": {
        *{"ahead", "compiled", "scratch", "shelf"},
        *{"analysis", "audio", "document", "edits", "errors", "goals", "knowledge", "measure", "model", "proposal"},
        *{"quantity", "refinement", "signal", "tabular", "treatment", "units", "validation"},
    },
    "training": {
        *{"json_text", "scratch"},
        *{
            "analysis",
            "audio",
            "validation",
            "corpus",
            "document",
            "errors",
            "goals",
            "knowledge",
            "model",
            "proposal",
        },
        *{"processes", "refinement", "shelf", "signal", "source_hash", "treatment", "unmixing"},
    },
    "export": {
        *{"compiled", "edits", "json_text", "scratch", "shelf"},
        *{"analysis", "audio", "corpus", "explain", "goals", "knowledge", "measure", "mixing", "pages", "quantity"},
        *{"refinement", "signal", "treatment", "unmixing", "version"},
    },
    "explain": {"analysis", "audio", "compiled", "knowledge", "mixing", "refinement", "signal", "treatment"},
    "calibrate": {
        *{"json_text"},
        *{"analysis", "audio", "corpus", "validation", "document", "errors", "goals", "knowledge", "measure"},
        *{"quantity", "shelf", "treatment", "units", "unmixing"},
    },
    "batch": {
        *{"json_text", "scratch"},
        *{"analysis", "audio", "compiled", "corpus", "errors", "export", "knowledge", "mixing", "pages", "processes"},
        *{"proposal", "shelf", "source_hash"},
    },
    "api": {
        *{"edits", "scratch"},
        *{"analysis", "audio", "corpus", "document", "errors", "export", "judging", "knowledge", "mixing", "proposal"},
        *{"refinement", "treatment", "unmixing"},
    },
    "study": {
        *{"json_text", "scratch"},
        *{"analysis", "audio", "batch", "validation", "compiled", "corpus", "errors", "export", "judging", "knowledge"},
        *{"document", "mixing", "pages", "proposal", "refinement", "shelf", "source_hash", "tabular", "training"},
        *{"treatment", "units"},
    },
}
"""Which parts a part imports besides itself, no more and no fewer; only `cli` may import all."""
JAX = {"jax", "jaxlib", "flax", "optax"}
FILES = {"yaml", "pydantic", "soundfile", "soxr", "librosa", "pathlib", "os", "io"}
FORBIDDEN = {
    **dict.fromkeys(("audio", "corpus", "judging", "pages", "shelf", "cli", "errors", "document"), JAX),
    **dict.fromkeys(("quantity", "units", "validation", "source_hash", "start", "tabular"), JAX),
    **dict.fromkeys(("signal", "treatment", "measure", "model"), FILES),
}
SLOW_TO_START = ("jax", "matplotlib", "scipy.signal", "librosa", "flax", "optax", "jinja2")

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


def arrows(part: str) -> set[str]:
    """Other parts that a part imports; the package itself, which holds the version, is not one."""
    own = [name for name in MODULES if part_of(name) == part]
    return {part_of(other) for name in own for other in inner(MODULES[name])} - {part, ""}


def test_every_part_has_its_place_in_the_picture():
    assert {part_of(name) for name in MODULES} - {"", "__main__", "cli"} == set(MAY_IMPORT)


def test_only_the_package_and_the_command_line_import_the_api():
    users = {part_of(name) for name, path in MODULES.items() if "api" in map(part_of, inner(path))}
    assert "" in users
    assert users <= {"", "cli", "api"}


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_arrows_are_those_of_the_picture(part):
    assert arrows(part) == MAY_IMPORT[part]


def test_arrows_of_the_picture_point_one_way():
    """Parts can be laid in rows so that every arrow points to a row below."""
    left = dict(MAY_IMPORT)
    assert left
    while left:
        lowest = {part for part, below in left.items() if not below & set(left)}
        assert lowest, f"parts that import each other: {sorted(left)}"
        left = {part: below for part, below in left.items() if part not in lowest}


def test_no_module_imports_itself_through_others():
    graph = {name: {other for other in inner(path) if other != name} for name, path in MODULES.items()}
    # the package imports its face only when a name of it is asked for
    graph[""] = set()
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
