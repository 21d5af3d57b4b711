"""An edit, one sentence of a person about a mix: "guitar gain.level +2 dB", "bass pin", "keys mute"."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from hybrid import quantity
from hybrid.errors import InputError, Problem, shown, suggest
from hybrid.quantity import UnitError
from hybrid.treatment.parts import GROUPS, PARTS, Part

SONG = "song"
"""Stands for the tracks of parts that they share."""
_WORDS = ("mute", "solo", "pin", "within", "to")
_EXAMPLE = "such as 'guitar gain.level +2 dB', 'lead pan.position R20', 'bass pin' or 'keys mute'"
Kind = Literal["mute", "solo", "pin", "add", "set", "within"]


@dataclass(frozen=True)
class Edit:
    """A move of a person: a change, a limit or a pin of parts of some tracks, or of the song."""

    of: str
    """Id, role or tag of the tracks; `SONG` for what they share."""
    kind: Kind
    parts: tuple[str, ...] = ()
    """Names in the table of parts; empty for tracks as a whole."""
    value: float | None = None
    """Of `add`, `set` and `pin`, in the part's unit; a pin without one keeps what is there."""
    limits: tuple[float, float] | None = None
    """Of `within`."""
    at_hz: tuple[float, float] | None = None
    """The points of a tone curve, or the zones, that are meant; all where None."""
    span_s: tuple[float, float] | None = None
    section: str = ""
    """The time that is meant, by itself or by the name of a section; the whole song where there is neither."""
    is_recorded: bool = False
    """Whether a pin is to what was recorded: to no effect."""
    place: str = ""
    """Of the sentence, for errors."""
    text: str = ""
    """The sentence itself."""

    def problem(self, what: str, hint: str = "") -> Problem:
        """Something that is wrong with the edit."""
        return Problem(self.place, f"{shown(self.text)}: {what}", hint)


def parse_edit(text: str, place: str) -> Edit:
    """The edit of a sentence. Raises InputError with its place, what was expected, and near names."""
    try:
        return _parsed(text, place)
    except UnitError as error:
        raise InputError(Problem(place, f"{shown(text)}: {error}")) from error


def _parsed(text: str, place: str) -> Edit:
    def refuse(what: str, hint: str = "") -> InputError:
        return InputError(Problem(place, f"{shown(text)}: {what}", hint))

    try:
        words = shlex.split(text)
    except ValueError:
        raise refuse("a quotation mark is not closed") from None
    if len(words) < 2:
        raise refuse(f"expected tracks and what to do with them, {_EXAMPLE}")
    of, *rest = words
    if rest in (["mute"], ["solo"]):
        return Edit(of, "mute" if rest == ["mute"] else "solo", place=place, text=text)
    parts: tuple[str, ...] = ()
    if rest[0] != "pin":
        parts = _parts(rest[0])
        if not parts:
            near = suggest(rest[0], [*PARTS, *GROUPS, *_WORDS])
            raise refuse(f"no such part: {shown(rest[0])}{near}", f"parts: {', '.join(PARTS)}")
        rest = rest[1:]
    said, at_hz = _cut(r"\s+at\s+(.+?)(?=\s+(?:from|in)\s|$)", " " + " ".join(rest))
    said, section = _cut(r"\s+in\s+(\S.*)$", said)
    said, span = _cut(r"\s+from\s+(\S+)\s+to\s+(\S+)\s*$", said)
    meant = Edit(
        of,
        "pin",
        parts,
        at_hz=_frequencies(at_hz[0]) if at_hz else None,
        span_s=_span(span) if span else None,
        section=section[0] if section else "",
        place=place,
        text=text,
    )
    if problem := "; ".join(_misplaced(meant)):
        raise refuse(problem)
    return _completed(meant, said.strip())


def _parts(name: str) -> tuple[str, ...]:
    """The parts of a name, of a part or of a group."""
    return (name,) if name in PARTS else tuple(part.name for part in PARTS.values() if part.group == name)


def _cut(pattern: str, text: str) -> tuple[str, tuple[str, ...]]:
    match = re.search(pattern, text)
    return (text[: match.start()] + text[match.end() :], match.groups()) if match else (text, ())


def _frequencies(text: str) -> tuple[float, float]:
    if re.search(r"\d\s*-|\bto\b", text):
        return quantity.read_range(text, "Hz")
    frequency = quantity.read(text, "Hz")
    return frequency, frequency


def _span(ends: tuple[str, ...]) -> tuple[float, float]:
    start, end = (quantity.read_clock(each) for each in ends)
    if not start < end:
        raise UnitError(f"expected a time from earlier to later, got {ends[0]} to {ends[1]}")
    return start, end


def _misplaced(edit: Edit) -> Iterator[str]:
    """Problems of an edit that names a place which its parts do not have."""
    parts = [PARTS[name] for name in edit.parts]
    if "master" in {part.group for part in parts}:
        yield "the output level follows from the loudness that the rules ask for: set out.loudness.range"
    if edit.at_hz and not any({"tone", "zone"} & set(part.axes) for part in parts):
        yield "only tone curves and zones have frequencies"
    if (edit.span_s or edit.section) and not any(
        part.name == "gain.level" or {"ride", "knot"} & set(part.axes) for part in parts
    ):
        yield "only levels, rides and dynamics have a time"


def _completed(meant: Edit, said: str) -> Edit:
    """The edit with its kind and its numbers."""
    word, _, rest = said.partition(" ")
    if word == "pin" and rest in ("", "now"):
        return meant
    if word == "pin" and rest == "recorded":
        return _as(meant, "pin", is_recorded=True)
    if len(meant.parts) != 1:
        what = f"expected one part, as in {_EXAMPLE}" if meant.parts or word == "pin" else f"expected {_EXAMPLE}"
        raise InputError(meant.problem(what, f"parts: {', '.join(meant.parts or PARTS)}"))
    part = PARTS[meant.parts[0]]
    if word == "within":
        low, high = (_value(part, end.strip()) for end in _ends(rest))
        if low > high:
            raise UnitError(f"expected limits from low to high, got {rest}")
        return _as(meant, "within", limits=(low, high))
    if word in ("pin", "to"):
        return _as(meant, "set", value=_value(part, rest))
    if said.startswith(("+", "-", "−")):
        by = quantity.read(said.removeprefix("+").strip(), quantity.difference_unit(part.unit))
        return _as(meant, "add", value=by)
    if not said:
        raise InputError(meant.problem(f"expected what to do with it, {_EXAMPLE}"))
    return _as(meant, "set", value=_value(part, said))


def _ends(text: str) -> tuple[str, str]:
    ends = re.split(r"\s+to\s+", text)
    if len(ends) != 2:
        raise UnitError(f"expected limits such as 'within -30 to 30', got {text!r}")
    low, high = ends
    # a first end without a unit has that of the last
    if re.fullmatch(r"[-−]?[\d.]+", low) and (unit := re.search(r"[^\d.\s].*$", high.lstrip("-−"))):
        low = f"{low} {unit[0]}"
    return low, high


def _value(part: Part, text: str) -> float:
    """A value of the part, within its limits."""
    if text == "off" and (part.optional or part.unit == "Hz"):
        return part.neutral
    value = quantity.read(text, part.unit)
    low, high = part.limits
    if not low <= value <= high:
        ends = f"{quantity.write(low, part.unit)} to {quantity.write(high, part.unit)}"
        raise UnitError(f"{quantity.write(value, part.unit)} is beyond the range of the {part.noun}, {ends}")
    return value


def _as(edit: Edit, kind: Kind, **fields: object) -> Edit:
    return Edit(**{**edit.__dict__, "kind": kind, **fields})
