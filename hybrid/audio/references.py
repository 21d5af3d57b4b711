"""Requests to follow a reference mix: its file, and how much of each aspect."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hybrid import shelf
from hybrid.errors import InputError, Problem, shown, suggest

ASPECTS = ("tone", "width", "place", "dynamics", "loudness")
"""What may be followed of any mix; a rule of the template is about the aspects among its tags."""
BY_TRACK = ("levels", "places")
"""What may be followed of a rough mix of the same song."""
EVERY = "all"
"""Stands for all aspects but loudness, which belongs to mastering."""
_USUAL = ("tone", "width", "place", "dynamics")
_ASPECTS_TEXT = re.compile(r"[^:/\\]*")


class Reference(NamedTuple):
    """A finished mix to be followed."""

    path: Path
    amounts: Mapping[str, float]
    """By aspect, from 0, our own mix, to 1, the reference; aspects that are not named are not followed."""


class Rough(NamedTuple):
    """A rough mix of the song itself, and how much of it is kept: from 0, our own mix, to 1."""

    path: Path
    amount: float = 1.0

    def reference(self) -> Reference:
        """What is followed of it: levels and places by track, tone as a whole."""
        return Reference(self.path, dict.fromkeys((*BY_TRACK, "tone"), self.amount))


def whole(path: Path) -> Reference:
    """The reference that is followed in all aspects but loudness."""
    return Reference(path, dict.fromkeys(_USUAL, 1.0))


def parse_reference(text: str) -> Reference:
    """The request that is written `a.wav`, or `a.wav:tone=0.6,width`: an aspect alone is followed wholly.

    Raises InputError for an aspect that there is not, and for an amount outside 0 to 1.
    """
    file, colon, asked = text.rpartition(":")
    # a file may have a colon in its name, and a drive of Windows is no file
    if not colon or shelf.is_file(shelf.expanded(text)) or len(file) < 2 or not _ASPECTS_TEXT.fullmatch(asked):
        return whole(shelf.expanded(text))
    amounts: dict[str, float] = {}
    for part in asked.split(","):
        name, equals, amount = (each.strip() for each in part.partition("="))
        named = _USUAL if name == EVERY else (name,)
        for aspect in named:
            if aspect in amounts:
                raise _error(text, f"names {aspect} twice", "each aspect once")
            amounts[aspect] = _amount(text, amount) if equals else 1.0
    return checked(Reference(shelf.expanded(file), amounts), text)


def checked(reference: Reference, place: str) -> Reference:
    """The reference itself. Raises InputError for an aspect that there is not, and for an amount outside 0 to 1."""
    for aspect, amount in reference.amounts.items():
        if aspect not in ASPECTS:
            known = (*ASPECTS, EVERY)
            raise _error(
                place, f"no aspect is called {shown(aspect)}{suggest(aspect, known)}", f"expected {', '.join(known)}"
            )
        if not 0.0 <= amount <= 1.0:
            raise _error(place, f"{aspect}={amount:g} is outside of 0 to 1", "0 is the mix's own, 1 the reference's")
    return reference


def check_references(references: Sequence[Reference]) -> None:
    """Raises InputError for a file that is named twice."""
    seen: set[Path] = set()
    for reference in references:
        path = reference.path.resolve()
        if path in seen:
            raise _error(str(reference.path), "is named twice", "name it once, with all aspects: a.wav:tone=0.6,width")
        seen.add(path)


def _amount(text: str, amount: str) -> float:
    try:
        return float(amount)
    except ValueError:
        what = f"expected a number from 0 to 1, got {shown(amount)}"
        raise _error(text, what, "such as a.wav:tone=0.6,width=1") from None


def _error(place: str, what: str, hint: str) -> InputError:
    return InputError(Problem(f"--reference {place}", what, hint))
