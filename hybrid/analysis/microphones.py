"""Polarity and time alignment of microphones on one source where both are sure, and notes where they are not.

Polarity is discrete, so no gradient finds it: it is decided before a song is analysed, and the song carries notes of
it. Thresholds are by taste.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from hybrid.analysis.analyse import pairs_sharing_phase
from hybrid.analysis.chunks import grid_of, sampled_chunks
from hybrid.analysis.cross_spectra import CrossSpectra, CrossSpectraAccumulator
from hybrid.analysis.polarity import best_polarities, groups
from hybrid.analysis.same_source import (
    SAME_LAG_S,
    SameSources,
    candidates,
    coherence,
    is_ambiguous,
    same_sign,
    same_sources_of,
    steady,
)
from hybrid.audio.read import SongReader
from hybrid.audio.roles import matches
from hybrid.audio.song import Song, Track

MIN_GAIN_DB = 1.0
"""Least gain of a pair's power below 500 Hz for which a polarity is inverted: about the smallest audible change of a
bass's level."""
MIN_LAG_S, MAX_LAG_S = 0.0001, 0.005
"""From 3.4 cm of path, below which combing starts above 5 kHz, to 1.7 m, beyond which a microphone is there for the
room."""
MIN_COHERENCE = 0.8
"""Coherence below 500 Hz once aligned, from which a track is moved."""

_ALIGNABLE_ROLES = (
    "drums.kick",
    "drums.snare",
    "drums.tom",
    "bass",
    "bass.electric",
    "bass.acoustic",
    "guitar.electric",
)
"""Roles that are recorded with several close microphones or a DI; a pair on an acoustic instrument is there for its
width, which its delays make."""
_AMBIENT_ROLES = ("drums.overheads", "drums.room")
"""Roles whose delay is their sound."""


class AlignedMicrophones(NamedTuple):
    """A song whose microphones are aligned as far as is sure, and its pairs that share phase."""

    song: Song
    """With notes of what was changed and of what is in doubt."""
    pairs: Int[np.ndarray, "pair 2"]


class _PolarityChoice(NamedTuple):
    """Polarities of the tracks, and the gain of each pair's sum by being of one polarity."""

    sign: Int[np.ndarray, " track"]
    sure: Bool[np.ndarray, " pair"]
    opposed: Bool[np.ndarray, " pair"]
    """Pairs that still seem to be of opposite polarity."""
    gain_db: Float[np.ndarray, " pair"]


def align_microphones(song: Song, reader: SongReader) -> AlignedMicrophones:
    """The song with polarity and offset of its microphones aligned; what the user has stated is never changed."""
    accumulator = accumulator_for(song)
    if accumulator is None:
        return AlignedMicrophones(song, pairs_sharing_phase(song, reader))
    pairs = pairs_sharing_phase(song, reader, accumulator)
    agreed = align_from(song, accumulator)
    # inverting changes no magnitude of a cross power, but moving changes which tracks share phase
    is_moved = any(old.offset_s != new.offset_s for old, new in zip(song.tracks, agreed.tracks, strict=True))
    return AlignedMicrophones(agreed, pairs_sharing_phase(agreed, reader.for_song(agreed)) if is_moved else pairs)


def accumulator_for(song: Song) -> CrossSpectraAccumulator | None:
    """An accumulator of the spectra of `sampled_chunks`; None where no two tracks may be of one source."""
    compared, grid = candidates(song.tracks), grid_of(song)
    if not len(compared):
        return None
    return CrossSpectraAccumulator(compared, len(song.tracks), len(sampled_chunks(grid.n_chunks)), grid)


def align_from(song: Song, accumulator: CrossSpectraAccumulator) -> Song:
    """The song as `align_microphones` makes it, from the spectra of its sampled chunks."""
    sources = same_sources_of(song, accumulator.cross_spectra(song.sample_rate))
    shift = _shifts(song, sources)
    choice = _polarity_choice(song, sources, shift)
    notes = (*song.notes, *_lag_notes(song, sources, shift), *_polarity_notes(song, sources, choice))
    return replace(song, tracks=_aligned(song, shift, choice.sign), notes=notes)


def _aligned(song: Song, shift: Int[np.ndarray, " track"], sign: Int[np.ndarray, " track"]) -> tuple[Track, ...]:
    def track(index: int, each: Track) -> Track:
        if shift[index]:
            begin = each.start_sample(song.sample_rate) - int(shift[index])
            each = replace(each, offset_s=begin / song.sample_rate)
        return replace(each, polarity=-1) if sign[index] < 0 else each

    return tuple(track(index, each) for index, each in enumerate(song.tracks))


def _shifts(song: Song, sources: SameSources) -> Int[np.ndarray, " track"]:
    """Samples by which each track is moved to be earlier: to the strongest of its role, or to one that is stated."""
    pairs, lag = sources.cross_spectra.pairs, sources.peak.lag
    sure = sources.steady_lag & _movable(song, sources) & (coherence(sources.cross_spectra, lag) >= MIN_COHERENCE)
    shift = np.zeros(len(song.tracks), int)
    is_open = [track.offset_s is None for track in song.tracks]
    for reference in _reference_order(sources.cross_spectra, is_open):
        is_open[reference] = False
        for k in np.flatnonzero(sure & (pairs == reference).any(axis=1)):
            other = int(pairs[k].sum()) - reference
            # a track that was moved is no reference: lags were measured before it moved
            if is_open[other] and not shift[reference]:
                shift[other] = lag[k] if pairs[k, 0] == reference else -lag[k]
                is_open[other] = False
    return shift


def _movable(song: Song, sources: SameSources) -> Bool[np.ndarray, " pair"]:
    """Pairs of close microphones on one source whose lag is within the limits."""
    lag_s = np.abs(sources.peak.lag) / song.sample_rate
    roles = [(song.tracks[i].role, song.tracks[j].role) for i, j in sources.cross_spectra.pairs]
    same = [(matches(a, b) or matches(b, a)) and a in _ALIGNABLE_ROLES and b in _ALIGNABLE_ROLES for a, b in roles]
    return np.array(same, bool) & (lag_s > MIN_LAG_S) & (lag_s < MAX_LAG_S)


def _reference_order(cross_spectra: CrossSpectra, is_open: list[bool]) -> list[int]:
    """Tracks in the order in which they are references for others: those that are stated first, then the strongest."""
    power = cross_spectra.low_power().sum(axis=0)
    return sorted(range(len(is_open)), key=lambda track: (is_open[track], -power[track]))


def _polarity_choice(song: Song, sources: SameSources, shift: Int[np.ndarray, " track"]) -> _PolarityChoice:
    """The polarities that make the sum of each group of sure pairs strongest below 500 Hz."""
    cross_spectra, pairs = sources.cross_spectra, sources.cross_spectra.pairs
    # signs are judged where the tracks lie once they are moved
    lag = shift[pairs[:, 1]] - shift[pairs[:, 0]]
    cross, gain_db = cross_spectra.low_cross(lag).sum(axis=0), _gain_db(cross_spectra, lag)
    holds = sources.steady_sign & steady(cross_spectra, same_sign(cross_spectra, lag, sources.peak))
    sure = holds & (gain_db >= MIN_GAIN_DB)
    is_open = [track.polarity is None for track in song.tracks]
    sign = np.ones(len(song.tracks), int)
    for group in groups(pairs[sure], _reference_order(cross_spectra, is_open)):
        inside = np.isin(pairs, group).all(axis=1)
        sign[group] = best_polarities(pairs[inside], cross[inside], group, [is_open[track] for track in group])
    subtracts = (cross * sign[pairs].prod(axis=1) < 0.0) & (sources.peak.value < 0.0)
    return _PolarityChoice(sign, sure, subtracts & (gain_db >= MIN_GAIN_DB), gain_db)


def _gain_db(cross_spectra: CrossSpectra, lag: Int[np.ndarray, " pair"]) -> Float[np.ndarray, " pair"]:
    """Gain of each pair's power below 500 Hz if its tracks add rather than subtract, dB; at most 43."""
    total = cross_spectra.low_powers().sum(axis=0)
    shared = 2.0 * np.abs(cross_spectra.low_cross(lag).sum(axis=0))
    # sum and difference of two signals have the powers total + shared and total - shared
    share = np.divide(shared, total, out=np.zeros_like(total), where=total > 0.0)
    return 10.0 * np.log10((1.0 + share) / np.maximum(1.0 - share, 1e-4))


def _polarity_notes(song: Song, sources: SameSources, choice: _PolarityChoice) -> list[str]:
    pairs = sources.cross_spectra.pairs
    notes = [_inverted_note(song, pairs, choice, int(track)) for track in np.flatnonzero(choice.sign < 0)]
    for first, second in pairs[choice.opposed]:
        one, other = song.tracks[first], song.tracks[second]
        if one.polarity is None or other.polarity is None:
            notes.append(f"{one.id} and {other.id} seem to be of opposite polarity: left as they are")
    return notes


def _inverted_note(song: Song, pairs: Int[np.ndarray, "pair 2"], choice: _PolarityChoice, track: int) -> str:
    """The note of an inverted track: its gain with the upright track that gains most, or the track that it follows."""
    mine = np.flatnonzero((pairs == track).any(axis=1) & choice.sure)
    against = mine[choice.sign[pairs[mine]].prod(axis=1) < 0]
    best = max(against if len(against) else mine, key=lambda pair: choice.gain_db[pair])
    other = song.tracks[int(pairs[best].sum()) - track].id
    why = f"+{choice.gain_db[best]:.1f} dB below 500 Hz with {other}" if len(against) else f"as that of {other}"
    return f"{song.tracks[track].id}: polarity inverted, {why}"


def _lag_notes(song: Song, sources: SameSources, shift: Int[np.ndarray, " track"]) -> list[str]:
    """Notes of tracks that were moved, and of late ones that were left; none of tracks whose delay is their sound."""
    notes, slack = [], max(1.0, SAME_LAG_S * song.sample_rate)
    for (first, second), lag in zip(sources.cross_spectra.pairs.tolist(), sources.peak.lag.tolist(), strict=True):
        late, early = (second, first) if lag > 0 else (first, second)
        lag_text = f"{1000.0 * abs(lag) / song.sample_rate:.2f} ms"
        names = song.tracks[late].id, song.tracks[early].id
        if abs(shift[second] - shift[first] - lag) > slack:
            if _is_reported(song, late, early, abs(lag)):
                notes.append(f"{names[0]} is {lag_text} behind {names[1]}: left as it is")
        elif shift[late] and not shift[early]:
            notes.append(f"{names[0]} is {lag_text} behind {names[1]}: moved")
        elif shift[early] and not shift[late]:
            notes.append(f"{names[1]} is {lag_text} ahead of {names[0]}: moved")
    return notes


def _is_reported(song: Song, late: int, early: int, lag: int) -> bool:
    tracks = song.tracks[late], song.tracks[early]
    matters = lag > MIN_LAG_S * song.sample_rate and any(track.offset_s is None for track in tracks)
    return matters and not any(track.role in _AMBIENT_ROLES or is_ambiguous(track) for track in tracks)
