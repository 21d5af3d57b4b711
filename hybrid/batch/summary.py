"""The summary of a run over a whole data set: numbers for machines, and a page for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hybrid.batch.record import Record
from hybrid.export.results import REPORT_FILE
from hybrid.knowledge.findings import BROKEN
from hybrid.pages.document import LargeNumber, document
from hybrid.pages.plot import Axis, Tick
from hybrid.pages.words import fixed

_LONGEST_NAME = 14
_TICKS = tuple(Tick(value, f"{value:g}") for value in (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0))
_AXIS = Axis(0.03, 30.0, is_log=True, ticks=_TICKS)
"""Excess in scales of the rule."""


class RuleSummary(NamedTuple):
    """Excess of a rule over a data set, in scales: that of the worst target of each song."""

    rule: str
    songs: int
    """Songs to which it applies."""
    kept: int
    quartiles: tuple[float, float, float]
    tenth: float
    """The excess that one song in ten is beyond."""
    worst: float
    worst_song: str

    @property
    def short_worst_song(self) -> str:
        """A name that fits the column: songs of one data set differ at the end more often than in the middle."""
        name = self.worst_song
        return name if len(name) <= _LONGEST_NAME else f"{name[:4]}…{name[5 - _LONGEST_NAME :]}"


class Summary(NamedTuple):
    """A data set after a run."""

    songs: int
    done: int
    failed: tuple[tuple[str, str], ...]
    """Names and reasons."""
    audio_s: float
    seconds: float
    """Work, added over processes."""
    loudness_lufs: tuple[float, float, float] | None
    """The lowest, the median and the highest."""
    true_peak_dbtp: tuple[float, float, float] | None
    rules: tuple[RuleSummary, ...]
    """By the excess that one song in ten is beyond, highest first."""


class SongLine(NamedTuple):
    """A song as the page lists it."""

    name: str
    place: str
    """Of its results, relative to the page; empty where there are none."""
    mix: str
    """Its mix, relative to the page."""
    has_report: bool
    rules: int
    kept: int
    excess: float
    """Of the worst target of the worst rule, in scales."""
    worst_rule: str
    loudness_lufs: float | None
    true_peak_dbtp: float | None
    duration_s: float
    notes: tuple[str, ...]
    ranks: tuple[int, ...] = ()
    """Its place in the order of each of `ORDERS`."""


ORDERS = ("song", "rules kept", "excess", "loudness", "true peak", "length", "notes")
"""By which the page sorts songs, without a script: what is most out of the ordinary first."""


class SummaryPage(NamedTuple):
    """Everything on the page."""

    title: str
    summary: Summary
    songs: tuple[SongLine, ...]
    """Those that are mixed: first the ones in which rules are broken furthest."""
    orders: tuple[str, ...]
    numbers: tuple[LargeNumber, ...]
    axis: Axis
    least_broken: float
    """Excess beyond which a rule is broken, in scales."""
    made_with: dict[str, str]


def summary_of(records: Mapping[str, Record]) -> Summary:
    """The summary of the last record of every song."""
    done = [record for record in records.values() if record.state == "done"]
    failed = tuple(sorted((each.song, each.reason) for each in records.values() if each.state == "failed"))
    by_rule: dict[str, list[tuple[float, str]]] = {}
    for record in done:
        for rule, excess in record.rules.items():
            by_rule.setdefault(rule, []).append((excess, record.song))
    rules = sorted((_rule(rule, songs) for rule, songs in by_rule.items()), key=lambda rule: (-rule.tenth, rule.rule))
    return Summary(
        len(records),
        len(done),
        failed,
        round(sum(record.duration_s for record in done), 3),
        round(sum(record.seconds for record in records.values()), 3),
        _spread([record.loudness_lufs for record in done]),
        _spread([record.true_peak_dbtp for record in done]),
        tuple(rules),
    )


def summary_json(summary: Summary) -> dict[str, object]:
    """The summary as JSON values."""
    return {
        "schema": "corpus-summary/1",
        **summary._asdict(),
        "failed": [{"song": song, "reason": reason} for song, reason in summary.failed],
        "rules": [rule._asdict() for rule in summary.rules],
    }


def _rule(rule: str, songs: Sequence[tuple[float, str]]) -> RuleSummary:
    excess = np.array([each for each, _ in songs])
    low, middle, high = (float(each) for each in np.quantile(excess, (0.25, 0.5, 0.75)))
    worst, song = max(songs)
    kept, tenth = int(np.sum(excess <= BROKEN)), float(np.quantile(excess, 0.9))
    return RuleSummary(rule, len(songs), kept, (low, middle, high), tenth, worst, song)


def _spread(values: Sequence[float | None]) -> tuple[float, float, float] | None:
    known = [value for value in values if value is not None]
    return (min(known), float(np.median(known)), max(known)) if known else None


def song_lines(records: Mapping[str, Record], out: Path) -> tuple[SongLine, ...]:
    """The songs that are mixed, with what is there of each in the folder of results."""
    lines = [_line(record, out) for record in records.values() if record.state == "done"]
    if not lines:
        return ()
    # songs that are equal in an order stand in it by their broken rules, then by their names
    lines.sort(key=lambda line: (line.kept - line.rules, line.name.casefold()))
    known = [line.loudness_lufs for line in lines if line.loudness_lufs is not None]
    usual_lufs = float(np.median(known)) if known else 0.0
    by_name = {name: at for at, name in enumerate(sorted(line.name.casefold() for line in lines))}
    columns = np.array([_out_of_the_ordinary(line, by_name, usual_lufs) for line in lines])
    ranks = np.argsort(np.argsort(columns, axis=0, kind="stable"), axis=0)
    ranked = [line._replace(ranks=tuple(rank)) for line, rank in zip(lines, ranks.tolist(), strict=True)]
    return tuple(sorted(ranked, key=lambda line: line.ranks[ORDERS.index("excess")]))


def _out_of_the_ordinary(line: SongLine, by_name: Mapping[str, int], usual_lufs: float) -> tuple[float, ...]:
    """A number for each of `ORDERS`, lowest for what comes first."""
    far = math.inf if line.loudness_lufs is None else abs(line.loudness_lufs - usual_lufs)
    peak = -math.inf if line.true_peak_dbtp is None else line.true_peak_dbtp
    name = by_name[line.name.casefold()]
    broken, n_notes = line.rules - line.kept, len(line.notes)
    return tuple(map(float, (name, -broken, -line.excess, -far, -peak, -line.duration_s, -n_notes)))


def _line(record: Record, out: Path) -> SongLine:
    excess, worst = max(((value, rule) for rule, value in record.rules.items()), default=(0.0, ""))
    mixes = [path.name for path in sorted((out / record.out).glob("mix.*"))]
    return SongLine(
        record.song,
        record.out,
        f"{record.out}/{mixes[0]}" if mixes else "",
        (out / record.out / REPORT_FILE).is_file(),
        len(record.rules),
        sum(value <= BROKEN for value in record.rules.values()),
        excess,
        worst if excess > BROKEN else "",
        record.loudness_lufs,
        record.true_peak_dbtp,
        record.duration_s,
        record.notes,
    )


def summary_html(summary: Summary, songs: tuple[SongLine, ...], title: str, made_with: Mapping[str, str]) -> str:
    """One page, which loads nothing; its links lead to the mixes beside it."""
    return document(
        "summary", SummaryPage(title, summary, songs, ORDERS, _numbers(summary), _AXIS, BROKEN, dict(made_with))
    )


def _numbers(summary: Summary) -> tuple[LargeNumber, ...]:
    rate = summary.audio_s / summary.seconds if summary.seconds else 0.0
    low, middle, high = map(fixed, summary.loudness_lufs or (math.nan,) * 3)
    return (
        LargeNumber("mixed", str(summary.done), f"of {summary.songs}"),
        LargeNumber("failed", str(len(summary.failed)), "with a reason each" if summary.failed else "none"),
        LargeNumber("loudness", middle, f"{low} to {high}" if summary.loudness_lufs else "none mixed", "LUFS"),
        LargeNumber("speed of a process", f"{rate:.1f}×", "of real time"),
    )
