"""Distillation targets on disk, and those of human mixes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import jax.numpy as jnp
from jaxtyping import Array
from safetensors import SafetensorError
from safetensors.flax import load_file, save

from hybrid import shelf
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.training.distillation import DistillationTarget, no_target, target_of
from hybrid.training.example import CachedExample
from hybrid.treatment.types import Dry
from hybrid.unmixing.fit import RELIABLE, fit
from hybrid.unmixing.mix_file import open_mix


def human_target_path(example: CachedExample) -> Path:
    """The file of the target of the song's human mix, which exists if there is one that can be fitted."""
    return example.path.with_suffix(".human")


def human_target(mix: Path, song: Song, reader: SongReader, dry: Dry) -> DistillationTarget | None:
    """The target of a finished mix, from the fit of the tracks to it; None if they explain too little of it."""
    with open_mix(mix, song.sample_rate) as mix_reader:
        fitted = fit(song, reader, mix_reader, dry, lambda stage, share: None)
    return target_of(fitted.dry, fitted.treatment) if fitted.explained >= RELIABLE else None


def store_target(target: DistillationTarget, path: Path) -> None:
    """Writes a target, whole or not at all. Raises InputError if the file cannot be written."""
    shelf.write(path, save(dict(target._asdict())))


def load_target(path: Path) -> DistillationTarget | None:
    """The target in a file; None if it is missing or damaged."""
    with suppress(OSError, SafetensorError, TypeError):
        return DistillationTarget(**load_file(path))
    return None


def pad_target(target: DistillationTarget | None, n_tracks: int) -> DistillationTarget:
    """The target padded with zeros, or cut, to so many tracks; `no_target` for None."""
    if target is None:
        return no_target(n_tracks)
    n = n_tracks - len(target.balance)

    def pad(x: Array) -> Array:
        return jnp.pad(x, [(0, max(0, n)), *[(0, 0)] * (x.ndim - 1)])[:n_tracks]

    return target._replace(
        loudness_db=pad(target.loudness_db), band_db=pad(target.band_db), balance=pad(target.balance)
    )
