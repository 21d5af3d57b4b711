"""The source of rule types that come from plug-ins: where they are written, and a hash of it.

Rules and traced programs are known by the hash of all that they follow from. The source of shipped types is part of
this package's; that of a plug-in has to be added, or an edited plug-in would be answered from a cache.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import uuid
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from hybrid.knowledge.types import RuleType


def is_shipped(kind: type[RuleType]) -> bool:
    """Whether a type comes with this package."""
    return _package(kind) == __name__.partition(".")[0]


@cache
def type_source_hash(kind: type[RuleType]) -> str:
    """SHA-256 of the source of a plug-in's type: of its file, or of all files of the package that it is in, and of the
    types that it extends. Empty for shipped types.

    First asked for when a type is loaded, it is that of the code that runs, whatever becomes of the file. A type
    without a file, as in a notebook, has a hash of its own that no other process knows.
    """
    own = [each for each in kind.__mro__[: kind.__mro__.index(RuleType)] if not is_shipped(each)]
    if not own:
        return ""
    try:
        files = sorted({file for each in own for file in _files(each)})
        return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    except (OSError, TypeError):
        return uuid.uuid4().hex


def source_hashes(rules: Iterable[RuleType]) -> dict[str, str]:
    """The source hashes of the plug-ins' types among those of some rules, by name."""
    return {rule.type: found for rule in rules if (found := type_source_hash(type(rule)))}


def place_of(kind: type[RuleType], member: str = "") -> str:
    """Place of a type, or of one of its methods, as "file:line"; its full name where there is no file."""
    found = getattr(kind, member) if member else kind
    try:
        return f"{inspect.getfile(kind)}:{inspect.getsourcelines(found)[1]}"
    except (OSError, TypeError):
        return f"{kind.__module__}.{kind.__qualname__}"


def line_in(path: str, error: BaseException) -> str:
    """The deepest place of an error within a file, as "file:line"; the file alone if the error is not in it."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f"{path}:{error.lineno}"
    trace, place = error.__traceback__, path
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            place = f"{path}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


def _files(kind: type) -> Iterator[Path]:
    """The file of a type, or all files of its package."""
    package = sys.modules.get(_package(kind))
    folders = [Path(folder) for folder in getattr(package, "__path__", ())]
    for folder in folders:
        yield from folder.rglob("*.py")
    if not folders:
        yield Path(inspect.getfile(kind))


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0]
