"""A finished mix read from a file: as a song of one track, its reader and its levels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from hybrid.audio.probe import probe
from hybrid.audio.read import open_song
from hybrid.audio.samples import is_silent
from hybrid.audio.song import Song, Track
from hybrid.errors import InputError, Problem, SongError
from hybrid.measure.meter import Meter

_BLOCK = 1 << 18
_SHORT = 0.9
"""Share of the song that a mix must cover to be compared without a note."""


def load_mix(path: Path) -> Song:
    """The mix as a song of one track. Raises InputError for a folder, SongError for a file that is unfit or silent."""
    if path.is_dir():
        raise InputError(Problem(str(path), "is a folder, expected the file of a finished mix"))
    file = probe(path)
    if is_silent(file):
        raise SongError(Problem(str(path), "is silent: there is nothing to check"))
    track = Track("mix", (path,), file.channels, "unknown", (), 0.0)
    return Song(path.stem, path.parent, (track,), file.sample_rate, file.n_samples)


def open_mix(path: Path, sample_rate: int):
    """A reader of a finished mix, at that rate. Raises InputError for a folder, SongError for a file that is unfit."""
    return open_at(load_mix(path), sample_rate)


def open_at(mix: Song, sample_rate: int):
    n_samples = -(-mix.n_samples * sample_rate // mix.sample_rate)
    return open_song(replace(mix, sample_rate=sample_rate, n_samples=n_samples))


def mix_levels(mix: Song) -> tuple[float, float]:
    """Integrated loudness and true peak of a mix at its own rate, by the exact meters; mono is in both channels."""
    meter = Meter(mix.sample_rate, 2)
    with open_song(mix) as reader:
        for start in range(0, mix.n_samples, _BLOCK):
            block = reader.read(0, start, min(_BLOCK, mix.n_samples - start))
            meter.add(np.broadcast_to(block, (2, block.shape[1])))
    levels = meter.levels()
    return levels.integrated_lufs, levels.true_peak_dbtp


def song_without_mix(song: Song, path: Path) -> tuple[Song, tuple[str, ...]]:
    """The song without the tracks that are the mix itself, and a note on each of them."""
    copies = [track for track in song.tracks if any(_is_same(file, path) for file in track.files)]
    if len(copies) == len(song.tracks):
        raise InputError(Problem(str(song.folder), f"holds no track but the mix itself, {path.name}"))
    tracks = tuple(track for track in song.tracks if track not in copies)
    return replace(song, tracks=tracks), tuple(f"{track.id} is the mix itself: not a track" for track in copies)


def _is_same(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve()


def mono_notes(mix: Song) -> tuple[str, ...]:
    return ("the mix is mono: measured as the same in both channels",) if mix.tracks[0].channels == 1 else ()


def length_notes(mix: Song, song: Song) -> tuple[str, ...]:
    mix_s, song_s = (each.n_samples / each.sample_rate for each in (mix, song))
    return (f"the mix lasts {mix_s:.1f} s of {song_s:.1f} s: the rest of the tracks is left out",) * (
        mix_s < _SHORT * song_s
    )
