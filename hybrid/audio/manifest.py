"""`song.yaml`: what a person says the tracks of a song are. Written by a scan, then theirs to edit."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import yaml

from hybrid import document, shelf
from hybrid.audio.assemble import Cast, assemble
from hybrid.audio.probe import probe_all
from hybrid.audio.roles import ROLES
from hybrid.audio.scan import cast_folder
from hybrid.audio.schema import Entry, Reading, SongFile
from hybrid.audio.song import Song, Track, polarity_name
from hybrid.document import Document
from hybrid.errors import InputError, Problem
from hybrid.validation import validate_document

MANIFEST = "song.yaml"
"""The name that a manifest has in its song's folder."""

_YAML = (".yaml", ".yml")
_UNMIXED = frozenset({"click", "reference"})
_SIGN: dict[str, Literal[1, -1]] = {"upright": 1, "inverted": -1}
_ROLE_LINES = textwrap.fill(" ".join(ROLES), 106, initial_indent="#   ", subsequent_indent="#   ")
_HEADER = f"""\
# The tracks of a song, yours to edit: what stands here is never guessed over.
#
# file: relative to this file; [left, right] for two mono files that are one stereo track
# role: one of the following; click and reference are not mixed
{_ROLE_LINES}
# tags: lead (the lead voice, or what leads an instrumental), double, or words of your own for rules
# confidence: how sure the guess of the role was, 0 to 1; without it: you are sure
# gain_db: before everything else
# offset_s: where the file begins in the song; negative cuts its start
# polarity: upright or inverted
#   without offset_s and polarity, microphones of one source may be moved and turned to agree
#
# `tempo_bpm: 120` may stand below `name`. A track that is deleted here is not mixed.
"""


def load_song(path: Path) -> Song:
    """The song to mix at a path: a manifest, a folder that has one, or a folder of tracks, which is scanned.

    Tracks whose role is click or reference are left out, with a note. Raises InputError if the path is none
    of these, and what `read_manifest` and `scan_folder` raise.
    """
    path = path.expanduser()
    try:
        manifest = path / MANIFEST if path.is_dir() else path
        is_written = manifest.is_file()
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be read: {error.strerror}")) from error
    if is_written and manifest.suffix.lower() not in _YAML:
        raise InputError(Problem(str(path), f"expected a folder of tracks or a {MANIFEST}, got a file"))
    cast = _cast_manifest(manifest) if is_written else cast_folder(path)
    return assemble(cast.without(_UNMIXED))


def read_manifest(path: Path) -> Song:
    """The song that a manifest describes, with all its tracks.

    Raises InputError with everything that is wrong in the manifest, each with its place, and SongError with
    every audio file that is unfit.
    """
    return assemble(_cast_manifest(path))


def write_manifest(song: Song, path: Path) -> None:
    """Writes a song's manifest, whole or not at all. What `read_manifest` gives back is the same song.

    Files beside or below the manifest are written relative to it, others with their whole path.
    """
    text = "\n".join([_HEADER, *_lines(song, path.parent)]) + "\n"
    shelf.write(path, text)


def _cast_manifest(path: Path) -> Cast:
    written = document.read(path)
    said = validate_document(SongFile, written, Reading(path.parent, set()))
    channels = _channels(said, written)
    tracks = tuple(_track(entry, n) for entry, n in zip(said.tracks, channels, strict=True))
    return Cast(path.parent, said.name, tracks, said.tempo_bpm)


def _track(entry: Entry, channels: int) -> Track:
    return Track(
        id=entry.id,
        files=entry.file,
        channels=channels,
        role=entry.role,
        tags=entry.tags,
        confidence=entry.confidence,
        gain_db=entry.gain_db,
        offset_s=entry.offset_s,
        polarity=None if entry.polarity is None else _SIGN[entry.polarity],
    )


def _channels(said: SongFile, written: Document) -> list[int]:
    """The number of channels of each track. Raises InputError for pairs of files that are not mono."""
    files = probe_all(path for entry in said.tracks for path in entry.file)
    problems = [
        Problem(
            written.place("tracks", i, "file", side),
            f"tracks[{i}].file: one of a pair must be mono, this is stereo",
        )
        for i, entry in enumerate(said.tracks)
        for side, path in enumerate(entry.file)
        if len(entry.file) == 2 and files[path].channels == 2
    ]
    if problems:
        raise InputError(*problems)
    return [sum(files[path].channels for path in entry.file) for entry in said.tracks]


def _lines(song: Song, folder: Path) -> Iterator[str]:
    yield "schema: song/1"
    yield f"name: {_quoted(song.name)}"
    if song.tempo_bpm is not None:
        yield f"tempo_bpm: {song.tempo_bpm!r}"
    yield "tracks:"
    for track in song.tracks:
        files = [_quoted(_relative(path, folder)) for path in track.files]
        yield f"  - id: {_quoted(track.id)}"
        yield f"    file: {files[0] if len(files) == 1 else _listed(files)}"
        yield f"    role: {track.role}"
        yield f"    tags: {_listed([_quoted(tag) for tag in track.tags])}"
        yield f"    confidence: {track.confidence!r}"
        yield f"    gain_db: {track.gain_db!r}"
        if track.offset_s is not None:
            yield f"    offset_s: {track.offset_s!r}"
        if track.polarity is not None:
            yield f"    polarity: {polarity_name(track.polarity)}"
    yield from (f"# {' '.join(note.split())}" for note in song.notes)


def _relative(path: Path, folder: Path) -> str:
    path, folder = path.resolve(), folder.resolve()
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()


def _listed(items: list[str]) -> str:
    return f"[{', '.join(items)}]"


def _quoted(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf")).strip()
