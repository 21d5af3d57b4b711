"""Songs as a network meets them in training: measured once, kept on disk, brought to one shape."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Num
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from hybrid import shelf
from hybrid.analysis.song import align_song, measure_song
from hybrid.audio.read import SongReader, open_song
from hybrid.audio.song import Song, Track
from hybrid.corpus.card import Card
from hybrid.errors import InputError, Problem
from hybrid.model.input_features import NETWORK_FRAME_S, at_network_frames
from hybrid.treatment.axes import places_of
from hybrid.treatment.types import Dry


class Shape(NamedTuple):
    """What examples of one batch are padded or cut to."""

    n_tracks: int
    n_frames: int
    n_pairs: int


class Frames(NamedTuple):
    """What `Dry` holds, in NumPy arrays: read, cut and varied on the host."""

    power: Float[np.ndarray, "track 3 frame band"]
    power_k: Float[np.ndarray, "track 3 frame band"]
    pairs: Int[np.ndarray, "pair 2"]
    cross: Float[np.ndarray, "pair 2 2 frame band"]
    active: Float[np.ndarray, "track frame"]
    inside: Float[np.ndarray, " frame"]
    time_s: Float[np.ndarray, " frame"]
    k_weight: Float[np.ndarray, " band"]
    low_power: Float[np.ndarray, "track low"]
    low_hz: Float[np.ndarray, " low"]
    low_k: Float[np.ndarray, " low"]
    peak: Float[np.ndarray, " frame"]
    peak_to_loudness_db: Float[np.ndarray, ""]

    @classmethod
    def of(cls, dry: Dry) -> Frames:
        """The same in NumPy."""
        return cls(**{name: np.asarray(getattr(dry, name)) for name in cls._fields})

    @property
    def dry(self) -> Dry:
        """The recording, in frames of `NETWORK_FRAME_S`: at rates other than 44.1 kHz by 2 % off at most."""
        return Dry(**{name: jnp.asarray(x) for name, x in self._asdict().items()}, frame_s=NETWORK_FRAME_S)


class Example(NamedTuple):
    """A song that has been listened to."""

    song: Song
    """Its tracks; their files may be gone."""
    frames: Frames
    """As long as the song, without padding."""


def listen_to(song: Song, also: Callable[[Song, SongReader, Dry], None] = lambda song, reader, dry: None) -> Example:
    """Measures a song, with its microphones settled, in the frames that a network hears.

    `also` is shown the song, its samples, and all frames.
    """
    with open_song(song) as reader:
        aligned = align_song(song, reader)
        song, dry = aligned.song, measure_song(aligned, reader).analysis.dry
        also(song, reader.for_song(song), dry)
    frames = Frames.of(at_network_frames(dry))
    n_frames = max(1, int(np.sum(frames.inside > 0.0)))
    return Example(song, _cut(frames, Shape(len(song.tracks), n_frames, len(aligned.pairs))))


def _cut(frames: Frames, shape: Shape, first: int = 0) -> Frames:
    """Its first tracks and pairs, and frames from `first` on; padded with zeros where there are fewer."""
    fields = frames._asdict()
    for axis, begin, n in (("track", 0, shape.n_tracks), ("frame", first, shape.n_frames), ("pair", 0, shape.n_pairs)):
        for name, place in places_of(axis).items():
            fields[name] = _stretch(fields[name], place, begin, n)
    return Frames(**fields)


def _stretch(x: Num[np.ndarray, "..."], axis: int, first: int, n: int) -> Num[np.ndarray, "..."]:
    x = x[(slice(None),) * axis + (slice(first, first + n),)]
    return np.pad(x, [(0, n - x.shape[axis] if i == axis else 0) for i in range(x.ndim)])


def shaped(example: Example, shape: Shape, first: int = 0) -> Example:
    """The example from frame `first` on, in one shape: of songs with more tracks or pairs, the first are taken."""
    tracks = example.song.tracks[: shape.n_tracks]
    frames = _cut(example.frames, shape, first)
    # pairs that point to a track beyond the last are nobody's
    here = np.all(frames.pairs < len(tracks), axis=1)
    frames = frames._replace(
        pairs=frames.pairs * here[:, None],
        cross=frames.cross * here[:, None, None, None, None],
        # a treatment is as long as the example, and begins with it
        time_s=(example.frames.time_s[0] + NETWORK_FRAME_S * np.arange(shape.n_frames)).astype(np.float32),
    )
    return Example(replace(example.song, tracks=tracks), frames)


def store(example: Example, path: Path) -> None:
    """Writes an example, whole or not at all. Raises InputError if that cannot be."""
    song, frames = example
    said = {
        "name": song.name,
        "sample_rate": song.sample_rate,
        "n_samples": song.n_samples,
        "tempo_bpm": song.tempo_bpm,
        "tracks": [[track.id, track.channels, track.role, track.tags] for track in song.tracks],
    }
    arrays = {name: np.array(x, order="C") for name, x in frames._asdict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    shelf.write(path, save(arrays, {"song": json.dumps(said)}))


def stored(path: Path) -> Example | None:
    """The example at that path; None if there is none, or a damaged one."""
    try:
        with safe_open(path, "numpy") as file:
            said = json.loads(file.metadata()["song"])
            arrays = {name: file.get_tensor(name) for name in Frames._fields}
    except (OSError, SafetensorError):
        return None
    return Example(_song(said), Frames(**arrays))


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
