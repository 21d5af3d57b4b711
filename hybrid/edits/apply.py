"""Edits applied to a treatment: the values that they give, and what refinement must leave as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool

from hybrid.audio.roles import ROLES, matches
from hybrid.audio.song import Song, Track
from hybrid.edits.edit import SONG, Edit
from hybrid.errors import InputError, Problem, shown, suggest
from hybrid.signal import bands
from hybrid.treatment.parts import N_TONE, PARTS, RIDE_S, ZONES_HZ, Part
from hybrid.treatment.types import Treatment, from_parts, treatment_parts

Sections = Mapping[str, Sequence[tuple[float, float]]]
"""Spans of named sections, in seconds."""
_RIDE = "gain.ride"


class Applied(NamedTuple):
    """A treatment as a person wants it."""

    treatment: Treatment
    """With all changes."""
    is_fixed: Treatment
    """True for each value that stays as it is there."""
    low: Treatment
    high: Treatment
    """Limits of each value that does not."""
    notes: tuple[str, ...]


def chosen(edit: Edit, tracks: Sequence[Track]) -> tuple[int, ...]:
    """Indices of the tracks that an edit is of: the one of that id, else those of the role, else those of the tag.

    Raises InputError if there are none.
    """
    name = edit.of
    for found in (
        [k for k, track in enumerate(tracks) if track.id.casefold() == name.casefold()],
        [k for k, track in enumerate(tracks) if _plays(name, track.role)],
        [k for k, track in enumerate(tracks) if name in track.tags],
    ):
        if found:
            return tuple(found)
    roles = [word for track in tracks for word in (track.role, *track.role.split("."))]
    known = [*(track.id for track in tracks), *roles, *(tag for track in tracks for tag in track.tags)]
    raise InputError(
        edit.problem(
            f"no track, role or tag of this song: {shown(name)}{suggest(name, known)}",
            f"tracks: {', '.join(track.id for track in tracks)}",
        )
    )


def _plays(name: str, role: str) -> bool:
    """Whether a role is called so: by its beginning, or by one of its words, as people say "snare"."""
    return (name in ROLES and matches(name, role)) or name in role.split(".")


def sounding(song: Song, edits: Sequence[Edit]) -> Song:
    """The song without the tracks that are muted, or that are not soloed where any is.

    Raises InputError if nothing is left, and for tracks that the song has not.
    """
    tracks = song.tracks
    soloed = {k for edit in edits if edit.kind == "solo" for k in chosen(edit, tracks)}
    muted = {k for edit in edits if edit.kind == "mute" for k in chosen(edit, tracks)}
    heard = [track for k, track in enumerate(tracks) if k not in muted and (k in soloed or not soloed)]
    if not heard:
        last = next(edit for edit in reversed(edits) if edit.kind in ("mute", "solo"))
        raise InputError(last.problem("leaves no track to mix"))
    return replace(song, tracks=tuple(heard))


def applied(
    edits: Sequence[Edit], song: Song, silent: Sequence[Track], treatment: Treatment, sections: Sections
) -> Applied:
    """The treatment of a song under edits, in their order; `silent` are tracks that are muted, of which edits say
    nothing. Raises InputError with everything that cannot be done."""
    hand = _Hand(song, silent, treatment, sections)
    problems: list[Problem] = []
    for edit in edits:
        try:
            if edit.kind not in ("mute", "solo"):
                hand.do(edit)
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(*problems)
    return Applied(
        hand.whole(hand.value), hand.whole(hand.fixed), hand.whole(hand.low), hand.whole(hand.high), tuple(hand.notes)
    )


class _Hand:
    """The values of a treatment while they are edited, by part."""

    def __init__(self, song: Song, silent: Sequence[Track], treatment: Treatment, sections: Sections) -> None:
        self._tracks, self._silent, self._sections, self._knot_s = song.tracks, silent, sections, treatment.knot_s
        self.value = {name: np.array(value, np.float32) for name, value in treatment_parts(treatment).items()}
        self.fixed = {name: np.zeros(value.shape, bool) for name, value in self.value.items()}
        self.low, self.high = (
            {name: np.full(value.shape, end, np.float32) for name, value in self.value.items()}
            for end in (-np.inf, np.inf)
        )
        self.notes: list[str] = []

    def whole(self, values: Mapping[str, np.ndarray]) -> Treatment:
        return from_parts({name: jax.device_put(value) for name, value in values.items()}, self._knot_s)

    def do(self, edit: Edit) -> None:
        tracks = self._of(edit)
        if tracks is not None and not tracks:
            return
        named = edit.parts or [name for name, part in PARTS.items() if part.per_track == (tracks is not None)]
        for name in named:
            # a level over a stretch of time is a ride
            name = _RIDE if name == "gain.level" and (edit.span_s or edit.section) else name
            if name in self.value and PARTS[name].per_track == (tracks is not None) and name != "master.level":
                self._change(edit, name, self._where(edit, PARTS[name], tracks))
            elif edit.parts and len(edit.parts) == 1:
                raise InputError(edit.problem(self._why_not(edit, name)))

    def _why_not(self, edit: Edit, name: str) -> str:
        if name not in self.value:
            return f"this mix has no {PARTS[name].noun}: no rule that is on acts on it"
        what = "every track has its own" if PARTS[name].per_track else f"all tracks share it: '{SONG} {name} ...'"
        return f"the {PARTS[name].noun} is not of {shown(edit.of)}: {what}"

    def _of(self, edit: Edit) -> tuple[int, ...] | None:
        """The tracks of an edit, of which none may sound; None for the song."""
        if edit.of == SONG:
            return None
        every = chosen(edit, [*self._tracks, *self._silent])
        return tuple(k for k in every if k < len(self._tracks))

    def _where(self, edit: Edit, part: Part, tracks: tuple[int, ...] | None) -> Bool[np.ndarray, "..."]:
        """True for the values of a part that an edit is of."""
        shape = self.value[part.name].shape
        where = np.ones(shape, bool)
        for axis, name in enumerate(part.axes):
            here: np.ndarray | None = None
            if name == "track":
                here = np.isin(np.arange(shape[axis]), tracks or ())
            elif name in ("tone", "zone") and edit.at_hz:
                here = _tone_points(edit.at_hz) if name == "tone" else _zones(edit.at_hz)
            elif name in ("ride", "knot"):
                here = self._times(edit, shape[axis], RIDE_S if name == "ride" else self._knot_s)
            if here is not None:
                where &= np.expand_dims(here, [k for k in range(len(shape)) if k != axis])
        return where

    def _times(self, edit: Edit, n: int, spacing_s: float) -> Bool[np.ndarray, " point"]:
        if not edit.span_s and not edit.section:
            return np.ones(n, bool)
        if edit.section and edit.section not in self._sections:
            near = suggest(edit.section, self._sections)
            hint = "name sections under `sections` in a rule file, or give times: from 0:30 to 0:45"
            raise InputError(edit.problem(f"the rules name no section {shown(edit.section)}{near}", hint))
        spans = [edit.span_s] if edit.span_s else self._sections[edit.section]
        time_s = spacing_s * np.arange(n)
        inside = np.any([(start <= time_s) & (time_s <= end) for start, end in spans], axis=0)
        # a stretch between two points is that of the nearer one
        for start, end in spans:
            if not np.any((start <= time_s) & (time_s <= end)):
                inside[min(n - 1, round(0.5 * (start + end) / spacing_s))] = True
        return inside

    def _change(self, edit: Edit, name: str, where: Bool[np.ndarray, "..."]) -> None:
        part, value = PARTS[name], self.value[name]
        low, high = part.limits
        if edit.kind == "within":
            assert edit.limits is not None
            self.low[name][where], self.high[name][where] = edit.limits
            value[where] = np.clip(value[where], *edit.limits)
            return
        if edit.is_recorded:
            value[where] = part.neutral
        elif edit.kind == "add":
            assert edit.value is not None
            asked = value[where] + edit.value
            value[where] = np.clip(asked, low, high)
            if np.any(asked != value[where]):
                end = low if edit.value < 0.0 else high
                self.notes.append(f"{edit.text}: the {part.noun} goes no further than {end:g} {part.unit}")
        elif edit.value is not None:
            value[where] = edit.value
        self.fixed[name] |= where


def _tone_points(at_hz: tuple[float, float]) -> Bool[np.ndarray, " tone"]:
    """The points of a tone curve from one frequency to another, or the one that is nearest."""
    ends = bands.erb_number(bands.LOWEST_HZ), bands.erb_number(bands.HIGHEST_HZ)
    points = np.linspace(*ends, N_TONE)
    low, high = (bands.erb_number(hz) for hz in at_hz)
    here = (low <= points) & (points <= high)
    if not here.any():
        here[np.argmin(np.abs(points - 0.5 * (low + high)))] = True
    return here


def _zones(at_hz: tuple[float, float]) -> Bool[np.ndarray, " zone"]:
    """The zones of dynamics that a range of frequencies touches."""
    lows, highs = np.array([0.0, *ZONES_HZ]), np.array([*ZONES_HZ, np.inf])
    return (lows <= at_hz[1]) & (at_hz[0] < highs)
