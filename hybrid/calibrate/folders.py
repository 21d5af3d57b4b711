"""Observations of finished mixes, by fitting their tracks to them: levels, positions, widths, and the mix's spectrum.

Levels are those in the mix while the tracks sound, measured as rules measure them, without effects and mastering.
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
from hybrid.calibrate.decided import levels_under
from hybrid.calibrate.find import MixedSong
from hybrid.calibrate.levels import SongLevels
from hybrid.calibrate.observations import Observation, Quantity
from hybrid.calibrate.parent import Parent
from hybrid.calibrate.probes import CURVE, PLACE, bands_of, probes
from hybrid.corpus.split import artist_of
from hybrid.errors import InputError
from hybrid.knowledge.verdict import Finding
from hybrid.measure.loudness import active_lufs
from hybrid.treatment.effect import track_k, treated, untreated
from hybrid.unmixing.check import check_mix_of
from hybrid.unmixing.fit import RELIABLE, Fit

_MIN_RELIABLE_ENERGY = 0.5
"""A bus is observed if reliable tracks carry at least this share of its energy."""
_MONO_DB = -40.0
"""Side levels below it are clipped to it: such a mix is mono."""


class MixObservations(NamedTuple):
    """Observations of the mixes of a song, and notes for the user."""

    observations: list[Observation]
    levels: list[SongLevels]
    notes: list[str]


def observe_song(song: MixedSong, parent: Parent, min_confidence: float, progress: Progress) -> MixObservations:
    """The observations of all finished mixes of a song, without tracks whose fit has less than `min_confidence`.

    A mix that cannot be measured is named in a note and skipped.
    """
    observations, levels, notes = list[Observation](), list[SongLevels](), list[str]()
    for path in song.mixes:
        try:
            # loaded for every mix: the other mixes of the song must not count as tracks
            loaded = _tracks_of(song)
            checked = check_mix_of(path, loaded, probes(parent), progress)
        except InputError as error:
            notes.extend(f"{problem}: left out" for problem in error.problems)
            continue
        assert checked.song and checked.fit
        fitted = _FittedMix(checked.song, checked.fit, min_confidence, str(song.folder.resolve().name), path.name)
        findings = {finding.id: finding for finding in checked.verdict.rules}
        observations.extend(_whole_observations(findings, fitted, parent))
        observations.extend(_track_observations(findings[PLACE], fitted, parent))
        if fitted.is_explained:
            levels.append(_levels(fitted))
        notes.extend(f"{path}: {note}" for note in fitted.notes())
    return MixObservations(observations, levels, notes)


def _tracks_of(song: MixedSong) -> Song:
    """The song without its mixes, which a pattern may have selected among the tracks."""
    loaded = load_song(song.folder)
    mixes = {path.resolve() for path in song.mixes}
    tracks = tuple(t for t in loaded.tracks if not any(file.resolve() in mixes for file in t.files))
    return replace(loaded, tracks=tracks or loaded.tracks)


class _FittedMix(NamedTuple):
    """A mix to which its tracks are fitted."""

    song: Song
    fit: Fit
    min_confidence: float
    name: str
    mix: str

    @property
    def is_explained(self) -> bool:
        return self.fit.explained >= RELIABLE

    @property
    def reliable(self) -> Bool[np.ndarray, " track"]:
        return np.asarray(self.fit.confidence) >= self.min_confidence

    def observation(self, quantity: Quantity, of: str, value: float, n_tracks: int = 0) -> Observation:
        return Observation(quantity, of, self.name, self.mix, value, n_tracks)

    def notes(self) -> Iterator[str]:
        doubtful = [t.id for t, is_reliable in zip(self.song.tracks, self.reliable, strict=True) if not is_reliable]
        if not self.is_explained:
            yield f"its tracks explain {self.fit.explained:.0%} of it, less than half: only the whole is used"
        elif doubtful:
            yield f"confidence below {self.min_confidence:.0%}, left out: {', '.join(doubtful)}"


def _levels(fitted: _FittedMix) -> SongLevels:
    """Levels of the reliable tracks in the mix."""
    n, dry = len(fitted.song.tracks), fitted.fit.dry
    raw, treated_lufs = (
        np.asarray(active_lufs(track_k(layer), dry.active))[:n]
        for layer in (untreated(dry), treated(dry, fitted.fit.treatment))
    )
    gain_lu = np.where(fitted.reliable, treated_lufs - raw, np.nan)
    levels = levels_under(fitted.song.tracks, dry, gain_lu)
    return levels._replace(song=fitted.name, author=artist_of(fitted.name))


def _whole_observations(findings: dict[str, Finding], fitted: _FittedMix, parent: Parent) -> Iterator[Observation]:
    for name in bands_of(parent):
        for target in findings[name].targets:
            yield fitted.observation("side", name, max(target.value, _MONO_DB))
    for target in findings[CURVE].targets:
        yield fitted.observation("spectrum", target.name, target.value)


def _track_observations(place: Finding, fitted: _FittedMix, parent: Parent) -> Iterator[Observation]:
    if not fitted.is_explained:
        return
    reliable, power, active = fitted.reliable, *_powers(fitted.fit, len(fitted.song.tracks))
    position = {target.name: target.value for target in place.targets}
    rows: dict[tuple[Quantity, str], list[float]] = defaultdict(list)
    for i, track in enumerate(fitted.song.tracks):
        if reliable[i] and track.role != "unknown" and active[i].any():
            rows["distance", track.role].append(abs(position.get(track.id, 0.0)))
            rows["level", track.role].append(_over_mix([i], power, active))
            if track.channels == 2:
                rows["width", track.role].append(float(fitted.fit.treatment.pan.width_db[i]))
    for (quantity, role), values in rows.items():
        yield fitted.observation(quantity, role, median(values), len(values))
    yield from _bus_observations(fitted, parent, power, active)


def _bus_observations(
    fitted: _FittedMix, parent: Parent, power: Float[np.ndarray, "row frame"], active: Float[np.ndarray, "track frame"]
) -> Iterator[Observation]:
    tracks = fitted.song.tracks
    shares = parent.shares(tracks)
    # tracks outside of the budget, such as effects, are part of the mix but of no share
    covered = {"budget": tuple({i for members in shares.values() for i in members})}
    buses: tuple[tuple[Quantity, dict[str, tuple[int, ...]]], ...] = (("share", shares), ("covered", covered))
    for quantity, members_of in buses:
        for name, members in members_of.items():
            if _is_reliable(members, fitted.reliable, power, active):
                yield fitted.observation(quantity, name, _over_mix(members, power, active), len(members))
    lead, rest = parent.lead_and_rest(tracks)
    if all(_is_reliable(members, fitted.reliable, power, active) for members in (lead, rest)):
        # both while the lead is active: pauses of the lead must not lower its level
        sounding = active[list(lead)].max(axis=0)
        levels = [_lufs(power[list(members)].sum(axis=0), sounding) for members in (lead, rest)]
        yield fitted.observation("lead", "lead", levels[0] - levels[1], len(lead))


def _powers(fit: Fit, n: int) -> tuple[Float[np.ndarray, "row frame"], Float[np.ndarray, "track frame"]]:
    """K-weighted power of every fitted track and, in the last row, of the mix at the same level; and activity, 0 to
    1."""
    tracks = np.asarray(track_k(treated(fit.dry, fit.treatment)))[:n]
    # the output level of the fit is removed, so that tracks and mix are on one scale
    mix = np.asarray(track_k(untreated(fit.mix)))[:1] * 10.0 ** (-0.1 * float(fit.treatment.master.level_db))
    return np.concatenate([tracks, mix]), np.asarray(fit.dry.active)[:n]


def _is_reliable(
    members: Sequence[int],
    reliable: Bool[np.ndarray, " track"],
    power: Float[np.ndarray, "row frame"],
    active: Float[np.ndarray, "track frame"],
) -> bool:
    energy = {i: float(power[i] @ active[i]) for i in members}
    total = sum(energy.values())
    return total > 0.0 and sum(energy[i] for i in members if reliable[i]) >= _MIN_RELIABLE_ENERGY * total


def _over_mix(
    members: Iterable[int], power: Float[np.ndarray, "row frame"], active: Float[np.ndarray, "track frame"]
) -> float:
    """Loudness of the sum of some tracks over that of the mix while any of them sounds, in LU."""
    rows = list(members)
    sounding = active[rows].max(axis=0)
    return _lufs(power[rows].sum(axis=0), sounding) - _lufs(power[-1], sounding)


def _lufs(power: Float[np.ndarray, " frame"], active: Float[np.ndarray, " frame"]) -> float:
    return float(active_lufs(jnp.asarray(power), jnp.asarray(active)))
