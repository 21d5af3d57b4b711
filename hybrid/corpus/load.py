"""Songs that can be mixed from the files of a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hybrid.audio.assemble import UNMIXED_ROLES, SongSpec, assemble
from hybrid.audio.manifest import load_song
from hybrid.audio.probe import probe_all
from hybrid.audio.scan import finished_mixes, tracks_from_files
from hybrid.audio.song import Song, Track, file_name
from hybrid.corpus.find import SongFiles
from hybrid.corpus.streams import unpack_streams
from hybrid.errors import SongError


def assemble_song(files: SongFiles, roles: Mapping[str, Sequence[str]], scratch: Path) -> Song:
    """The song of these files. Roles are those of the data set's labels in `roles`, others are guessed from labels.

    Streams of containers are unpacked into `scratch`. Raises SongError with every reason why it cannot be mixed.
    """
    if files.problems:
        raise SongError(*files.problems)
    if not files.sources:
        return replace(load_song(files.folder), name=file_name(files.name))
    sources = unpack_streams(files.sources, scratch)
    headers = probe_all(source.path for source in sources)
    tracks = tracks_from_files([(source.label, headers[source.path]) for source in sources])
    label_of = {source.path: source.label for source in sources}
    role_of = {label.casefold(): role for label, role in roles.items()}
    labelled = tuple(_with_role(track, role_of.get(label_of[track.files[0]].casefold())) for track in tracks)
    bleeding = [source.label for source in sources if source.bleed]
    notes = (f"other sources bleed into: {', '.join(bleeding)}",) if bleeding else ()
    spec = SongSpec(files.folder, file_name(files.name), labelled, notes=notes)
    return assemble(spec.without(UNMIXED_ROLES))


def reference_mix(files: SongFiles, scratch: Path) -> Path | None:
    """Path of the human mix of a song, by the layout or, in a folder of tracks, by its name; None if there is none.

    A stream of a container is unpacked into `scratch`.
    """
    if files.mix is not None:
        return unpack_streams((files.mix,), scratch)[0].path
    return None if files.sources else next(iter(finished_mixes(files.folder)), None)


def _with_role(track: Track, role_and_tags: Sequence[str] | None) -> Track:
    """The track with the role and tags of its label, if the data set defines them."""
    if role_and_tags is None:
        return track
    role, *tags = role_and_tags
    return replace(track, role=role, tags=tuple(tags), confidence=1.0)
