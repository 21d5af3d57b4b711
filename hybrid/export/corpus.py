"""Statistics of a data set, as numbers and as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from hybrid.corpus.index import Index
from hybrid.pages.document import LargeNumber, document
from hybrid.pages.plot import Axis

_BINS = 24


class Statistics(NamedTuple):
    """Counts of a data set."""

    songs: int
    broken: int
    hours: float
    """Music, each song counted once."""
    tracks: int
    with_mix: int
    splits: dict[str, int]
    rates_hz: dict[int, int]
    duration_s: tuple[float, ...]
    """Each song that can be read."""
    tracks_per_song: tuple[int, ...]
    roles: dict[str, int]
    """Tracks by role, the commonest first."""
    unknown_labels: dict[str, int]
    """Names of tracks of no known role, the commonest first."""


class Histogram(NamedTuple):
    """Bars over an axis: their ends, and their heights as shares of the highest."""

    id: str
    title: str
    axis: Axis
    bars: tuple[tuple[float, float, float], ...]


class CorpusPage(NamedTuple):
    """Everything on the page."""

    dataset: str
    numbers: tuple[LargeNumber, ...]
    histograms: tuple[Histogram, ...]
    roles: dict[str, int]
    unreadable: tuple[tuple[str, str], ...]
    """Songs, each with its problems."""

    @property
    def most_of_a_role(self) -> int:
        """Tracks of the commonest role."""
        return max(self.roles.values(), default=1)


def statistics(index: Index) -> Statistics:
    """Counts over all songs; those that cannot be read are only counted."""
    good = [entry for entry in index.entries if not entry.problems]
    tracks = [track for entry in good for track in entry.tracks]
    unknown = Counter(str(track["id"]) for track in tracks if track["role"] == "unknown")
    return Statistics(
        len(index.entries),
        len(index.entries) - len(good),
        round(sum(entry.duration_s for entry in good) / 3600.0, 4),
        len(tracks),
        sum(entry.mix is not None for entry in index.entries),
        dict(Counter(entry.split or "none" for entry in index.entries)),
        dict(Counter(entry.sample_rate_hz for entry in good).most_common()),
        tuple(entry.duration_s for entry in good),
        tuple(len(entry.tracks) for entry in good),
        dict(Counter(str(track["role"]) for track in tracks).most_common()),
        dict(unknown.most_common(30)),
    )


def statistics_text(stats: Statistics) -> str:
    """Lines for a terminal."""
    lines = [
        f"{stats.songs} songs, {stats.broken} of them broken, {stats.with_mix} with a mix, {stats.hours:.2f} hours"
    ]
    lines.append(f"splits: {_counts(stats.splits)}; rates: {_counts(stats.rates_hz)}")
    if stats.tracks_per_song:
        low, middle, high = np.quantile(stats.tracks_per_song, (0.0, 0.5, 1.0))
        per_song = f"{low:.0f} to {high:.0f} to a song, {middle:.0f} in the median"
        short, usual, long = np.quantile(stats.duration_s, (0.0, 0.5, 1.0))
        lines.append(
            f"{stats.tracks} tracks: {per_song}; songs of {short:.1f} to {long:.1f} s, {usual:.1f} in the median"
        )
    lines.append(f"roles: {_counts(stats.roles)}")
    if stats.unknown_labels:
        lines.append(f"names of no known role: {_counts(stats.unknown_labels)}")
    return "\n".join(lines)


def _counts(counts: dict) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def statistics_html(index: Index, stats: Statistics) -> str:
    """One self-contained page."""
    numbers = (
        LargeNumber("songs", str(stats.songs), f"{stats.broken} broken"),
        LargeNumber("tracks", str(stats.tracks), f"{stats.tracks / max(stats.songs - stats.broken, 1):.1f} to a song"),
        LargeNumber("hours", f"{stats.hours:.2f}", "of music"),
        LargeNumber("with a mix", str(stats.with_mix), f"of {stats.songs}"),
    )
    histograms = (
        _histogram("tracks", "Tracks to a song", stats.tracks_per_song, ""),
        _histogram("durations", "Duration of the songs", stats.duration_s, " s"),
    )
    unreadable = tuple((entry.song, "; ".join(entry.problems)) for entry in index.entries if entry.problems)
    # where no song can be read there is nothing to draw
    page = CorpusPage(index.dataset, numbers, histograms if stats.tracks else (), stats.roles, unreadable)
    return document("corpus", page)


def _histogram(id: str, title: str, values: Sequence[float | int], unit: str) -> Histogram:
    largest = max(values, default=1)
    # whole numbers have bars of their own, around them
    whole = all(isinstance(value, int) for value in values) and largest <= 2 * _BINS
    axis = Axis(0.5, largest + 0.5) if whole else Axis(0.0, largest * 1.02 + 1e-9)
    counts, edges = np.histogram(values, int(largest) if whole else _BINS, (axis.low, axis.high))
    shares = counts / max(int(counts.max()), 1)
    bars = tuple(zip(edges[:-1].tolist(), edges[1:].tolist(), shares.tolist(), strict=True))
    return Histogram(id, title, axis.with_steps(label=lambda value: f"{value:g}{unit}"), bars)
