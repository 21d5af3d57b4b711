"""A song from its tracks: sample rate, length, and notes about tracks that are silent or left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hybrid.audio.probe import AudioFile, probe_all
from hybrid.audio.redundancy import Redundant, redundant
from hybrid.audio.references import Reference, Rough
from hybrid.audio.samples import is_silent
from hybrid.audio.song import RawLevels, Song, Track
from hybrid.errors import Problem, SongError

UNMIXED_ROLES = frozenset({"click", "reference"})
"""Roles of tracks that are in a session and not in its mix."""

_SAME_TIME_S = 0.001
"""Recorders that began within this time began together."""


class SongSpec(NamedTuple):
    """The tracks of a song before their files are opened: no sample rate and no length yet."""

    folder: Path
    name: str
    tracks: tuple[Track, ...]
    tempo_bpm: float | None = None
    notes: tuple[str, ...] = ()
    raw_levels: RawLevels = "recorded"
    references: tuple[Reference, ...] = ()
    rough: Rough | None = None
    may_hold_mix: bool = False
    """Whether a track that is the sum of all others is a finished mix; nobody has said that it is a track."""

    def without(self, roles: Collection[str]) -> SongSpec:
        """The spec less the tracks of these roles, with a note for each."""
        included = tuple(track for track in self.tracks if track.role not in roles)
        notes = [f"{track.id} is a {track.role}: left out" for track in self.tracks if track.role in roles]
        return self._replace(tracks=included, notes=(*self.notes, *notes))


def assemble(spec: SongSpec) -> Song:
    """The song of a spec, at the sample rate of most tracks (of two equally common, the higher).

    Notes tell which tracks are silent, cut off, or hold what others hold, which files are not what their headers say,
    and which may be shifted in time. Raises SongError with every file that cannot be used, if there are no tracks, or
    if all are silent.
    """
    folder, name, tracks, tempo_bpm, notes, raw_levels, references, rough, may_hold_mix = spec
    if not tracks:
        raise SongError(Problem(str(folder), f"no track is left to mix: {'; '.join(notes)}"))
    files = probe_all(path for track in tracks for path in track.files)
    repeats = redundant(tracks, files)
    # a sum of some may be a track of its own; one of all is what is to be made
    mixes = {each.track for each in repeats if may_hold_mix and each.is_whole}
    repeated = [_note_on(each, tracks) for each in repeats if each.track not in mixes]
    repeated += _notes_on_names(tracks, {tracks[each.track].id for each in repeats})
    notes += tuple(f"{tracks[k].id} is the sum of the other tracks, a finished mix: left out" for k in sorted(mixes))
    tracks = tuple(track for k, track in enumerate(tracks) if k not in mixes)
    files = {path: files[path] for track in tracks for path in track.files}
    # the most common rate, so that the fewest files are resampled
    rates = Counter(files[track.files[0]].sample_rate for track in tracks)
    sample_rate = max(rates, key=lambda rate: (rates[rate], rate))
    n_samples = max(_end(track, files, sample_rate) for track in tracks)
    if n_samples <= 0:
        raise SongError(Problem(str(folder), "every track ends before the song begins", "see offset_s"))
    silent = [track.id for track in tracks if all(is_silent(files[path]) for path in track.files)]
    if len(silent) == len(tracks):
        raise SongError(Problem(str(folder), f"all tracks are silent: {', '.join(silent)}"))
    notes = (
        *notes,
        *(f"{track_id} is silent" for track_id in silent),
        *(f"{path.name} {note}" for path, file in files.items() for note in file.notes),
        *(
            f"{track.id} ends before the song begins, by its offset_s of {track.offset_s:g}: it is not heard"
            for track in tracks
            if _end(track, files, sample_rate) <= 0
        ),
        *_notes_on_time(tracks, files),
        *_notes_on_places(folder, files),
        *repeated,
    )
    return Song(name, folder, tracks, sample_rate, n_samples, tempo_bpm, notes, raw_levels, references, rough)


def _end(track: Track, files: Mapping[Path, AudioFile], sample_rate: int) -> int:
    """The song's sample after the last one of a track."""
    lengths = [-(-files[path].n_samples * sample_rate // files[path].sample_rate) for path in track.files]
    return track.start_sample(sample_rate) + max(lengths)


def _notes_on_time(tracks: Sequence[Track], files: Mapping[Path, AudioFile]) -> Iterator[str]:
    """Notes about tracks that may not start with the others."""
    unknown = [path.name for path, file in files.items() if file.has_unknown_delay]
    if 0 < len(unknown) < len(files):
        yield f"{', '.join(unknown)} may be late by up to 0.03 s: no delay of its encoder is told; see offset_s"
    # what a recorder wrote, where nobody has said otherwise
    begins = {
        track.id: file.time_reference / file.sample_rate
        for track in tracks
        if track.offset_s is None
        if (file := files[track.files[0]]).time_reference is not None
    }
    first = min(begins.values(), default=0.0)
    for track_id, begin in begins.items():
        if begin - first > _SAME_TIME_S:
            yield f"{track_id} was recorded {begin - first:.3f} s later, by its header: offset_s would place it there"


def _notes_on_places(folder: Path, files: Collection[Path]) -> Iterator[str]:
    """Notes about files outside the folder of the song, which a song.yaml of somebody else may name."""
    home = folder.resolve()
    for path in files:
        if not path.resolve().is_relative_to(home):
            yield f"{path} lies outside the song's folder"


def _note_on(repeat: Redundant, tracks: Sequence[Track]) -> str:
    """The note about a track that holds what others hold."""
    names = ", ".join(tracks[k].id for k in repeat.others)
    what = "is the sum of" if len(repeat.others) > 1 else "sounds the same as"
    return f"{tracks[repeat.track].id} {what} {names}: is it a track of its own?"


def _notes_on_names(tracks: Sequence[Track], told: Collection[str]) -> Iterator[str]:
    """Notes about files of one name, but for their format, of which nothing is told by their sound."""
    first: dict[str, Track] = {}
    for track in (track for track in tracks if track.id not in told):
        path = track.files[0]
        other = first.setdefault(path.stem.casefold(), track).files[0]
        if other.suffix != path.suffix:
            yield f"{path.name} and {other.name} may be one recording: is one of them too many?"
