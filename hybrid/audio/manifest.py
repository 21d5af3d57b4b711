"""`song.yaml`, the manifest of a song: files and roles of its tracks, written by a scan and edited by the user."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import yaml

from hybrid import document, shelf
from hybrid.audio.assemble import UNMIXED_ROLES, SongSpec, assemble
from hybrid.audio.probe import probe_all
from hybrid.audio.references import Rough
from hybrid.audio.roles import ROLES
from hybrid.audio.scan import folder_spec
from hybrid.audio.schema import ManifestContext, SongFile, TrackEntry
from hybrid.audio.song import POLARITIES, Song, Track, polarity_name
from hybrid.document import Document
from hybrid.errors import InputError, Problem
from hybrid.validation import validate_document

MANIFEST = "song.yaml"
"""The name that a manifest has in its song's folder."""

_YAML_SUFFIXES = (".yaml", ".yml")
_ROLE_LINES = textwrap.fill(" ".join(ROLES), 106, initial_indent="#   ", subsequent_indent="#   ")
_HEADER = f"""\
# The tracks of a song, yours to edit: values given here are never guessed again.
#
# file: relative to this file; [left, right] for two mono files that are one stereo track
# role: one of the following; click and reference are not mixed
{_ROLE_LINES}
# tags: lead (the lead voice, or the lead instrument of an instrumental), double, or words of your own for rules
# confidence: of the guessed role, 0 to 1; leave it out for a role that is certain
# gain_db: before everything else, for a file too quiet or too loud to be worked with. It does not set how loud a track
#   is in the mix: the mixer undoes it, as it sets every level itself. To have a say in that, edit the settings.json of
#   a mix, and mix again with --settings FILE
# offset_s: start of the file in the song; negative cuts its beginning
# polarity: upright or inverted
#   without offset_s and polarity, microphones of one source may be delayed and inverted to agree
#
# `tempo_bpm: 120` may stand below `name`, and `raw_levels: arbitrary` where the levels of the files to each other were
# drawn or normalised, so that they say nothing. A track that is deleted here is not mixed. `references:` lists finished
# mixes to follow, such as {{file: a.wav, tone: 0.6}}; `rough: {{file: rough.wav}}` is a mix of these tracks to keep.
"""


def load_song(path: Path) -> Song:
    """The song to mix at a path: a manifest, a folder that has one, or a folder of tracks, which is scanned.

    Tracks whose role is click or reference are left out, with a note. Raises InputError if the path is none of these,
    and the errors of `read_manifest` and `scan_folder`.
    """
    path = shelf.expanded(path)
    try:
        manifest = path / MANIFEST if path.is_dir() else path
        has_manifest = manifest.is_file()
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be read: {error.strerror}")) from error
    if has_manifest and manifest.suffix.lower() not in _YAML_SUFFIXES:
        raise InputError(Problem(str(path), f"expected a folder of tracks or a {MANIFEST}, got a file"))
    spec = _manifest_spec(manifest) if has_manifest else folder_spec(path)
    return assemble(spec.without(UNMIXED_ROLES))


def read_manifest(path: Path) -> Song:
    """The song that a manifest describes, with all its tracks.

    Raises InputError with every problem of the manifest and its place, and SongError with every audio file that
    cannot be used.
    """
    return assemble(_manifest_spec(path))


def write_manifest(song: Song, path: Path) -> None:
    """Writes a song's manifest, whole or not at all; `read_manifest` returns the same song.

    Paths of files beside or below the manifest are relative to it, others absolute.
    """
    text = "\n".join([_HEADER, *_lines(song, path.parent)]) + "\n"
    shelf.write(path, text)


def _manifest_spec(path: Path) -> SongSpec:
    source = document.read(path)
    manifest = validate_document(SongFile, source, ManifestContext(path.parent, set()))
    channels = _channels(manifest, source)
    tracks = tuple(_track(entry, n) for entry, n in zip(manifest.tracks, channels, strict=True))
    return SongSpec(
        path.parent,
        manifest.name,
        tracks,
        manifest.tempo_bpm,
        raw_levels=manifest.raw_levels,
        references=tuple(entry.request() for entry in manifest.references),
        rough=Rough(manifest.rough.file, manifest.rough.amount) if manifest.rough else None,
    )


def _track(entry: TrackEntry, channels: int) -> Track:
    return Track(
        id=entry.id,
        files=entry.file,
        channels=channels,
        role=entry.role,
        tags=entry.tags,
        confidence=entry.confidence,
        gain_db=entry.gain_db,
        offset_s=entry.offset_s,
        polarity=None if entry.polarity is None else POLARITIES[entry.polarity],
    )


def _channels(manifest: SongFile, source: Document) -> list[int]:
    """Number of channels of each track. Raises InputError for a stereo file in a pair of files."""
    files = probe_all(path for entry in manifest.tracks for path in entry.file)
    problems = [
        Problem(
            source.place("tracks", i, "file", side),
            f"tracks[{i}].file: expected mono files in a pair, this is stereo",
        )
        for i, entry in enumerate(manifest.tracks)
        for side, path in enumerate(entry.file)
        if len(entry.file) == 2 and files[path].channels == 2
    ]
    if problems:
        raise InputError(*problems)
    return [sum(files[path].channels for path in entry.file) for entry in manifest.tracks]


def _lines(song: Song, folder: Path) -> Iterator[str]:
    yield "schema: song/1"
    yield f"name: {_yaml_text(song.name)}"
    if song.tempo_bpm is not None:
        yield f"tempo_bpm: {song.tempo_bpm!r}"
    if not song.levels_are_recorded:
        yield f"raw_levels: {song.raw_levels}"
    if song.references:
        yield "references:"
    for reference in song.references:
        yield f"  - file: {_yaml_text(_relative(reference.path, folder))}"
        yield from (f"    {aspect}: {amount!r}" for aspect, amount in reference.amounts.items())
    if song.rough:
        yield f"rough: {{file: {_yaml_text(_relative(song.rough.path, folder))}, amount: {song.rough.amount!r}}}"
    yield "tracks:"
    for track in song.tracks:
        files = [_yaml_text(_relative(path, folder)) for path in track.files]
        yield f"  - id: {_yaml_text(track.id)}"
        yield f"    file: {files[0] if len(files) == 1 else _yaml_list(files)}"
        yield f"    role: {track.role}"
        yield f"    tags: {_yaml_list([_yaml_text(tag) for tag in track.tags])}"
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


def _yaml_list(items: list[str]) -> str:
    return f"[{', '.join(items)}]"


def _yaml_text(text: str) -> str:
    return yaml.safe_dump(text, default_style='"', allow_unicode=True, width=float("inf")).strip()
