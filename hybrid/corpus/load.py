"""From what was found in a data set to a song that can be mixed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hybrid.audio.assemble import UNMIXED_ROLES, SongSpec, assemble
from hybrid.audio.manifest import load_song
from hybrid.audio.probe import probe_all
from hybrid.audio.scan import finished_mixes, tracks_from_files
from hybrid.audio.song import Song, Track, file_name
from hybrid.corpus.find import Found
from hybrid.corpus.streams import unpacked
from hybrid.errors import SongError


def song_of(found: Found, roles: Mapping[str, Sequence[str]], scratch: Path) -> Song:
    """The song, its roles named by the data set's labels where `roles` knows them, else guessed.

    Streams of containers are unpacked into `scratch`. Raises SongError with all that keeps it from being mixed.
    """
    if found.problems:
        raise SongError(*found.problems)
    if not found.sources:
        return replace(load_song(found.folder), name=file_name(found.name))
    sources = unpacked(found.sources, scratch)
    files = probe_all(source.path for source in sources)
    tracks = tracks_from_files([(source.label, files[source.path]) for source in sources])
    label_of = {source.path: source.label for source in sources}
    meant = {label.casefold(): role for label, role in roles.items()}
    named = tuple(_named(track, meant.get(label_of[track.files[0]].casefold())) for track in tracks)
    bleeding = [source.label for source in sources if source.bleed]
    notes = (f"other sources are heard in: {', '.join(bleeding)}",) if bleeding else ()
    spec = SongSpec(found.folder, file_name(found.name), named, notes=notes)
    return assemble(spec.without(UNMIXED_ROLES))


def mix_of(found: Found, scratch: Path) -> Path | None:
    """The mix that a person made of the song: the layout's, or, in a folder of tracks, a file that is named so. A
    stream of a container is unpacked into `scratch`."""
    if found.mix is not None:
        return unpacked((found.mix,), scratch)[0].path
    return None if found.sources else next(iter(finished_mixes(found.folder)), None)


def _named(track: Track, said: Sequence[str] | None) -> Track:
    """The track with the role that the data set's label stands for, if it stands for any."""
    if said is None:
        return track
    role, *tags = said
    return replace(track, role=role, tags=tuple(tags), confidence=1.0)
