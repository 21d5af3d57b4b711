"""Songs from arrays in memory, for notebooks and generated material."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Num

from hybrid.audio.assemble import UNMIXED_ROLES, SongSpec
from hybrid.audio.memory import ArraySamples
from hybrid.audio.probe import MAX_RATE_HZ, MIN_RATE_HZ
from hybrid.audio.roles import ROLES, guess_all
from hybrid.audio.samples import MAX_SAMPLE, SILENCE_PEAK
from hybrid.audio.song import Song, Track, file_name, unique_names
from hybrid.errors import InputError, Problem, SongError, suggest

_SHAPE = "[time], or [channel, time] with one or two channels"


def song_from_arrays(
    arrays: Mapping[str, Num[np.ndarray, "..."]],
    sample_rate: int,
    roles: Mapping[str, str] | None = None,
    name: str = "song",
) -> Song:
    """The song of tracks that are arrays by name, channels first or of one dimension, at full scale 1.

    Roles that are not stated are guessed from names; tracks whose role is click or reference are left out, with a
    note. Raises InputError with everything that is wrong, and SongError for samples that are not finite or too large,
    and if all are silent.
    """
    if not MIN_RATE_HZ <= sample_rate <= MAX_RATE_HZ:
        what = f"is {sample_rate}, expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"
        raise InputError(Problem("sample_rate", what))
    samples = _checked(arrays)
    ids = unique_names(file_name(track) for track in samples)
    tracks = [
        Track(track_id, (), len(x), guess.role, guess.tags, guess.confidence, samples=ArraySamples(x))
        for track_id, x, guess in zip(ids, samples.values(), guess_all(list(samples)), strict=True)
    ]
    spec = SongSpec(Path(), file_name(name), with_roles(tracks, roles or {})).without(UNMIXED_ROLES)
    if not spec.tracks:
        raise InputError(Problem(name, f"no track is left to mix: {'; '.join(spec.notes) or 'none was given'}"))
    silent = [track.id for track in spec.tracks if track.samples and np.abs(track.samples.array).max() <= SILENCE_PEAK]
    if len(silent) == len(spec.tracks):
        raise SongError(Problem(name, f"all tracks are silent: {', '.join(silent)}"))
    n_samples = max(track.samples.n_samples for track in spec.tracks if track.samples)
    notes = (*spec.notes, *(f"{track_id} is silent" for track_id in silent))
    return Song(spec.name, spec.folder, spec.tracks, sample_rate, n_samples, notes=notes)


def with_roles(tracks: Sequence[Track], roles: Mapping[str, str]) -> tuple[Track, ...]:
    """The tracks, those in `roles` with the role that is stated there by their id; a lead voice has the tag `lead`.

    Raises InputError for every id and every role that does not exist.
    """
    known = [track.id for track in tracks]
    problems = [Problem("roles", f"no track {each!r}{suggest(each, known)}") for each in roles if each not in known]
    problems += [
        Problem(f"roles[{each!r}]", f"no such role: {role!r}{suggest(role, ROLES)}")
        for each, role in roles.items()
        if role not in ROLES
    ]
    if problems:
        raise InputError(*problems)
    return tuple(_with_role(track, roles[track.id]) if track.id in roles else track for track in tracks)


def _with_role(track: Track, role: str) -> Track:
    tags = dict.fromkeys([*track.tags, "lead"] if role == "vocal.lead" else track.tags)
    return replace(track, role=role, tags=tuple(tags), confidence=1.0)


def _checked(arrays: Mapping[str, Num[np.ndarray, "..."]]) -> dict[str, Float32[np.ndarray, "channel time"]]:
    """The arrays as single floats, channels first. Raises InputError or SongError with every one that is no track."""
    shapes, values = [], []
    for name, x in arrays.items():
        if not np.issubdtype(x.dtype, np.floating):
            shapes.append(Problem(name, f"holds {x.dtype}, expected floats", "full scale is 1: divide integers by it"))
        elif x.ndim not in (1, 2) or x.size == 0 or (x.ndim == 2 and len(x) > 2):
            hint = "transpose it: channels come first" if x.ndim == 2 and x.shape[1] <= 2 else ""
            shapes.append(Problem(name, f"has the shape {x.shape}, expected {_SHAPE}", hint))
        elif not np.all(np.abs(x) <= MAX_SAMPLE):
            values.append(Problem(name, f"holds NaN, infinity, or samples above {MAX_SAMPLE:.0e}"))
    if shapes:
        raise InputError(*shapes)
    if values:
        raise SongError(*values)
    return {name: np.atleast_2d(x).astype(np.float32) for name, x in arrays.items()}
