"""Errors that a person can act on: every problem of an input at once, each with its place.

`main` of the command line turns these into a message on stderr and an exit code. Anything else that is
raised is a fault of this program.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar, NamedTuple


class Problem(NamedTuple):
    """One thing wrong: "path:line:column", what it is, and what would help."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return plain(f"{self.where}: {self.what}" if self.where else self.what)


class InputError(Exception):
    """The command or a file it names is not usable as it stands; `problems` holds all that was found."""

    exit_code: ClassVar[int] = 2

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(*problems)

    def __str__(self) -> str:
        """One problem a line, then each different hint once."""
        lines = "\n".join(str(problem) for problem in self.problems)
        hints = dict.fromkeys(problem.hint for problem in self.problems if problem.hint)
        return lines + "".join(f"\n\nhint: {hint}" for hint in hints)


class UnwritableError(InputError):
    """Nothing can be written there: the disk is full, or its folder is not to be written to."""


class SongError(InputError):
    """This song's audio cannot be mixed."""

    exit_code: ClassVar[int] = 3


def plain(text: str) -> str:
    """The text on one line for any terminal: what cannot be printed, as names of files may hold it, is spelt out."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for the known word nearest to a mistyped one, or nothing if none is near."""
    by_folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean {by_folded[near[0]]}?" if near else ""
