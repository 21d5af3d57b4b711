"""How the files of a data set become songs, as its card says it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from hybrid.audio.roles import ROLES
from hybrid.corpus.template import AUDIO, fields_of
from hybrid.errors import suggest
from hybrid.units import field_error

Split = Literal["train", "validation", "test"]
SONG, LABEL, SPLIT = "song", "label", "split"


def _template(text: str) -> str:
    fields_of(text)
    if text.startswith("/") or ".." in text.split("/"):
        raise field_error(f"expected a path inside the data set, got {text!r}")
    return text


def _role(said: list[str]) -> list[str]:
    if not said or said[0] not in ROLES:
        role = said[0] if said else ""
        raise field_error(f"no such role: {role!r}{suggest(role, ROLES)}")
    return said


Template = Annotated[str, AfterValidator(_template)]
Role = Annotated[list[str], AfterValidator(_role)]
"""A role, and tags after it."""


class Described(BaseModel, frozen=True, extra="forbid"):
    """Songs that a file of metadata describes, YAML or JSON, one in each song's folder.

    In templates, names mean parts of the path of that file, then what the file says at its top, then what it says of
    the track and of what the track is part of.
    """

    file: Template
    tracks: str
    """Where in the file the tracks are: keys joined by dots; `{name}` stands for every key or item there, and for
    which it was."""
    path: Template
    """Of a track's file, from the folder of the file of metadata."""
    label: str
    """What the track is called."""
    mix: Template | None = None
    """Of the finished mix, from the same folder."""
    stem: str | None = None
    """What the track is part of."""
    bleed: str | None = None
    """Whether it holds other sources: yes or true."""
    only_if: str | None = None
    """Tracks for which this reads no or false are left out: they were never rendered."""


class Layout(BaseModel, frozen=True, extra="forbid"):
    """Where tracks and mixes lie, from the data set's folder. What matches nothing is not understood, and counted."""

    tracks: tuple[Template, ...] = ()
    """Files of tracks, where no metadata describes their song; parts `song` and `label` are needed."""
    mixes: tuple[Template, ...] = ()
    """Files of finished mixes; of several for a song, the first that matches the first template."""
    without: tuple[Template, ...] = ()
    """Files that are no tracks."""
    song: Template = f"{{{SONG}}}"
    """The name of a song, of the parts of its tracks' paths; slashes become spaces."""
    described: Described | None = None
    streams: Annotated[tuple[str, ...], Field(max_length=16)] = ()
    """Tracks within each of the files that `tracks` names, in their order; one called mixture is the mix."""
    splits: dict[str, Split] = {}
    """What the part `split` says, as one of ours; what is not listed is of no split."""
    roles: dict[str, Role] = {}
    """What labels mean, whatever their case; others are guessed as names of files are."""

    @model_validator(mode="after")
    def _says_enough(self) -> Layout:
        if not self.tracks and self.described is None:
            raise field_error("expected `tracks` or `described`: nothing says which files are tracks")
        named = fields_of(self.song)
        if not named or f"{{{AUDIO}}}" in self.song:
            raise field_error(f"song: expected parts of the tracks' paths, got {self.song!r}")
        if self.described and (lacking := named - fields_of(self.described.file)):
            raise field_error(f"described.file has no part {', '.join(sorted(lacking))}")
        for template in self.tracks:
            needed = named if self.streams else named | {LABEL}
            if lacking := needed - fields_of(template):
                raise field_error(f"{template!r} has no part {', '.join(sorted(lacking))}")
        for template in self.mixes:
            if lacking := named - fields_of(template):
                raise field_error(f"{template!r} has no part {', '.join(sorted(lacking))}")
        return self
