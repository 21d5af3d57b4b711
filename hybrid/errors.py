"""Errors that the user can act on: all problems of an input at once, each with its place and a hint.

`main` of the command line turns these into a message on stderr and an exit code. Any other exception is a fault of
this program.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import ClassVar, NamedTuple

_LONGEST = 2000
"""Characters of a problem that are printed: a refusal does not quote a file."""


class Problem(NamedTuple):
    """One problem: its place ("path:line:column"), what is wrong, and what would help."""

    where: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        text = printable(f"{self.where}: {self.what}" if self.where else self.what)
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


class InputError(Exception):
    """The command, or a file that it names, cannot be used; `problems` holds every reason."""

    exit_code: ClassVar[int] = 2

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(*problems)

    def __str__(self) -> str:
        """One problem a line, then each different hint once."""
        lines = "\n".join(str(problem) for problem in self.problems)
        hints = dict.fromkeys(problem.hint for problem in self.problems if problem.hint)
        return lines + "".join(f"\n\nhint: {printable(hint)}" for hint in hints)


class UnwritableError(InputError):
    """A file cannot be written: the disk is full, or its folder is read-only."""


class SongError(InputError):
    """The audio of a song cannot be mixed."""

    exit_code: ClassVar[int] = 3


_SHOWN = 60
_LONGEST_WORD = 200
"""Letters of a word that may be mistyped: comparing takes time with the square of the length."""


def shown(value: object) -> str:
    """The value as an error quotes it: of long text, the beginning."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Characters that command a terminal or turn the direction of what follows, and bytes that are no text."""


def without_controls(text: str) -> str:
    """The text, of any number of lines, with control characters as escapes that JSON reads as well."""
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def printable(text: str) -> str:
    """The text on one line for any terminal, with every unprintable character, as in a file's name, as an escape."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for the known word nearest to a mistyped one, or empty text if none is near."""
    by_folded = {name.casefold(): name for name in known}
    if len(word) > _LONGEST_WORD:
        return ""
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean {by_folded[near[0]]}?" if near else ""
