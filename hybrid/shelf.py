"""The shelf of data files: what a name means, which names there are, and how such a file is written."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from hybrid.document import Document, Plain, read
from hybrid.errors import InputError, Problem, UnwritableError, suggest

_WITHIN = frozenset({"train/ablations"})
"""Kinds whose files lie in the folder of another."""

__all__ = ["Document", "Plain", "find", "names", "read", "shipped", "write"]


def find(kind: str, name: str, beside: Path | None = None) -> Path:
    """The file that `name` means: that path, else that name in `beside`, in ./`kind`, among the shipped ones.

    `kind` is rules, train, train/ablations or datasets; a name is a path below such a folder without its `.yaml`.
    """
    given = Path(name).expanduser() if beside is None else beside / name
    if _is_file(given):
        return given
    for folder in _folders(kind, beside):
        path = folder / f"{name}.yaml"
        if _is_file(path):
            return path
    known = names(kind)
    what = f"no file and no shipped name in {kind}: {name!r}{suggest(name, known)}"
    raise InputError(Problem("", what, hint=f"known names: {', '.join(known)}"))


def _is_file(path: Path) -> bool:
    """Whether it is a file; a name too long for any file is not."""
    try:
        return path.is_file()
    except OSError:
        return False


def names(kind: str) -> list[str]:
    """Every name that `find` knows for `kind`, sorted; not those of a kind that lies within it."""
    folders = [folder for folder in _folders(kind, None) if folder.is_dir()]
    found = {_name(path, folder) for folder in folders for path in folder.rglob("*.yaml")}
    return sorted(name for name in found if f"{kind}/{name.partition('/')[0]}" not in _WITHIN)


def shipped(kind: str) -> Path:
    """The folder that comes with the program: the checkout's when run from one, else the installed copy."""
    package = Path(__file__).parent
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / kind).is_dir():
        return checkout / kind
    return package / "_data" / kind


def write(path: Path, content: str | bytes) -> None:
    """Writes a file, whole or not at all; raises UnwritableError if that cannot be."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content.encode() if isinstance(content, str) else content)
        unfinished.replace(path)
    except OSError as error:
        raise UnwritableError(Problem(str(path), f"cannot be written: {error.strerror}")) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _folders(kind: str, beside: Path | None) -> list[Path]:
    return [*([beside] if beside else []), Path(kind), shipped(kind)]


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()
