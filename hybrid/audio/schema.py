"""Schema of `song.yaml`, format `song/1`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationInfo

from hybrid.audio.references import ASPECTS, Reference, whole
from hybrid.audio.roles import ROLES
from hybrid.audio.song import RawLevels, file_name
from hybrid.errors import shown, suggest
from hybrid.shelf import expanded, is_file, is_folder
from hybrid.units import field_error

KNOWN_TAGS = frozenset({"lead", "double"})
"""Tags that mean something to the program; others are words of the user's own."""


class ManifestContext(NamedTuple):
    """Context of validation: the manifest's folder, and the ids of earlier tracks in lower case."""

    folder: Path
    ids: set[str]


def _context(info: ValidationInfo) -> ManifestContext:
    assert isinstance(info.context, ManifestContext)
    return info.context


def _name(name: str) -> str:
    if name != file_name(name):
        raise field_error(f"{shown(name)} cannot name a file; {shown(file_name(name))} could")
    return name


def _new_id(track_id: str, info: ValidationInfo) -> str:
    ids = _context(info).ids
    if track_id.casefold() in ids:
        raise field_error(f"{shown(track_id)} is the id of an earlier track")
    ids.add(track_id.casefold())
    return track_id


def _role(role: str) -> str:
    if role not in ROLES:
        raise field_error(f"no such role: {shown(role)}{suggest(role, ROLES)}")
    return role


def _file(path: Path, info: ValidationInfo) -> Path:
    resolved = _context(info).folder / expanded(path)
    if not is_file(resolved):
        folder = resolved.parent
        others = folder.glob("*") if is_folder(folder) else ()
        near = suggest(path.name, (other.name for other in others if other.is_file()))
        raise field_error(f"no such file: {shown(str(path))}{near}")
    return resolved


def _files(value: object) -> object:
    files = [value] if isinstance(value, str) else value
    if not isinstance(files, list) or len(files) not in (1, 2):
        raise field_error(f"expected a file or [left, right], got {shown(value)}")
    return files


def _tag(tag: str) -> str:
    if tag not in KNOWN_TAGS and tag.strip().casefold() in KNOWN_TAGS:
        raise field_error(f"no such tag: {tag!r}; did you mean {tag.strip().casefold()}?")
    return tag


def _not_empty(tracks: tuple[TrackEntry, ...]) -> tuple[TrackEntry, ...]:
    if not tracks:
        raise field_error("expected at least one track")
    return tracks


_File = Annotated[Path, AfterValidator(_file)]
_Name = Annotated[str, AfterValidator(_name)]
_Amount = Annotated[float, Field(strict=True, ge=0.0, le=1.0)]
_Tag = Annotated[str, AfterValidator(_tag)]


class TrackEntry(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """A track of a manifest."""

    id: Annotated[_Name, AfterValidator(_new_id)]
    """Its name, under which results show it: each once in a song."""
    file: Annotated[tuple[_File, ...], BeforeValidator(_files, json_schema_input_type=str | list[str])]
    """Path of the audio, relative to this document; two for left and right, each of one channel."""
    role: Annotated[str, AfterValidator(_role)]
    """What plays; `unknown` is classified by its sound, `click` and `reference` are not mixed."""
    tags: tuple[_Tag, ...] = ()
    """`lead`, `double`, or words of your own, for rules to select by."""
    confidence: Annotated[float, Field(strict=True, ge=0.0, le=1.0)] = 1.0
    """Of a role that was guessed."""
    gain_db: Annotated[float, Field(strict=True, ge=-120.0, le=120.0)] = 0.0
    """Applied before everything else: it changes what the mixer is given, and the mixer sets its own level."""
    offset_s: Annotated[float, Field(strict=True, ge=-86400.0, le=86400.0)] | None = None
    """Start of the file in the song; negative cuts its beginning."""
    polarity: Literal["upright", "inverted"] | None = None
    """Stated, it is kept; otherwise microphones of one source may be inverted to agree."""


class ReferenceEntry(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """A finished mix to be followed: in all aspects but loudness, unless amounts are given."""

    file: _File
    """Path of the finished mix, relative to this document."""
    tone: _Amount | None = None
    """From 0, the mix's own, to 1, the reference's; as those below."""
    width: _Amount | None = None
    """Between mono and what two channels hold, by frequency."""
    place: _Amount | None = None
    """Balance of left and right, by frequency."""
    dynamics: _Amount | None = None
    """Peaks and loudness range."""
    loudness: _Amount | None = None
    """Of the whole; followed only where it is named."""

    def request(self) -> Reference:
        """The reference, with the amounts that are given."""
        amounts = {aspect: amount for aspect in ASPECTS if (amount := getattr(self, aspect)) is not None}
        return Reference(self.file, amounts) if amounts else whole(self.file)


class RoughEntry(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """A rough mix of these tracks, whose balance is kept."""

    file: _File
    """Path of the rough mix, relative to this document."""
    amount: _Amount = 1.0
    """How much of it is kept, from 0 to 1."""


def _different(entries: tuple[ReferenceEntry, ...]) -> tuple[ReferenceEntry, ...]:
    files = [entry.file.resolve() for entry in entries]
    repeated = [file for file, count in Counter(files).items() if count > 1]
    if repeated:
        raise field_error(f"{shown(repeated[0].name)} is named twice: name it once, with all its amounts")
    return entries


class SongFile(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """A song's manifest."""

    schema_: Annotated[Literal["song/1"], Field(alias="schema")]
    """The format of this document."""
    name: _Name
    """Of the song."""
    tempo_bpm: Annotated[float, Field(strict=True, gt=0.0, le=1000.0)] | None = None
    """For rules in beats or bars."""
    raw_levels: RawLevels = "recorded"
    """`arbitrary` where the levels of the files to each other were drawn or normalised, so that they say nothing."""
    references: Annotated[tuple[ReferenceEntry, ...], AfterValidator(_different)] = ()
    """Finished mixes that the mix follows."""
    rough: RoughEntry | None = None
    """The producer's mix of these tracks, whose balance is kept."""
    tracks: Annotated[tuple[TrackEntry, ...], AfterValidator(_not_empty)]
    """What is mixed; a track that is deleted here is not."""
