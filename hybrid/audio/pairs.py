"""Pairs of files that are the left and the right channel of one stereo track, by their names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

_SIDE = re.compile(
    r"""(?: (?<![^\W_]) (?i:left|right|lft|rgt|l|r)     # a word of its own: "OH L", "OH.L", "oh_left"
          | (?<=[a-z0-9]) (?:Left|Right|L|R)            # a capital at the end of a word: "RoomL", "Gtr1L"
          | (?<=OH) [LR]
        ) (?![^\W_])""",
    re.VERBOSE,
)
_INDEX = re.compile(r"^(?:\d+[-_. ]+)+")
_EDGES = " ._-"


class StereoPair(NamedTuple):
    """Positions of a left and a right name in their list, and the name of the pair."""

    left: int
    right: int
    name: str


class _Side(NamedTuple):
    before: str
    letter: str
    after: str


def find_pairs(names: Sequence[str]) -> list[StereoPair]:
    """The pairs among names that differ only in the side, or else in the side and a leading index.

    The side is the last word that is L, R, left or right; a microphone may follow it (`OVERHEAD L - AR-70`). A name
    that could belong to two pairs belongs to none.
    """
    sides = {i: side for i, name in enumerate(names) if (side := _side(name))}
    pairs = _match(sides)
    paired = {i for pair in pairs for i in (pair.left, pair.right)}
    rest = {i: side._replace(before=_INDEX.sub("", side.before)) for i, side in sides.items() if i not in paired}
    return sorted(pairs + _match(rest))


def _side(name: str) -> _Side | None:
    matches = list(_SIDE.finditer(name))
    if not matches:
        return None
    last = matches[-1]
    return _Side(name[: last.start()], last[0][0].lower(), name[last.end() :])


def _match(sides: dict[int, _Side]) -> list[StereoPair]:
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i, side in sides.items():
        groups[side.before.lower(), side.after.lower()].append(i)
    pairs = []
    for positions in groups.values():
        by_side = {sides[i].letter: i for i in positions}
        if len(positions) == 2 and len(by_side) == 2:
            pairs.append(StereoPair(by_side["l"], by_side["r"], _name(sides[by_side["l"]])))
    return pairs


def _name(side: _Side) -> str:
    """The name of a pair: the parts that both names share."""
    before, after = side.before.rstrip(_EDGES + "(["), side.after.lstrip(")]")
    return f"{before}{after}".strip(_EDGES) or "stereo"
