"""Knowledge of a mix that rules are measured from: required by a type, and available of a mix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from hybrid.knowledge.types.fields import EVERY_PART, Part

Knowledge = Literal["mix", "tracks", "treatment"]
"""The finished mix alone; its treated tracks too, whoever treated them; what was done to them as well."""
_DEPTH: tuple[Knowledge, ...] = ("mix", "tracks", "treatment")

NEEDS_TRACKS = "speaks of tracks: needs --song"
NOT_IN_A_MIX = "counts gain over time or effects, which a finished mix does not tell"


class Requires(NamedTuple):
    """The knowledge that rules of a type are measured from.

    `parts` are those of the treatment that are read. Where `of` is "tracks", they are the parts whose effect on the
    tracks must be known: tracks that are only estimated, as by unmixing, show some parts and not others.
    """

    of: Knowledge
    parts: tuple[Part, ...] = ()


class Available(NamedTuple):
    """The knowledge that is available of a mix, and the parts of the treatment that it covers."""

    of: Knowledge
    parts: tuple[Part, ...] = EVERY_PART


MIX_ALONE = Available("mix")
TRACKS = Available("tracks")
"""Treated tracks without a treatment, such as those of a network that maps waveforms to waveforms."""
TREATMENT = Available("treatment")


def why_not(requires: Requires, available: Available) -> str:
    """The reason why a rule cannot be measured; empty if it can."""
    deep = _DEPTH.index(requires.of) <= _DEPTH.index(available.of)
    if not deep and available.of == "mix":
        return NEEDS_TRACKS
    if not deep:
        return f"reads {', '.join(requires.parts)} of the treatment, and there is none"
    return "" if all(_is_covered(part, available.parts) for part in requires.parts) else NOT_IN_A_MIX


def _is_covered(part: Part, parts: Iterable[Part]) -> bool:
    return any(part == name or part.startswith(f"{name}.") for name in parts)
