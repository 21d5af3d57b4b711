"""A song from its tracks: sample rate, length, and notes about tracks that are silent or left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from hybrid.audio.probe import AudioFile, probe_all
from hybrid.audio.samples import is_silent
from hybrid.audio.song import RawLevels, Song, Track
from hybrid.errors import Problem, SongError

UNMIXED_ROLES = frozenset({"click", "reference"})
"""Roles of tracks that are in a session and not in its mix."""


class SongSpec(NamedTuple):
    """The tracks of a song before their files are opened: no sample rate and no length yet."""

    folder: Path
    name: str
    tracks: tuple[Track, ...]
    tempo_bpm: float | None = None
    notes: tuple[str, ...] = ()
    raw_levels: RawLevels = "recorded"

    def without(self, roles: Collection[str]) -> SongSpec:
        """The spec less the tracks of these roles, with a note for each."""
        included = tuple(track for track in self.tracks if track.role not in roles)
        notes = [f"{track.id} is a {track.role}: left out" for track in self.tracks if track.role in roles]
        return self._replace(tracks=included, notes=(*self.notes, *notes))


def assemble(spec: SongSpec) -> Song:
    """The song of a spec, at the sample rate of most tracks (of two equally common, the higher).

    Silent tracks are noted. Raises SongError with every file that cannot be used, if there are no tracks, or if all
    are silent.
    """
    folder, name, tracks, tempo_bpm, notes, raw_levels = spec
    if not tracks:
        raise SongError(Problem(str(folder), f"no track is left to mix: {'; '.join(notes)}"))
    files = probe_all(path for track in tracks for path in track.files)
    # the most common rate, so that the fewest files are resampled
    rates = Counter(files[track.files[0]].sample_rate for track in tracks)
    sample_rate = max(rates, key=lambda rate: (rates[rate], rate))
    n_samples = max(_end(track, files, sample_rate) for track in tracks)
    if n_samples <= 0:
        raise SongError(Problem(str(folder), "every track ends before the song begins", "see offset_s"))
    silent = [track.id for track in tracks if all(is_silent(files[path]) for path in track.files)]
    if len(silent) == len(tracks):
        raise SongError(Problem(str(folder), f"all tracks are silent: {', '.join(silent)}"))
    notes = (*notes, *(f"{track_id} is silent" for track_id in silent))
    return Song(name, folder, tracks, sample_rate, n_samples, tempo_bpm, notes, raw_levels)


def _end(track: Track, files: Mapping[Path, AudioFile], sample_rate: int) -> int:
    """The song's sample after the last one of a track."""
    lengths = [-(-files[path].n_samples * sample_rate // files[path].sample_rate) for path in track.files]
    return track.start_sample(sample_rate) + max(lengths)
