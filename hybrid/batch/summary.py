"""What a run says of a whole data set: numbers for machines, and a page for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

import numpy as np

from hybrid.batch.record import Record
from hybrid.knowledge.findings import BROKEN
from hybrid.pages.document import document, large_numbers
from hybrid.pages.plot import Axis, Tick, drawing, labels_across, vertical_lines
from hybrid.pages.words import fixed

_ROW_PX, _BOX_PX = 24.0, 10.0
_LONGEST_NAME = 14
_AXIS = Axis(0.03, 30.0, is_log=True)
"""Of excess, in scales of the rule."""
_TICKS = tuple(Tick(value, f"{value:g}") for value in (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0))
_MORE_STYLE = """
.failures td, .failures th { padding: .25rem 1rem .25rem 0; vertical-align: top; font-size: .9rem }
.failures th { white-space: nowrap; font-weight: 600 }
rect.box { fill: var(--accent); opacity: .45 } line.median { stroke: var(--accent); stroke-width: 2.5 }
line.reach { stroke: var(--accent); stroke-width: 1.25 } circle.worst { fill: var(--bad) }
.rows td.where { padding-left: 1rem; overflow: hidden; text-overflow: ellipsis }
"""


class RuleSummary(NamedTuple):
    """How well a rule is kept over a data set; excess in scales, of the worst target of each song."""

    rule: str
    songs: int
    """To which it applies."""
    kept: int
    quartiles: tuple[float, float, float]
    tenth: float
    """What one song in ten exceeds."""
    worst: float
    worst_song: str


class Summary(NamedTuple):
    """A data set after a run."""

    songs: int
    done: int
    failed: tuple[tuple[str, str], ...]
    """Names and reasons."""
    audio_s: float
    seconds: float
    """Of work, added over processes."""
    loudness_lufs: tuple[float, float, float] | None
    """The lowest, the median and the highest."""
    true_peak_dbtp: tuple[float, float, float] | None
    rules: tuple[RuleSummary, ...]
    """Those that are exceeded by most, first."""


def summary_of(records: Mapping[str, Record]) -> Summary:
    """Of the last record of every song."""
    done = [record for record in records.values() if record.state == "done"]
    failed = tuple(sorted((each.song, each.reason) for each in records.values() if each.state == "failed"))
    by_rule: dict[str, list[tuple[float, str]]] = {}
    for record in done:
        for rule, excess in record.rules.items():
            by_rule.setdefault(rule, []).append((excess, record.song))
    rules = sorted((_rule(rule, found) for rule, found in by_rule.items()), key=lambda rule: (-rule.tenth, rule.rule))
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
    """As JSON values."""
    return {
        "schema": "corpus-summary/1",
        **summary._asdict(),
        "failed": [{"song": song, "reason": reason} for song, reason in summary.failed],
        "rules": [rule._asdict() for rule in summary.rules],
    }


def _rule(rule: str, found: Sequence[tuple[float, str]]) -> RuleSummary:
    excess = np.array([each for each, _ in found])
    low, middle, high = (float(each) for each in np.quantile(excess, (0.25, 0.5, 0.75)))
    worst, song = max(found)
    kept, tenth = int(np.sum(excess <= BROKEN)), float(np.quantile(excess, 0.9))
    return RuleSummary(rule, len(found), kept, (low, middle, high), tenth, worst, song)


def _spread(values: Sequence[float | None]) -> tuple[float, float, float] | None:
    known = [value for value in values if value is not None]
    return (min(known), float(np.median(known)), max(known)) if known else None


def summary_html(summary: Summary, title: str, made_with: Mapping[str, str]) -> str:
    """One self-contained page."""
    made = " · ".join(f"{name} {value[:16]}" for name, value in made_with.items())
    body = f"""<header><h1>{escape(title)}</h1>
<p class="facts">{summary.songs} songs, {summary.audio_s / 3600.0:.2f} hours of music</p>
{_numbers(summary)}</header>
<main>
{_failures(summary)}
{_rules(summary)}
</main>
<footer><p class="facts">{escape(made)}</p></footer>"""
    return document(f"{title}: summary", body, _MORE_STYLE)


def _numbers(summary: Summary) -> str:
    rate = summary.audio_s / summary.seconds if summary.seconds else 0.0
    cells = [
        ("mixed", str(summary.done), f"of {summary.songs}"),
        ("failed", str(len(summary.failed)), "with a reason each" if summary.failed else "none"),
        ("loudness", *_level(summary.loudness_lufs, "LUFS")),
        ("speed of a process", f"{rate:.1f}×", "of real time"),
    ]
    return large_numbers(cells)


def _level(spread: tuple[float, float, float] | None, unit: str) -> tuple[str, str]:
    if spread is None:
        return "–", unit
    low, middle, high = spread
    return f"{fixed(middle)}<small> {unit}</small>", f"{fixed(low)} to {fixed(high)}"


def _failures(summary: Summary) -> str:
    if not summary.failed:
        return ""
    rows = "".join(f"<tr><th>{escape(song)}</th><td>{escape(reason)}</td></tr>" for song, reason in summary.failed)
    head = "<h2>What could not be mixed</h2>"
    return f'<section id="failures">{head}<table class="failures"><tbody>{rows}</tbody></table></section>'


def _rules(summary: Summary) -> str:
    if not summary.rules:
        return ""
    lead = (
        "By how much the worst target of each song is beyond what a rule asks, in scales of the rule: the middle half "
        "of all songs, their median, what one song in ten exceeds, and, as a dot, the worst. Up to 0.1 is kept."
    )
    rows = "".join(_row(rule) for rule in summary.rules)
    ticks = drawing(labels_across(_AXIS, list(_TICKS), 14.0), 18.0)
    head = f'<thead><tr><th>rule</th><th class="chart">{ticks}</th><th>kept by</th><th>worst in</th></tr></thead>'
    table = f'<table class="rows lanes">{head}<tbody>{rows}</tbody></table>'
    return f'<section id="rules"><h2>Rules over all songs</h2><p class="lead">{lead}</p>{table}</section>'


def _row(rule: RuleSummary) -> str:
    low, middle, high = rule.quartiles
    y = _ROW_PX / 2.0
    left, right = _AXIS.fraction(low), _AXIS.fraction(high)
    parts = [
        vertical_lines(_AXIS, list(_TICKS), _ROW_PX),
        f'<line class="reach" x1="{_AXIS.percent(high)}" x2="{_AXIS.percent(rule.tenth)}" y1="{y:g}" y2="{y:g}"/>',
        f'<rect class="box" x="{100 * left:.2f}%" y="{y - _BOX_PX / 2:g}" width="{100 * (right - left):.2f}%" '
        f'height="{_BOX_PX:g}"/>',
        f'<line class="median" x1="{_AXIS.percent(middle)}" x2="{_AXIS.percent(middle)}" '
        f'y1="{y - _BOX_PX / 2:g}" y2="{y + _BOX_PX / 2:g}"/>',
    ]
    if rule.worst > BROKEN:
        parts.append(f'<circle class="worst" cx="{_AXIS.percent(rule.worst)}" cy="{y:g}" r="3"/>')
    where = rule.worst_song if rule.worst > BROKEN else ""
    return (
        f'<tr><th title="{escape(rule.rule)}">{escape(rule.rule)}</th>'
        f'<td class="chart">{drawing("".join(parts), _ROW_PX)}</td>'
        f"<td>{rule.kept} of {rule.songs}</td>"
        f'<td title="{escape(where)}" class="where">{escape(_shortened(where))}</td></tr>'
    )


def _shortened(name: str) -> str:
    """A name that fits the column: songs of one data set differ at the end more often than in the middle."""
    return name if len(name) <= _LONGEST_NAME else f"{name[:4]}…{name[5 - _LONGEST_NAME :]}"
