"""What the help shows for the values of options: words, not types of Python."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

from typer.models import ArgumentInfo, OptionInfo

_WORDS = {int: "N", float: "NUMBER", Path: "PATH", str: "TEXT"}


def in_words(command: Callable[..., None]) -> Callable[..., None]:
    """The function of a command, whose options and arguments without a word of their own have one now."""
    parameters = inspect.signature(command, eval_str=True).parameters
    for name, param in parameters.items():
        if get_origin(param.annotation) is Annotated:
            kind, *more = get_args(param.annotation)
            for info in more:
                if isinstance(info, OptionInfo | ArgumentInfo) and info.metavar is None:
                    info.metavar = _word(kind, name, is_argument=isinstance(info, ArgumentInfo))
    # as text they would be read again, without what is set here
    inspect.unwrap(command).__annotations__ = {name: param.annotation for name, param in parameters.items()}
    return command


def _word(kind: object, name: str, *, is_argument: bool) -> str | None:
    """The word for values of a type; None for switches, which have none."""
    if get_origin(kind) in (Union, UnionType):
        (kind,) = set(get_args(kind)) - {NoneType}
    if get_origin(kind) in (list, tuple):
        kind = get_args(kind)[0]
    if kind is bool:
        return None
    if is_argument:
        return name.strip("_").upper()
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(each.value) for each in kind)
    return _WORDS.get(kind, "TEXT") if isinstance(kind, type) else "TEXT"
