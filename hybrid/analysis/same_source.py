"""Pairs of tracks that are microphones on one source: similar, unambiguously, and throughout the song. NumPy.

Thresholds are by taste, set between what microphones on one drum or amplifier read and what layered samples, doubles
and bleed do.
"""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from hybrid.analysis.cross_spectra import CrossSpectra, Peak
from hybrid.audio.roles import matches
from hybrid.audio.song import Song, Track

MAX_CANDIDATES = 512
"""Pairs that are compared at most, those of equal roles first: 30 MB of spectra."""
WEAK_SIMILARITY, SIMILARITY, STRONG_SIMILARITY = 0.2, 0.5, 0.9
"""Whitened correlation at the lag, or coherence below 500 Hz: two microphones on one snare read 0.4 and 0.9, on one
kick 0.3 and 0.9, bleed 10 dB down 0.3 and 0.3, two layered kick samples 0.25 and 0.4, a copy 1."""
MAX_OPPOSITE = 0.6
"""Largest correlation of the other sign, as a share of the peak: a tone, and layered samples that have only a beat in
common, correlate as well inverted half a period later."""
MIN_STEADY_SHARE = 0.8
"""Share of the active stretches in which sign or lag must be that of the whole song."""
MIN_STRETCHES = 4
"""Active stretches at least: in fewer, layered samples agree by chance."""
SAME_LAG_S = 0.00005
"""Lags that differ by less are the same: half of the smallest lag that matters."""

_AMBIGUOUS_ROLES = ("unknown", "synth", "bass.synth", "fx")
"""Roles that do not imply that similar tracks are one source: two patches may play the same notes."""


class SameSources(NamedTuple):
    """Pairs of tracks that are one source."""

    cross_spectra: CrossSpectra
    peak: Peak
    steady_sign: Bool[np.ndarray, " pair"]
    """At the lag of the peak."""
    steady_lag: Bool[np.ndarray, " pair"]


def candidates(tracks: tuple[Track, ...]) -> Int[np.ndarray, "pair 2"]:
    """Pairs of tracks of one family of instruments; a track of unknown role may be of any."""

    def family(track: Track) -> str:
        return track.role.split(".")[0]

    def distance(i: int, j: int) -> int:
        first, second = tracks[i], tracks[j]
        if first.role == second.role:
            return 0
        return 1 if family(first) == family(second) else 2 if "unknown" in (first.role, second.role) else 3

    every = sorted((distance(i, j), i, j) for i, j in combinations(range(len(tracks)), 2))
    return np.array([(i, j) for far, i, j in every if far < 3][:MAX_CANDIDATES], np.int32).reshape(-1, 2)


def same_sources_of(song: Song, cross_spectra: CrossSpectra) -> SameSources:
    """The pairs that are one source, and whether lag and sign hold throughout the song."""
    peak = cross_spectra.peak()
    value = np.abs(peak.value)
    ambiguous = np.array([is_ambiguous(song.tracks[i]) or is_ambiguous(song.tracks[j]) for i, j in cross_spectra.pairs])
    # microphones on one drum agree little over the whole spectrum, but cohere below 500 Hz
    is_similar = (value >= SIMILARITY) | (
        (value >= WEAK_SIMILARITY) & (coherence(cross_spectra, peak.lag) >= SIMILARITY)
    )
    is_same = (peak.opposite <= MAX_OPPOSITE * value) & np.where(ambiguous, value >= STRONG_SIMILARITY, is_similar)
    sources, peak = cross_spectra.select(is_same), Peak(*(x[is_same] for x in peak))
    # a sample at least: at low rates the tolerance is less
    near = np.abs(sources.peaks().lag - peak.lag) <= max(1.0, SAME_LAG_S * song.sample_rate)
    return SameSources(sources, peak, steady(sources, same_sign(sources, peak.lag, peak)), steady(sources, near))


def coherence(cross_spectra: CrossSpectra, lag: Int[np.ndarray, " pair"]) -> Float[np.ndarray, " pair"]:
    """Coherence of each pair below 500 Hz, 0 to 1, were the second track earlier by `lag` samples."""
    shared = np.abs(cross_spectra.low_cross(lag).sum(axis=0))
    scale = np.sqrt(np.prod(cross_spectra.low_powers(), axis=0))
    return np.divide(shared, scale, out=np.zeros_like(shared), where=scale > 0.0)


def same_sign(
    cross_spectra: CrossSpectra, lag: Int[np.ndarray, " pair"], peak: Peak
) -> Bool[np.ndarray, "stretch pair"]:
    return cross_spectra.low_cross(lag) * np.sign(peak.value) > 0.0


def steady(cross_spectra: CrossSpectra, holds: Bool[np.ndarray, "stretch pair"]) -> Bool[np.ndarray, " pair"]:
    """Whether `holds` is true in nearly all stretches in which both tracks are active, if these are enough."""
    active = cross_spectra.both_active()
    count = active.sum(axis=0)
    return (count >= MIN_STRETCHES) & ((active * holds).sum(axis=0) >= MIN_STEADY_SHARE * count)


def is_ambiguous(track: Track) -> bool:
    return any(matches(role, track.role) for role in _AMBIGUOUS_ROLES)
