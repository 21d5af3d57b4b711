"""Mixes to imitate, on disk; and what a person made of a song, as far as it can be heard."""

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
from hybrid.training.example import Kept
from hybrid.training.target import Target, no_target, target_of
from hybrid.treatment.types import Dry
from hybrid.unmixing.fit import RELIABLE, fit
from hybrid.unmixing.mix_file import open_mix


def human_path(kept: Kept) -> Path:
    """Where what a person made of the song is kept, if it is known."""
    return kept.path.with_suffix(".human")


def heard_in(mix: Path, song: Song, reader: SongReader, dry: Dry) -> Target | None:
    """What a finished mix makes of its tracks, as far as they can be found in it; None if they cannot."""
    with open_mix(mix, song.sample_rate) as mix_reader:
        fitted = fit(song, reader, mix_reader, dry, lambda stage, share: None)
    return target_of(fitted.dry, fitted.treatment) if fitted.explained >= RELIABLE else None


def store_target(target: Target, path: Path) -> None:
    """Writes a target, whole or not at all. Raises InputError if that cannot be."""
    shelf.write(path, save(dict(target._asdict())))


def stored_target(path: Path) -> Target | None:
    """The target at that path; None if there is none, or a damaged one."""
    with suppress(OSError, SafetensorError, TypeError):
        return Target(**load_file(path))
    return None


def padded(target: Target | None, n_tracks: int) -> Target:
    """For so many tracks; nothing to imitate where there is no target."""
    if target is None:
        return no_target(n_tracks)
    n = n_tracks - len(target.aside)

    def fitted(x: Array) -> Array:
        return jnp.pad(x, [(0, max(0, n)), *[(0, 0)] * (x.ndim - 1)])[:n_tracks]

    return target._replace(
        loudness_db=fitted(target.loudness_db), band_db=fitted(target.band_db), aside=fitted(target.aside)
    )
