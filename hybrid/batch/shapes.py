"""Which songs share compiled programs, told from the headers of their files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from pathlib import Path
from typing import TypeVar

import soundfile

from hybrid.analysis.recording import padded_shape
from hybrid.audio.scan import audio_files, finished_mixes
from hybrid.corpus.find import SongFiles
from hybrid.errors import InputError

_AHEAD = 200
"""Jobs that are looked at for one of a better shape: headers of a large data set are not all read beforehand."""
_Job = TypeVar("_Job")


def likely_shape(song: SongFiles) -> Hashable | None:
    """Numbers of tracks and frames that programs are compiled for; None for a song that cannot be read.

    A guess, by the number of files and the length of the largest: a pair of mono files or an offset in the manifest may
    make it another. It decides the order of songs alone.
    """
    try:
        paths = [source.path for source in song.sources] or _tracks(song.folder)
        largest = soundfile.info(max(paths, key=lambda path: path.stat().st_size))
    except (OSError, ValueError, InputError, soundfile.LibsndfileError):
        return None
    return padded_shape(len(paths), largest.duration, largest.samplerate)


def next_job(
    waiting: Sequence[_Job],
    running: Collection[_Job],
    ready: Collection[Hashable | None],
    shape_of: Callable[[_Job], Hashable | None],
) -> int:
    """Index of the job to take from the end of `waiting`: the first whose programs are compiled, else the first of a
    shape that no process is at, so that no two compile the same; else the last."""
    nearest = range(len(waiting) - 1, max(-1, len(waiting) - 1 - _AHEAD), -1)
    shapes = {index: shape_of(waiting[index]) for index in nearest}
    busy = {shape_of(job) for job in running}
    for allowed in (lambda shape: shape is None or shape in ready, lambda shape: shape not in busy):
        if found := [index for index in nearest if allowed(shapes[index])]:
            return found[0]
    return len(waiting) - 1


def _tracks(folder: Path) -> list[Path]:
    mixes = finished_mixes(folder)
    return [path for path in audio_files(folder) if path not in mixes]
