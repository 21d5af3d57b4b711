"""Statistics of a data set, as numbers and as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from hybrid.corpus.index import Index, IndexEntry
from hybrid.pages.document import document, large_numbers
from hybrid.pages.plot import Axis, Tick, drawing, labels_across, steps, vertical_lines

_MORE_STYLE = """
rect.bar { fill: var(--accent); opacity: .6 } .charts { display: grid; grid-template-columns: 1fr 1fr; gap: 2rem }
.broken td, .broken th { padding: .25rem 1rem .25rem 0; vertical-align: top; font-size: .9rem }
"""
_BAR_PX, _HEIGHT_PX = 20.0, 120.0
_BINS = 24


class Statistics(NamedTuple):
    """What a data set holds."""

    songs: int
    broken: int
    hours: float
    """Of songs, not of tracks."""
    tracks: int
    with_mix: int
    splits: dict[str, int]
    rates_hz: dict[int, int]
    duration_s: tuple[float, ...]
    """Of each song that can be read."""
    tracks_per_song: tuple[int, ...]
    roles: dict[str, int]
    """Tracks of each role, the commonest first."""
    unknown_labels: dict[str, int]
    """Names of tracks that say nothing known, the commonest first."""


def statistics(index: Index) -> Statistics:
    """Of all songs; those that cannot be read are only counted."""
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


def statistics_text(found: Statistics) -> str:
    """Lines for a terminal."""
    lines = [
        f"{found.songs} songs, {found.broken} of them broken, {found.with_mix} with a mix, {found.hours:.2f} hours"
    ]
    lines.append(f"splits: {_counts(found.splits)}; rates: {_counts(found.rates_hz)}")
    if found.tracks_per_song:
        low, middle, high = np.quantile(found.tracks_per_song, (0.0, 0.5, 1.0))
        per_song = f"{low:.0f} to {high:.0f} to a song, {middle:.0f} in the median"
        short, usual, long = np.quantile(found.duration_s, (0.0, 0.5, 1.0))
        lines.append(
            f"{found.tracks} tracks: {per_song}; songs of {short:.1f} to {long:.1f} s, {usual:.1f} in the median"
        )
    lines.append(f"roles: {_counts(found.roles)}")
    if found.unknown_labels:
        lines.append(f"names that say nothing known: {_counts(found.unknown_labels)}")
    return "\n".join(lines)


def _counts(counts: dict) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def statistics_html(index: Index, found: Statistics) -> str:
    """One self-contained page."""
    cells = (
        ("songs", str(found.songs), f"{found.broken} broken"),
        ("tracks", str(found.tracks), f"{found.tracks / max(found.songs - found.broken, 1):.1f} to a song"),
        ("hours", f"{found.hours:.2f}", "of music"),
        ("with a mix", str(found.with_mix), f"of {found.songs}"),
    )
    charts = "".join(
        f"<div><h2>{title}</h2>{_histogram(values, unit)}</div>"
        for title, values, unit in (
            ("Tracks to a song", found.tracks_per_song, ""),
            ("Length of the songs", found.duration_s, " s"),
        )
        if values
    )
    broken = [entry for entry in index.entries if entry.problems]
    body = f"""<header><h1>{escape(index.dataset)}</h1>{large_numbers(cells)}</header>
<main>
<section class="charts">{charts}</section>
<section><h2>Roles</h2><table class="rows"><tbody>{_bars(found.roles)}</tbody></table></section>
{_broken(broken)}
</main>"""
    return document(f"{index.dataset}: statistics", body, _MORE_STYLE)


def _histogram(values: Sequence[float | int], unit: str) -> str:
    # whole numbers have bars of their own, around them
    whole = all(isinstance(value, int) for value in values) and max(values) <= 2 * _BINS
    axis = Axis(0.5, max(values) + 0.5) if whole else Axis(0.0, max(values) * 1.02 + 1e-9)
    counts, edges = np.histogram(values, int(max(values)) if whole else _BINS, (axis.low, axis.high))
    most = max(int(counts.max()), 1)
    ticks = [Tick(value, f"{value:g}{unit}") for value in steps(axis.low, axis.high)]
    width = 100.0 / len(counts)
    bars = "".join(
        f'<rect class="bar" x="{axis.percent(left)}" y="{_HEIGHT_PX * (1.0 - count / most):.1f}" '
        f'width="{width:.2f}%" height="{_HEIGHT_PX * count / most:.1f}"/>'
        for count, left in zip(counts, edges[:-1], strict=True)
    )
    inner = vertical_lines(axis, ticks, _HEIGHT_PX) + bars + labels_across(axis, ticks, _HEIGHT_PX + 16.0)
    return drawing(inner, _HEIGHT_PX + 22.0)


def _bars(counts: dict[str, int]) -> str:
    most = max(counts.values(), default=1)
    return "".join(
        f'<tr><th>{escape(name)}</th><td class="chart">{drawing(_bar(count / most), _BAR_PX)}</td><td>{count}</td></tr>'
        for name, count in counts.items()
    )


def _bar(share: float) -> str:
    return f'<rect class="bar" x="0" y="4" width="{100.0 * share:.2f}%" height="{_BAR_PX - 8.0:g}"/>'


def _broken(entries: Sequence[IndexEntry]) -> str:
    if not entries:
        return ""
    rows = "".join(
        f"<tr><th>{escape(entry.song)}</th><td>{escape('; '.join(entry.problems))}</td></tr>" for entry in entries
    )
    return f'<section><h2>What cannot be read</h2><table class="broken"><tbody>{rows}</tbody></table></section>'
