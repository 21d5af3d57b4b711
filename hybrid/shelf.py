"""Data files by name: lookup of a name or a path, the list of known names, and files written whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from hybrid.document import Document, YamlValue, read
from hybrid.errors import InputError, Problem, UnwritableError, shown, suggest

_NESTED_KINDS = frozenset({"train/ablations"})
"""Kinds whose files lie in the folder of another."""

__all__ = ["Document", "YamlValue", "expanded", "find", "is_file", "is_folder", "names", "read", "shipped", "write"]


def find(kind: str, name: str, beside: Path | None = None) -> Path:
    """Path of the file that `name` stands for.

    The first that exists of: that path, that name in `beside`, in ./`kind`, among the shipped files. `kind` is rules,
    train, train/ablations or datasets; a name is a path below such a folder without its `.yaml`. Raises InputError
    with the known names if there is none.
    """
    direct = expanded(name) if beside is None else beside / name
    if is_file(direct):
        return direct
    for folder in _folders(kind, beside):
        path = folder / f"{name}.yaml"
        if is_file(path):
            return path
    known = names(kind)
    what = f"no file and no shipped name in {kind}: {shown(name)}{suggest(name, known)}"
    raise InputError(Problem("", what, hint=f"known names: {', '.join(known)}"))


def expanded(path: str | Path) -> Path:
    """The path with `~` as the user's folder; as it is if there is no user of that name."""
    path = Path(path)
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def is_file(path: Path) -> bool:
    """Whether the path is a file; false for a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether the path is a folder; false for a name that none can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def names(kind: str) -> list[str]:
    """Every name that `find` knows for `kind`, sorted, without those of a kind that lies within it."""
    folders = [folder for folder in _folders(kind, None) if folder.is_dir()]
    every = {_name(path, folder) for folder in folders for path in folder.rglob("*.yaml")}
    return sorted(name for name in every if f"{kind}/{name.partition('/')[0]}" not in _NESTED_KINDS)


def shipped(kind: str) -> Path:
    """The folder that comes with the program: the checkout's when run from one, else the installed copy."""
    package = Path(__file__).parent
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / kind).is_dir():
        return checkout / kind
    return package / "_data" / kind


def write(path: Path, content: str | bytes) -> None:
    """Writes a file whole or not at all, by renaming a temporary one. Raises UnwritableError if that fails."""
    # in the same folder: a rename across file systems is a copy
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
