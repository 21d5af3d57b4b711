"""Tracks that hold what others hold: one recording in two files, and sums of other tracks, such as a bounce."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hybrid.audio.probe import AudioFile
from hybrid.audio.samples import FileReader
from hybrid.audio.song import Track
from hybrid.errors import SongError

_EXPLAINED = 0.98
"""Share of a track's power that others must explain: -17 dB is left, more than rounding or dither, less than what a
room, an effect, or a second microphone leaves. A guess, tried on the tracks of eight songs, none of which reach it."""
_SAME = 0.995
"""Share for one recording in two files: channels of a nearly mono pair of files stay below it."""
_N_BLOCKS, _BLOCK = 8, 8192
"""Blocks that are compared, spread over the song: 1.5 s of it, hundreds of times as many samples as tracks."""
_PART = 0.05
"""Contributions to a sum that are smaller than this, relative to the sum's own level, do not count."""
_RIDGE = 1e-7


class Redundant(NamedTuple):
    """A track that others explain: the sum of several, or the same recording as one."""

    track: int
    others: tuple[int, ...]
    is_whole: bool = False
    """Whether it is the sum of all others, each of which could be compared: a mix of the song."""


def redundant(tracks: Sequence[Track], files: Mapping[Path, AudioFile]) -> list[Redundant]:
    """The tracks that are sums of others or the same as an earlier one, by their sound.

    Compared are tracks at the most common sample rate that can be read from any position: not MP3 and Ogg. A track is
    explained by the others if what remains of it after linear regression on them is faint, and it is their sum, rather
    than a part of one, if all contribute with their own sign.
    """
    rates = Counter(files[track.files[0]].sample_rate for track in tracks)
    (rate, _), *_ = rates.most_common(1)
    chosen = [
        k
        for k, track in enumerate(tracks)
        if files[track.files[0]].sample_rate == rate and not any(files[path].is_lossy for path in track.files)
    ]
    samples, starts = {}, _starts([tracks[k] for k in chosen], files)
    for k in chosen:
        mid = _excerpts(tracks[k], files, starts)
        if mid is not None and np.any(mid):
            samples[k] = mid / np.linalg.norm(mid)
    found = _explained(samples)
    return found if len(chosen) == len(tracks) else [each._replace(is_whole=False) for each in found]


def _explained(samples: Mapping[int, Float[np.ndarray, " n"]]) -> list[Redundant]:
    keys, found = list(samples), []
    if not keys:
        return found
    matrix = np.stack(list(samples.values()))
    gram = matrix @ matrix.T
    for row, k in enumerate(keys):
        same = np.flatnonzero(gram[row, :row] ** 2 > _SAME)
        if same.size:
            found.append(Redundant(k, (keys[same[0]],)))
    # of tracks that are the same, one: others would be explained by both
    rows = [row for row, k in enumerate(keys) if k not in {each.track for each in found}]
    distinct = [keys[row] for row in rows]
    inverse = np.linalg.inv(gram[np.ix_(rows, rows)] + _RIDGE * np.eye(len(rows)))
    for row, k in enumerate(distinct):
        # of unit vectors, the share that regression on all others leaves, and its coefficients
        left, weight = 1.0 / inverse[row, row], -inverse[row] / inverse[row, row]
        weight[row] = 0.0
        parts = np.abs(weight) > _PART
        if left < 1.0 - _EXPLAINED and parts.sum() > 1 and np.all(weight[parts] > 0.0):
            others = tuple(distinct[column] for column in np.flatnonzero(parts))
            found.append(Redundant(k, others, is_whole=len(others) == len(distinct) - 1))
    return found


def _starts(tracks: Sequence[Track], files: Mapping[Path, AudioFile]) -> list[int]:
    """Samples of the song at which the blocks begin."""
    ends = [
        track.start_sample(files[path].sample_rate) + files[path].n_samples for track in tracks for path in track.files
    ]
    return [int(at) for at in np.linspace(0, max(0, max(ends, default=0) - _BLOCK), _N_BLOCKS)]


def _excerpts(track: Track, files: Mapping[Path, AudioFile], starts: Sequence[int]) -> Float[np.ndarray, " n"] | None:
    """Samples of a track in mono, zero where it has none; None where it cannot be read."""
    mid = np.zeros((len(starts), _BLOCK))
    try:
        for path in track.files:
            offset = track.start_sample(files[path].sample_rate)
            with FileReader(files[path]) as reader:
                for row, start in zip(mid, starts, strict=True):
                    first, last = max(start, offset), min(start + _BLOCK, offset + reader.n_samples)
                    if first < last:
                        row[first - start : last - start] += reader.read(first - offset, last - first).mean(axis=1)
    except SongError:
        # told where the samples are needed
        return None
    return mid.ravel()
