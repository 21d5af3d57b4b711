"""Training examples: songs that are measured once, cached on disk, and padded or cut to one shape."""

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
    """The shape to which all examples of a batch are padded or cut."""

    n_tracks: int
    n_frames: int
    n_pairs: int


class Frames(NamedTuple):
    """The arrays of `Dry` as NumPy arrays, which are read, cut and augmented on the host."""

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
        """The frames of a recording."""
        return cls(**{name: np.asarray(getattr(dry, name)) for name in cls._fields})

    @property
    def dry(self) -> Dry:
        """The recording, with frames of `NETWORK_FRAME_S`, which at sample rates other than 44.1 kHz is 2 % off at
        most."""
        return Dry(**{name: jnp.asarray(x) for name, x in self._asdict().items()}, frame_s=NETWORK_FRAME_S)


class Example(NamedTuple):
    """A song and its measured frames."""

    song: Song
    """Its tracks; their files need not exist any more."""
    frames: Frames
    """All frames of the song, without padding."""


def measure_example(
    song: Song, inspect: Callable[[Song, SongReader, Dry], None] = lambda song, reader, dry: None
) -> Example:
    """The example of a song with its microphones aligned, in the frames that a network processes.

    `inspect` is called with the song, its samples and all its frames, while files are open.
    """
    with open_song(song) as reader:
        aligned = align_song(song, reader)
        song, dry = aligned.song, measure_song(aligned, reader).analysis.dry
        inspect(song, reader.for_song(song), dry)
    frames = Frames.of(at_network_frames(dry))
    # analysis pads to a bucket of lengths: frames after the end of the song are dropped
    n_frames = max(1, int(np.sum(frames.inside > 0.0)))
    return Example(song, _cut(frames, Shape(len(song.tracks), n_frames, len(aligned.pairs))))


def _cut(frames: Frames, shape: Shape, first: int = 0) -> Frames:
    """The first tracks and pairs, and the frames from `first` on; padded with zeros where there are fewer."""
    fields = frames._asdict()
    for axis, begin, n in (("track", 0, shape.n_tracks), ("frame", first, shape.n_frames), ("pair", 0, shape.n_pairs)):
        for name, place in places_of(axis).items():
            fields[name] = _stretch(fields[name], place, begin, n)
    return Frames(**fields)


def _stretch(x: Num[np.ndarray, "..."], axis: int, first: int, n: int) -> Num[np.ndarray, "..."]:
    x = x[(slice(None),) * axis + (slice(first, first + n),)]
    return np.pad(x, [(0, n - x.shape[axis] if i == axis else 0) for i in range(x.ndim)])


def shaped(example: Example, shape: Shape, first: int = 0) -> Example:
    """The example in the given shape, from frame `first` on: of more tracks or pairs, the first are used."""
    tracks = example.song.tracks[: shape.n_tracks]
    frames = _cut(example.frames, shape, first)
    # pairs with a track that is cut off are zeroed
    here = np.all(frames.pairs < len(tracks), axis=1)
    frames = frames._replace(
        pairs=frames.pairs * here[:, None],
        cross=frames.cross * here[:, None, None, None, None],
        # points of a treatment start at time zero of the example, wherever the excerpt lies in the song
        time_s=(example.frames.time_s[0] + NETWORK_FRAME_S * np.arange(shape.n_frames)).astype(np.float32),
    )
    return Example(replace(example.song, tracks=tracks), frames)


def store_example(example: Example, path: Path) -> None:
    """Writes an example, whole or not at all. Raises InputError if the file cannot be written."""
    song, frames = example
    fields = {
        "name": song.name,
        "sample_rate": song.sample_rate,
        "n_samples": song.n_samples,
        "tempo_bpm": song.tempo_bpm,
        "raw_levels": song.raw_levels,
        "tracks": [[track.id, track.channels, track.role, track.tags] for track in song.tracks],
    }
    arrays = {name: np.array(x, order="C") for name, x in frames._asdict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    shelf.write(path, save(arrays, {"song": json.dumps(fields)}))


def load_example(path: Path) -> Example | None:
    """The example in a file; None if it is missing or damaged."""
    try:
        with safe_open(path, "numpy") as file:
            fields = json.loads(file.metadata()["song"])
            arrays = {name: file.get_tensor(name) for name in Frames._fields}
    except (OSError, SafetensorError):
        return None
    return Example(_song(fields), Frames(**arrays))


def _song(fields: Mapping) -> Song:
    tracks = tuple(Track(name, (), channels, role, tuple(tags), 1.0) for name, channels, role, tags in fields["tracks"])
    return Song(
        fields["name"],
        Path(),
        tracks,
        fields["sample_rate"],
        fields["n_samples"],
        fields["tempo_bpm"],
        raw_levels=fields["raw_levels"],
    )


class CachedExample(NamedTuple):
    """An example on disk, or one that is still to be measured from a song of a data set."""

    path: Path
    card: Card | None = None
    seed: int = 0

    def read(self) -> Example:
        """The example. Raises InputError if the file is missing or damaged."""
        example = load_example(self.path)
        if example is None:
            raise InputError(Problem(str(self.path), "is missing or damaged", hint="start again: it will be measured"))
        return example
