"""A treatment as a file for people, `settings.json`: every part with its unit, track by track, written and read back.

Numbers are written so that the same treatment is read again, to the last bit: it renders to the same samples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from hybrid import document
from hybrid.audio.song import POLARITIES, Polarity, Song, Track, polarity_name
from hybrid.document import Document
from hybrid.errors import InputError, Problem, suggest
from hybrid.mixing.settings_file import SCHEMA, SettingsFile, tone_points_hz, zone_names
from hybrid.treatment.parts import GROUPS, PARTS, RIDE_S, TIME_AXES, Part
from hybrid.treatment.types import Treatment, from_parts, treatment_parts
from hybrid.validation import validate_document

_MORE_POINTS = 3
"""Points in time that are written beyond the whole spacings of a song: one at its start, and two that the last window,
whose centre may lie behind the end, is interpolated between."""


class Settings(NamedTuple):
    """A treatment as it was read from a file, track by track."""

    document: Document
    digest: str
    """SHA-256 of the file."""
    tracks: Mapping[str, Mapping[str, np.ndarray]]
    """By id of the track and name of the part; without those that are shared, and optional ones that it has not."""
    song: Mapping[str, np.ndarray]
    """What the song shares, by name of the part."""
    placing: Mapping[str, tuple[Polarity, float]]
    """Polarity and offset in seconds of every track."""
    knot_s: float

    @property
    def optional(self) -> tuple[str, ...]:
        """Optional parts that the file has."""
        names = {*self.song, *(name for own in self.tracks.values() for name in own)}
        return tuple(name for name, part in PARTS.items() if part.optional and name in names)


def settings(song: Song, treatment: Treatment) -> dict[str, object]:
    """The whole treatment as plain data for JSON; curves are cut to the song's length."""
    duration_s = song.n_samples / song.sample_rate
    spacing_s = {"ride": RIDE_S, "knot": treatment.knot_s}
    values = {
        name: _cut(PARTS[name], np.asarray(value), duration_s, spacing_s)
        for name, value in treatment_parts(treatment).items()
    }
    shared = {name: value for name, value in values.items() if not PARTS[name].per_track}
    return {
        "schema": SCHEMA,
        "song": song.name,
        "duration_s": round(duration_s, 3),
        "axes": {
            "tone_hz": tone_points_hz(),
            "zones": zone_names(),
            "ride_spacing_s": RIDE_S,
            "dynamics_spacing_s": treatment.knot_s,
        },
        **_sections(shared),
        "tracks": [
            {
                "id": track.id,
                "role": track.role,
                "polarity": polarity_name(track.polarity),
                "offset_s": round(track.offset_s or 0.0, 6),
                **_sections({name: np.asarray(value[i]) for name, value in values.items() if PARTS[name].per_track}),
            }
            for i, track in enumerate(song.tracks)
        ],
    }


def _cut(part: Part, value: np.ndarray, duration_s: float, spacing_s: Mapping[str, float]) -> np.ndarray:
    """The points in time that a song of this length has, where there are any."""
    if not part.axes or part.axes[-1] not in TIME_AXES:
        return value
    return value[..., : int(duration_s / spacing_s[part.axes[-1]]) + _MORE_POINTS]


def _sections(values: Mapping[str, np.ndarray]) -> dict[str, dict[str, object]]:
    """Values by group, or by section of what the song shares, and by field."""
    sections: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        part = PARTS[name]
        section = part.group if part.per_track else GROUPS[part.group].song_section
        sections.setdefault(section, {})[part.field] = _plain(part, value)
    return sections


def _plain(part: Part, value: np.ndarray) -> object:
    """The shortest decimals from which the same 32-bit numbers are read; null for a filter that is off."""
    if part.unit == "Hz" and value == part.neutral:
        return None
    return np.vectorize(lambda x: float(str(x)), otypes=[object])(value.astype(np.float32)).tolist()


def read_settings(path: Path) -> Settings:
    """The settings in a file. Raises InputError with everything that is wrong in it, each with its place."""
    written = document.read(path)
    # what is not written stays out: a default of null would read as a filter that is off
    dumped = validate_document(SettingsFile, written).model_dump(exclude_unset=True, by_alias=True)
    shared = {
        part.name: _array(part, dumped[section][part.field])
        for part in PARTS.values()
        if (section := GROUPS[part.group].song_section) in dumped and not part.per_track
    }
    tracks = {
        track["id"]: {
            part.name: _array(part, track[part.group][part.field])
            for part in PARTS.values()
            if part.per_track and part.field in track.get(part.group, ())
        }
        for track in dumped["tracks"]
    }
    placing: dict[str, tuple[Polarity, float]] = {
        track["id"]: (POLARITIES[track.get("polarity", "upright")], track.get("offset_s", 0.0))
        for track in dumped["tracks"]
    }
    return Settings(
        written,
        hashlib.sha256(path.read_bytes()).hexdigest(),
        tracks,
        shared,
        placing,
        dumped["axes"]["dynamics_spacing_s"],
    )


def _array(part: Part, value: object) -> np.ndarray:
    return np.array(part.neutral if value is None else value, np.float32)


def placed_by(settings: Settings, song: Song) -> Song:
    """The song with the polarity and the offset of every track as the settings have them.

    Raises InputError unless the settings have the tracks of the song, no more and no fewer.
    """
    ids = [track.id for track in song.tracks]
    written = settings.document
    problems = [
        Problem(written.place("tracks", n, "id"), f"tracks[{n}].id: no such track: {name!r}{suggest(name, ids)}")
        for n, name in enumerate(settings.tracks)
        if name not in ids
    ]
    problems += [
        Problem(written.place("tracks"), f"tracks: {name!r} is missing", "every track of the song needs its settings")
        for name in ids
        if name not in settings.tracks
    ]
    if problems:
        raise InputError(*problems)

    def placed(track: Track) -> Track:
        polarity, offset_s = settings.placing[track.id]
        return replace(track, polarity=polarity, offset_s=offset_s)

    return replace(song, tracks=tuple(map(placed, song.tracks)))


def treatment_of(settings: Settings, song: Song, nothing: Treatment) -> Treatment:
    """The treatment of the settings, shaped like `nothing`, which has every optional part of them. Curves that end
    before their padding go on as they end; parts that the settings have not stay as they are in `nothing`."""
    values = {name: np.array(value) for name, value in treatment_parts(nothing).items()}
    for name, value in values.items():
        if name in settings.song:
            value[...] = settings.song[name]
        for i, track in enumerate(song.tracks if PARTS[name].per_track else ()):
            if name in settings.tracks[track.id]:
                value[i] = _held(settings.tracks[track.id][name], value[i].shape)
    return from_parts({name: jax.device_put(value) for name, value in values.items()}, nothing.knot_s)


def _held(value: Float[np.ndarray, "*short"], shape: tuple[int, ...]) -> Float[np.ndarray, "*shape"]:
    if not shape:
        return value
    value = value[..., : shape[-1]]
    return np.pad(value, [(0, 0)] * (value.ndim - 1) + [(0, shape[-1] - value.shape[-1])], mode="edge")
