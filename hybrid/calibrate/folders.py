"""What finished mixes say when their tracks are fitted to them: levels, places and widths, and the whole's spectrum.

Levels are those in the mix while the tracks sound, as the rules measure them, effects and mastering left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import median
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from hybrid.analysis.chunks import Progress
from hybrid.audio.manifest import load_song
from hybrid.audio.song import Song
from hybrid.calibrate.find import MixedSong
from hybrid.calibrate.observed import Observed, Quantity
from hybrid.calibrate.parent import Parent
from hybrid.calibrate.probes import CURVE, PLACE, bands_of, probes
from hybrid.errors import InputError
from hybrid.knowledge.verdict import Finding
from hybrid.measure.loudness import active_lufs
from hybrid.treatment.effect import track_k, treated, untreated
from hybrid.unmixing.check import check_mix_of
from hybrid.unmixing.fit import RELIABLE, Fit

_SOUND = 0.5
"""A bus counts if tracks that are believed carry this share of its energy."""
_MONO_DB = -40.0
"""Side levels below it are as good as none."""


class Heard(NamedTuple):
    """What was observed, and what a person should know of it."""

    observed: list[Observed]
    notes: list[str]


def observe_song(song: MixedSong, parent: Parent, least: float, progress: Progress) -> Heard:
    """Everything that the finished mixes of a song say; tracks of a confidence below `least` are left out.

    A mix that cannot be measured is noted, and the others are.
    """
    found, notes = list[Observed](), list[str]()
    for path in song.mixes:
        try:
            loaded = _tracks_of(song)
            checked = check_mix_of(path, loaded, probes(parent), progress)
        except InputError as error:
            notes.extend(f"{problem}: left out" for problem in error.problems)
            continue
        assert checked.song and checked.fit
        view = _View(checked.song, checked.fit, least, str(song.folder.resolve().name), path.name)
        findings = {finding.id: finding for finding in checked.verdict.rules}
        found.extend([*_of_whole(findings, view, parent), *_of_tracks(findings[PLACE], view, parent)])
        notes.extend(f"{path}: {note}" for note in view.notes())
    return Heard(found, notes)


def _tracks_of(song: MixedSong) -> Song:
    """The song without its other mixes, which a pattern may have found among the tracks."""
    loaded = load_song(song.folder)
    mixes = {path.resolve() for path in song.mixes}
    tracks = tuple(t for t in loaded.tracks if not any(file.resolve() in mixes for file in t.files))
    return replace(loaded, tracks=tracks or loaded.tracks)


class _View(NamedTuple):
    """A mix as it was fitted, and which of its tracks are believed."""

    song: Song
    fit: Fit
    least: float
    name: str
    mix: str

    @property
    def explains(self) -> bool:
        return self.fit.explained >= RELIABLE

    @property
    def believed(self) -> Bool[np.ndarray, " track"]:
        return np.asarray(self.fit.confidence) >= self.least

    def observed(self, quantity: Quantity, of: str, value: float, n_tracks: int = 0) -> Observed:
        return Observed(quantity, of, self.name, self.mix, value, n_tracks)

    def notes(self) -> Iterator[str]:
        doubtful = [t.id for t, is_believed in zip(self.song.tracks, self.believed, strict=True) if not is_believed]
        if not self.explains:
            yield f"its tracks explain {self.fit.explained:.0%} of it, less than half: only the whole is used"
        elif doubtful:
            yield f"confidence below {self.least:.0%}, left out: {', '.join(doubtful)}"


def _of_whole(findings: dict[str, Finding], view: _View, parent: Parent) -> Iterator[Observed]:
    for name in bands_of(parent):
        for target in findings[name].targets:
            yield view.observed("side", name, max(target.value, _MONO_DB))
    for target in findings[CURVE].targets:
        yield view.observed("spectrum", target.name, target.value)


def _of_tracks(place: Finding, view: _View, parent: Parent) -> Iterator[Observed]:
    if not view.explains:
        return
    believed, power, active = view.believed, *_powers(view.fit, len(view.song.tracks))
    position = {target.name: target.value for target in place.targets}
    rows: dict[tuple[Quantity, str], list[float]] = defaultdict(list)
    for i, track in enumerate(view.song.tracks):
        if believed[i] and track.role != "unknown" and active[i].any():
            rows["distance", track.role].append(abs(position.get(track.id, 0.0)))
            rows["level", track.role].append(_over_mix([i], power, active))
            if track.channels == 2:
                rows["width", track.role].append(float(view.fit.treatment.pan.width_db[i]))
    for (quantity, role), values in rows.items():
        yield view.observed(quantity, role, median(values), len(values))
    yield from _of_buses(view, parent, power, active)


def _of_buses(
    view: _View, parent: Parent, power: Float[np.ndarray, "row frame"], active: Float[np.ndarray, "track frame"]
) -> Iterator[Observed]:
    tracks = view.song.tracks
    shares = parent.shares(tracks)
    covered = {"budget": tuple({i for members in shares.values() for i in members})}
    buses: tuple[tuple[Quantity, dict[str, tuple[int, ...]]], ...] = (("share", shares), ("covered", covered))
    for quantity, members_of in buses:
        for name, members in members_of.items():
            if _is_sound(members, view.believed, power, active):
                yield view.observed(quantity, name, _over_mix(members, power, active), len(members))
    lead, rest = parent.lead_and_rest(tracks)
    if all(_is_sound(members, view.believed, power, active) for members in (lead, rest)):
        sounding = active[list(lead)].max(axis=0)
        levels = [_lufs(power[list(members)].sum(axis=0), sounding) for members in (lead, rest)]
        yield view.observed("lead", "lead", levels[0] - levels[1], len(lead))


def _powers(fit: Fit, n: int) -> tuple[Float[np.ndarray, "row frame"], Float[np.ndarray, "track frame"]]:
    """K-weighted power of every fitted track and, as the last row, of the mix at the same level; and activity."""
    tracks = np.asarray(track_k(treated(fit.dry, fit.treatment)))[:n]
    mix = np.asarray(track_k(untreated(fit.mix)))[:1] * 10.0 ** (-0.1 * float(fit.treatment.master.level_db))
    return np.concatenate([tracks, mix]), np.asarray(fit.dry.active)[:n]


def _is_sound(
    members: Sequence[int],
    believed: Bool[np.ndarray, " track"],
    power: Float[np.ndarray, "row frame"],
    active: Float[np.ndarray, "track frame"],
) -> bool:
    energy = {i: float(power[i] @ active[i]) for i in members}
    total = sum(energy.values())
    return total > 0.0 and sum(energy[i] for i in members if believed[i]) >= _SOUND * total


def _over_mix(
    members: Iterable[int], power: Float[np.ndarray, "row frame"], active: Float[np.ndarray, "track frame"]
) -> float:
    """Loudness of the sum of some tracks over that of the mix while any of them sounds, LU."""
    rows = list(members)
    sounding = active[rows].max(axis=0)
    return _lufs(power[rows].sum(axis=0), sounding) - _lufs(power[-1], sounding)


def _lufs(power: Float[np.ndarray, " frame"], active: Float[np.ndarray, " frame"]) -> float:
    return float(active_lufs(jnp.asarray(power), jnp.asarray(active)))
