"""A hash of the source that something follows from, read off the imports: what keys of caches are made of.

What says nothing to the program does not count: comments, layout and docstrings, bare strings after a field included.
A module that is imported by a computed name is not seen.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import NamedTuple

_PACKAGE = Path(__file__).parent
_ONE_AT_A_TIME = Lock()
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = frozenset({"body", "orelse", "finalbody", "handlers", "cases"})
"""Where statements hold statements."""


class _Module(NamedTuple):
    digest: str
    when_run: frozenset[str]
    """Dotted names that are imported when the module itself is."""
    in_functions: frozenset[str]


@cache
def source_hash(*modules: str, package: Path = _PACKAGE) -> str:
    """SHA-256 of the modules of these names and of all that they import from `package`, directly or through others.

    Imports within functions count, imports for the type checker alone do not. Of a package that is only passed on the
    way to one of its modules, what it imports when it is run counts; and no more of `package` itself, whose functions
    open doors for users.
    """
    found: dict[str, str] = {}
    waiting = [(name, True) for name in modules]
    waiting += [(passed, False) for name in modules if _is_in(package, name) for passed in _ancestors(name)]
    seen = set(waiting)
    while waiting:
        name, is_asked_for = waiting.pop()
        path = _path(name, package)
        if path is None:
            raise LookupError(f"no source of module {name!r}")
        module = _read(path)
        found[name] = module.digest
        counts_whole = is_asked_for and name != package.name
        for imported in module.when_run | (module.in_functions if counts_whole else frozenset()):
            if _is_in(package, imported):
                new = set(_reached(imported, package)) - seen
                seen |= new
                waiting += new
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()


def _is_in(package: Path, name: str) -> bool:
    return name.split(".")[0] == package.name


def _ancestors(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def _reached(imported: str, package: Path) -> Iterator[tuple[str, bool]]:
    """Modules of the package that run where `imported` is imported, a module or a name in one; and whether one is
    asked for, rather than passed."""
    names = [*_ancestors(imported), imported]
    while _path(names[-1], package) is None:
        names.pop()
    yield names.pop(), True
    yield from ((name, False) for name in names)


def _path(name: str, package: Path) -> Path | None:
    """The file of a module; None for one outside the package that has none."""
    if _is_in(package, name):
        folder = package.joinpath(*name.split(".")[1:])
        return next((path for path in (folder / "__init__.py", folder.with_suffix(".py")) if path.is_file()), None)
    if name in sys.modules:
        file = sys.modules[name].__file__
        return Path(file) if file else None
    spec = find_spec(name)
    return Path(spec.origin) if spec and spec.has_location and spec.origin else None


@cache
def _read(path: Path) -> _Module:
    # seen on CPython 3.11, where two threads parsed at once: "AST constructor recursion depth mismatch"
    with _ONE_AT_A_TIME:
        tree = ast.parse(path.read_bytes())
    imports: tuple[set[str], set[str]] = (set(), set())
    _reduce(tree, imports, in_function=False)
    return _Module(hashlib.sha256(ast.dump(tree).encode()).hexdigest(), *map(frozenset, imports))


def _reduce(node: ast.AST, imports: tuple[set[str], set[str]], in_function: bool) -> None:
    """Takes out strings that are statements, and adds what is imported outside functions, and within them."""
    in_function |= isinstance(node, _FUNCTIONS)
    if isinstance(node, ast.Import):
        imports[in_function].update(alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        imports[in_function].update(f"{node.module}.{alias.name}" for alias in node.names)
    for block in _BLOCKS & set(node._fields):
        inner = [each for each in getattr(node, block) if not _is_docstring(each)]
        setattr(node, block, inner)
        if not (block == "body" and isinstance(node, ast.If) and _is_for_checker(node.test)):
            for each in inner:
                _reduce(each, imports, in_function)


def _is_docstring(statement: ast.AST) -> bool:
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _is_for_checker(test: ast.expr) -> bool:
    return (test.id if isinstance(test, ast.Name) else getattr(test, "attr", "")) == "TYPE_CHECKING"
