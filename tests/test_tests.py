"""Tests of tests: none asserts only of things of which there may be none."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

TESTS = sorted(Path(__file__).parent.rglob("test_*.py"))
THROUGH = {"dict", "enumerate", "items", "keys", "list", "reversed", "set", "sorted", "tuple", "values"}
"""What gives as many things as it is given."""
Literals = Mapping[str, ast.expr]
Comprehension = ast.GeneratorExp | ast.ListComp | ast.SetComp | ast.DictComp
EMPTY = """
def test_loop(xs):
    for x in xs:
        assert x
def test_all(xs):
    assert all(x > 0 for x in xs) and not any(x > 9 for x in xs)
def test_some_of_several():
    for x in range(9):
        if x:
            for y in found(x):
                np.testing.assert_allclose(x, y)
"""
FULL = """
XS = [1, 2]
def test_loop():
    for n, x in enumerate(XS):
        assert x
def test_all(xs):
    assert xs and all(x > 0 for x in xs)
def test_any(xs):
    assert any(x > 0 for x in xs)
def test_none(xs):
    assert not [x for x in xs if x < 0]
def test_that_checks_by_another(xs):
    check(xs)
"""


def has_some(things: ast.expr, literals: Literals) -> bool:
    """Whether it can be seen that there is something to loop over."""
    if isinstance(things, ast.Name):
        return things.id in literals and has_some(literals[things.id], {})
    if isinstance(things, ast.Constant):
        return bool(things.value)
    if isinstance(things, ast.Tuple | ast.List | ast.Set):
        return any(not isinstance(each, ast.Starred) for each in things.elts)
    if isinstance(things, ast.Dict):
        return any(key is not None for key in things.keys)
    if isinstance(things, Comprehension):
        return all(not each.ifs and has_some(each.iter, literals) for each in things.generators)
    if not isinstance(things, ast.Call):
        return False
    name = things.func.attr if isinstance(things.func, ast.Attribute) else ast.unparse(things.func)
    if name in ("range", "zip"):
        return any(has_some(each, literals) for each in things.args)
    inner = [things.func.value] if isinstance(things.func, ast.Attribute) else things.args[:1]
    return name in THROUGH and any(has_some(each, literals) for each in inner)


def holds_of_nothing(claim: ast.expr, literals: Literals) -> bool:
    """Whether a claim is about all of several things, or about none of them, of which there may be none."""
    if isinstance(claim, ast.BoolOp):
        return all(holds_of_nothing(each, literals) for each in claim.values)
    is_denied = isinstance(claim, ast.UnaryOp)
    claim = claim.operand if isinstance(claim, ast.UnaryOp) else claim
    if not isinstance(claim, ast.Call) or ast.unparse(claim.func) != ("any" if is_denied else "all"):
        return False
    return isinstance(claim.args[0], Comprehension) and not has_some(claim.args[0], literals)


def checks(node: ast.AST, literals: Literals, in_loop: bool = False) -> Iterator[bool]:
    """Of everything that a test checks, whether it may be checked of nothing."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Assert):
            yield in_loop or holds_of_nothing(child.test, literals)
        elif isinstance(child, ast.Call | ast.withitem) and re.search(r"\.(assert_\w+|raises)\(", ast.unparse(child)):
            yield in_loop
        elif isinstance(child, ast.While) or (isinstance(child, ast.For) and not has_some(child.iter, literals)):
            yield from checks(child, literals, True)
        elif not isinstance(child, ast.FunctionDef | ast.Lambda):
            yield from checks(child, literals, in_loop)


def empty_tests(source: str) -> list[str]:
    """Tests that may check nothing, though they check something."""
    tree = ast.parse(source)
    literals = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test")]
    found = {function.name: list(checks(function, literals)) for function in functions}
    return [name for name, may_be_empty in found.items() if may_be_empty and all(may_be_empty)]


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_no_test_asserts_only_in_loops_over_what_may_be_empty(path: Path):
    """Assert first that there is something to look at."""
    assert not empty_tests(path.read_text())


def test_this_law_finds_what_breaks_it_and_nothing_else():
    assert empty_tests(EMPTY) == ["test_loop", "test_all", "test_some_of_several"]
    assert empty_tests(FULL) == []
