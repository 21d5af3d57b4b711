"""The card of a data set, `dataset/1`: what it is, and which of its songs train, validate and test."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from hybrid import shelf
from hybrid.checked import checked
from hybrid.units import refusal

Split = Literal["train", "validation", "test"]
KIND = "datasets"


def _rising(seeds: tuple[int, int]) -> tuple[int, int]:
    if seeds[0] >= seeds[1]:
        raise refusal(f"expected [first, end] with first below end, got {list(seeds)}")
    return seeds


_Seed = Annotated[int, Field(ge=0, lt=2**31)]
Seeds = Annotated[tuple[_Seed, _Seed], AfterValidator(_rising)]
"""The first and the one after the last."""


def _apart(splits: dict[Split, Seeds]) -> dict[Split, Seeds]:
    ordered = sorted((span, name) for name, span in splits.items())
    for (span, name), (later, other) in pairwise(ordered):
        if span[1] > later[0]:
            raise refusal(f"{name} and {other} share seeds")
    return splits


class Card(BaseModel, frozen=True, extra="forbid"):
    """A data set whose songs the program plays itself."""

    schema_: Annotated[Literal["dataset/1"], Field(alias="schema")]
    name: str
    about: str
    licence: str
    player: Literal["synthesis", "soundfont"]
    """Who plays the instruments: the program's own, or fluidsynth with a SoundFont."""
    soundfonts: tuple[Path, ...] = ()
    """Where a SoundFont may lie; the first that is there is played."""
    install: str = ""
    """What to install where it cannot be played."""
    splits: Annotated[dict[Split, Seeds], AfterValidator(_apart)]


def read_card(name: str) -> Card:
    """The card of that name or path. Raises InputError with all that is wrong in it."""
    return checked(Card, shelf.read(shelf.find(KIND, name)))
