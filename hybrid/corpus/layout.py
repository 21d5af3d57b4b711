"""Schema of the layout of a data set: templates of paths that assign its files to songs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, model_validator

from hybrid.audio.roles import ROLES
from hybrid.corpus.template import AUDIO, field_names
from hybrid.errors import suggest
from hybrid.units import field_error

Split = Literal["train", "validation", "test"]
SONG, LABEL, SPLIT = "song", "label", "split"


def _template(text: str) -> str:
    field_names(text)
    if text.startswith("/") or ".." in text.split("/"):
        raise field_error(f"expected a path inside the data set, got {text!r}")
    return text


def _role(role_and_tags: list[str]) -> list[str]:
    role = role_and_tags[0] if role_and_tags else ""
    if role not in ROLES:
        raise field_error(f"no such role: {role!r}{suggest(role, ROLES)}")
    return role_and_tags


Template = Annotated[str, AfterValidator(_template)]
Role = Annotated[list[str], AfterValidator(_role)]
"""A role, and tags after it."""


class MetadataLayout(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Songs that are described by a file of metadata, YAML or JSON, one in each song's folder.

    Names in templates are looked up in the values of the track, of the nodes above it, at the top of the file, and in
    the parts of the file's path, in this order.
    """

    file: Template
    """Paths of the files of metadata, from the data set's folder."""
    tracks: str
    """Path of the tracks in the file: keys joined by dots. `{name}` matches every key or item, and is its value in
    templates."""
    path: Template
    """Path of a track's file, from the folder of the file of metadata."""
    label: str
    """Label of the track."""
    mix: Template | None = None
    """Path of the finished mix, from the same folder."""
    stem: str | None = None
    """The group that the track belongs to."""
    bleed: str | None = None
    """Whether other sources bleed into the track: yes or true."""
    only_if: str | None = None
    """Tracks with no or false here are left out: they were never rendered."""


class Layout(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Paths of tracks and mixes, from the data set's folder. Audio files that match no template are counted."""

    tracks: tuple[Template, ...] = ()
    """Files of tracks of songs without metadata; the parts `song` and `label` are required."""
    mixes: tuple[Template, ...] = ()
    """Files of finished mixes; of several for a song, the first that matches the first template."""
    without: tuple[Template, ...] = ()
    """Files that are not tracks."""
    song: Template = f"{{{SONG}}}"
    """The name of a song, from the parts of its tracks' paths; slashes become spaces."""
    described: MetadataLayout | None = None
    """For songs that a file of metadata describes."""
    streams: Annotated[tuple[str, ...], Field(max_length=16)] = ()
    """Labels of the streams in each file of `tracks`, in their order; the one called mixture is the mix."""
    splits: dict[str, Split] = {}
    """The split for each value of the part `split`; songs with any other value are in no split."""
    roles: dict[str, Role] = {}
    """Role and tags for labels, regardless of case; those of other labels are guessed as from file names."""

    @model_validator(mode="after")
    def _check_parts(self) -> Layout:
        if not self.tracks and self.described is None:
            raise field_error("expected `tracks` or `described`, which name the files of tracks")
        of_song = field_names(self.song)
        if not of_song or f"{{{AUDIO}}}" in self.song:
            raise field_error(f"song: expected parts of the tracks' paths, got {self.song!r}")
        # every template must name the song, or its files could not be assigned
        if self.described and (missing := of_song - field_names(self.described.file)):
            raise field_error(f"described.file has no part {', '.join(sorted(missing))}")
        for template in self.tracks:
            required = of_song if self.streams else of_song | {LABEL}
            if missing := required - field_names(template):
                raise field_error(f"{template!r} has no part {', '.join(sorted(missing))}")
        for template in self.mixes:
            if missing := of_song - field_names(template):
                raise field_error(f"{template!r} has no part {', '.join(sorted(missing))}")
        return self
