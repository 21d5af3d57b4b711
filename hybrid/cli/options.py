"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid import shelf
from hybrid.audio.references import Rough
from hybrid.cli import complete
from hybrid.errors import InputError, Problem

if TYPE_CHECKING:
    from hybrid.batch.run import Shard
    from hybrid.edits.edit import Edit

Rules = Annotated[
    list[str] | None,
    typer.Option(
        "--rules",
        metavar="NAME",
        autocompletion=complete.rule_files,
        help="a rule file or its name; repeatable [default: base]",
    ),
]
NO_MODEL, DEFAULT_MODEL = "none", "base"
Model = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        autocompletion=complete.models,
        help="network that proposes: a name, a file of weights, or none",
    ),
]
Plugins = Annotated[
    list[Path] | None,
    typer.Option("--plugin", metavar="FILE.py", help="a Python file with rule types of your own; repeatable"),
]
References = Annotated[
    list[str] | None,
    typer.Option(
        "--reference",
        metavar="FILE[:ASPECT=AMOUNT,...]",
        help="a finished mix to follow, such as a.wav:tone=0.6,width; repeatable",
    ),
]
RoughMix = Annotated[
    str | None,
    typer.Option("--rough", metavar="FILE", help="a rough mix of the song, whose balance is kept"),
]
Kept = Annotated[
    float | None,
    typer.Option("--amount", min=0.0, max=1.0, help="how much of the rough mix is kept [default: 1]"),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="RULE.KEY=VALUE",
        autocompletion=complete.overrides,
        help="such as lead.level.target='2 LU'; repeatable",
    ),
]
Edits = Annotated[
    list[str] | None,
    typer.Option("--edit", metavar="TEXT", help="a move of your own, such as 'guitar gain.level +2 dB'; repeatable"),
]
EditsFile = Annotated[
    Path | None, typer.Option("--edits", metavar="FILE", help="a file of your own moves, before those of --edit")
]


def edits_of(file: Path | None, texts: Sequence[str] | None) -> tuple[Edit, ...]:
    """The edits of a file and of options. Raises InputError with everything that is wrong in them."""
    from hybrid.edits.file import option_edits, read_edits

    return (*(read_edits(file) if file else ()), *option_edits(texts or ()))


def rough_of(path: str | None, amount: float | None) -> Rough | None:
    """The rough mix of the options. Raises InputError for an amount of nothing."""
    if path is None:
        if amount is not None:
            raise InputError(Problem("--amount", "is how much of a rough mix is kept: expected --rough too"))
        return None
    return Rough(shelf.expanded(path), 1.0 if amount is None else amount)


def plugin_paths(plugins: list[Path] | None) -> tuple[str, ...]:
    """Absolute paths of plug-in files, for processes that may run in another folder."""
    return tuple(str(shelf.expanded(path).absolute()) for path in plugins or [])


def shard_of(text: str) -> Shard:
    """The shard of an option `--shard`. Raises InputError for text that is not i/n."""
    from hybrid.batch.run import Shard

    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    number, of = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= number <= of:
        raise InputError(Problem("--shard", f"expected i/n with i from 1 to n, such as 3/16, got {text!r}"))
    return Shard(number, of)
