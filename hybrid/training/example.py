"""Songs as a network meets them in training: measured once, kept on disk, brought to one shape."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from hybrid import shelf
from hybrid.audio.read import SongReader, open_song
from hybrid.audio.song import Song, Track
from hybrid.corpus.card import Card
from hybrid.errors import InputError, Problem
from hybrid.mixing.analyse import analyse
from hybrid.mixing.microphones import settle
from hybrid.model.hearing import LISTEN_S, listened
from hybrid.treatment.types import Dry

TRACK_AXIS = {"power": 0, "power_k": 0, "active": 0, "low_power": 0}
FRAME_AXIS = {"power": 2, "power_k": 2, "cross": 3, "active": 1, "inside": 0, "peak": 0, "time_s": 0}
PAIR_AXIS = {"pairs": 0, "cross": 0}
_DATA = (*dict.fromkeys((*TRACK_AXIS, *FRAME_AXIS, *PAIR_AXIS)), "k_weight", "low_hz", "low_k", "peak_to_loudness_db")


class Shape(NamedTuple):
    """What examples of one batch are padded or cut to."""

    n_tracks: int
    n_frames: int
    n_pairs: int


class Example(NamedTuple):
    """A song that has been listened to."""

    song: Song
    """Its tracks; their files may be gone."""
    dry: Dry
    """In NumPy arrays, as long as the song, without padding."""


def listen_to(song: Song, also: Callable[[Song, SongReader, Dry], None] = lambda song, reader, dry: None) -> Example:
    """Measures a song, with its microphones settled, in the frames that a network hears.

    `also` is shown the song, its samples, and all frames.
    """
    with open_song(song) as reader:
        song, pairs = settle(song, reader)
        dry = analyse(song, reader.of(song), pairs=pairs).dry
        also(song, reader.of(song), dry)
    dry = listened(dry)
    n_frames = max(1, int(np.sum(np.asarray(dry.inside) > 0.0)))
    return Example(song, _cut(jax.tree.map(np.asarray, dry), Shape(len(song.tracks), n_frames, len(pairs))))


def _cut(dry: Dry, shape: Shape, first: int = 0) -> Dry:
    """Its first tracks and pairs, and frames from `first` on; padded with zeros where there are fewer."""
    fields = {name: getattr(dry, name) for name in _DATA}
    for axes, begin, n in ((TRACK_AXIS, 0, shape.n_tracks), (FRAME_AXIS, first, shape.n_frames),
                           (PAIR_AXIS, 0, shape.n_pairs)):  # fmt: skip
        for name, axis in axes.items():
            fields[name] = _stretch(fields[name], axis, begin, n)
    return replace(dry, **fields)


def _stretch(x: Float[np.ndarray, "..."], axis: int, first: int, n: int) -> Float[np.ndarray, "..."]:
    x = x[(slice(None),) * axis + (slice(first, first + n),)]
    return np.pad(x, [(0, n - x.shape[axis] if i == axis else 0) for i in range(x.ndim)])


def shaped(example: Example, shape: Shape, first: int = 0) -> Example:
    """The example from frame `first` on, in one shape: of songs with more tracks or pairs, the first are taken.

    Frames are taken to be `LISTEN_S` long: at rates other than 44.1 kHz they differ from that by 2 % at most.
    """
    tracks = example.song.tracks[: shape.n_tracks]
    dry = _cut(example.dry, shape, first)
    # pairs that point to a track beyond the last are nobody's
    here = np.all(dry.pairs < len(tracks), axis=1)
    dry = replace(
        dry,
        pairs=dry.pairs * here[:, None],
        cross=dry.cross * here[:, None, None, None, None],
        time_s=(dry.time_s[0] + LISTEN_S * np.arange(shape.n_frames)).astype(np.float32),
        frame_s=LISTEN_S,
    )
    return Example(replace(example.song, tracks=tracks), dry)


def store(example: Example, path: Path) -> None:
    """Writes an example, whole or not at all. Raises InputError if that cannot be."""
    song, dry = example
    said = {
        "name": song.name,
        "sample_rate": song.sample_rate,
        "n_samples": song.n_samples,
        "tempo_bpm": song.tempo_bpm,
        "frame_s": dry.frame_s,
        "tracks": [[track.id, track.channels, track.role, track.tags] for track in song.tracks],
    }
    arrays = {name: np.array(getattr(dry, name), order="C") for name in _DATA}
    path.parent.mkdir(parents=True, exist_ok=True)
    shelf.write(path, save(arrays, {"song": json.dumps(said)}))


def stored(path: Path) -> Example | None:
    """The example at that path; None if there is none, or a damaged one."""
    try:
        with safe_open(path, "numpy") as file:
            said = json.loads(file.metadata()["song"])
            arrays = {name: file.get_tensor(name) for name in _DATA}
    except (OSError, SafetensorError):
        return None
    return Example(_song(said), Dry(**arrays, frame_s=said["frame_s"]))


def _song(said: Mapping) -> Song:
    tracks = tuple(Track(name, (), channels, role, tuple(tags), 1.0) for name, channels, role, tags in said["tracks"])
    return Song(said["name"], Path(), tracks, said["sample_rate"], said["n_samples"], said["tempo_bpm"])


class Kept(NamedTuple):
    """An example on disk, or one still to be made of a data set's song."""

    path: Path
    card: Card | None = None
    seed: int = 0

    def read(self) -> Example:
        """The example. Raises InputError if it is not there, or damaged."""
        example = stored(self.path)
        if example is None:
            raise InputError(Problem(str(self.path), "is missing or damaged", hint="start again: it will be made"))
        return example
