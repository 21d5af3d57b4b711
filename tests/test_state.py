"""State is an object that is handed down: no module holds what its functions change, nor does the environment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import hybrid

SOURCES = sorted(Path(hybrid.__file__).parent.rglob("*.py"))
CHANGING = {"add", "append", "clear", "discard", "extend", "insert", "pop", "remove", "set", "setdefault", "update"}
"""Methods by which things change."""
MADE_UP = """
seen, told = [], {}
def note(name, seen):
    seen.append(name)
    told[name] = lambda: os.environ.setdefault(name, "")
"""


def in_functions(tree: ast.Module) -> list[ast.AST]:
    """Everything within functions."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.Lambda)]
    return [node for function in functions for node in ast.walk(function)]


def changed(tree: ast.Module) -> Iterator[str]:
    """What functions assign items or attributes of, and call by a method that changes it."""
    for node in in_functions(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            yield ast.unparse(node.func.value)
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            yield ast.unparse(node.value)


def changed_of_the_module(tree: ast.Module) -> set[str]:
    """Names of the module, and of none of its functions, whose values functions change."""
    own = {node.arg for node in in_functions(tree) if isinstance(node, ast.arg)}
    own |= {node.id for node in in_functions(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    statements = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    held = {node.id for statement in statements for node in ast.walk(statement) if isinstance(node, ast.Name)}
    return (held & set(changed(tree))) - own


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_no_module_holds_what_its_functions_change(path: Path):
    """What is worked out once is in a cache of functools."""
    tree = ast.parse(path.read_text())
    assert not changed_of_the_module(tree)
    assert not [node for node in in_functions(tree) if isinstance(node, ast.Global)]


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_only_what_jax_reads_as_it_starts_is_written_to_the_environment(path: Path):
    assert path.name == "start.py" or "os.environ" not in set(changed(ast.parse(path.read_text())))


def test_these_laws_find_what_breaks_them():
    tree = ast.parse(MADE_UP)
    assert changed_of_the_module(tree) == {"told"}
    assert "os.environ" in set(changed(tree))
