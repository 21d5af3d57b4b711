"""The report of a study: for every arm, does it act, does it help, what does it cost; one self-contained page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np

from hybrid.judge.statistics import Effect
from hybrid.judge.table import METRICS
from hybrid.pages.document import document, large_numbers
from hybrid.pages.plot import Axis, Tick, drawing, labels_across, steps, vertical_lines
from hybrid.pages.words import fixed
from hybrid.study.effects import TOTAL, ArmEffects, Compared, Effects, Share
from hybrid.study.heat import HEAT_STYLE, by_metric, by_rule
from hybrid.study.rows import Row, Unit
from hybrid.study.schema import Study
from hybrid.study.tables import counted, listed, power_said, spoken

_ROW_PX = 24.0
_STYLE = """
.arms td, .arms th { vertical-align: middle } .arms th:first-child { width: 16rem }
.arms th:nth-child(3) { width: 6rem } .arms th:nth-child(4) { width: 17rem; padding-left: .8rem; text-align: left }
.arms th:nth-child(5) { width: 12rem } .arms td { white-space: normal; font-size: .85rem }
.arms tbody tr { border-top: 1px solid var(--line) }
.arms tbody td, .arms tbody th { padding-top: .2rem; padding-bottom: .2rem }
.arms td.word { text-align: left; padding-left: .8rem; white-space: nowrap }
section .lead { margin-bottom: .9rem }
.help { color: var(--good); font-weight: 600 } .hurt { color: var(--bad); font-weight: 600 }
.none { color: var(--soft) }
line.reach { stroke: var(--accent); stroke-width: 2 } circle.mean { fill: var(--accent) }
line.zero { stroke: var(--raw) } circle.song { fill: var(--accent); opacity: .45 }
.power li, .left li { margin: .2rem 0; font-size: .9rem }
"""
_WORDS = {
    "helps": ("help", "helps"),
    "hurts": ("hurt", "hurts"),
    "no difference that matters": ("none", "no difference that matters"),
    "nothing shown": ("none", "nothing shown"),
    "not measured": ("none", "not measured"),
}


def report_html(
    study: Study,
    effects: Effects,
    units: Sequence[Unit],
    excluded: Mapping[str, str],
    made_with: Mapping[str, str],
) -> str:
    """The page; the same for the same rows, byte by byte."""
    rows = [row for unit in units for row in unit.rows]
    made = " · ".join(f"{name} {value[:16]}" for name, value in made_with.items())
    body = f"""<header><h1>{escape(study.title)}</h1>
<p class="facts">{escape(study.about)}</p>
{_numbers(effects, units, rows)}</header>
<main>
{_arms(effects)}
{_power(effects)}
{by_metric(effects)}
{by_rule(effects)}
{_by_song(effects)}
{_shares(effects.shares)}
{_joint(effects)}
{_left_out(effects, rows, excluded, units)}
{_listening(study)}
</main>
<footer><p class="facts">{escape(made)}</p></footer>"""
    return document(f"{study.title}: report", body, _STYLE + HEAT_STYLE)


def _numbers(effects: Effects, units: Sequence[Unit], rows: Sequence[Row]) -> str:
    later = sum(unit.compiled[1] for unit in units)
    first = sum(unit.compiled[0] for unit in units)
    return large_numbers([
        ("arms", str(len(effects.arms)), "beside all rules"),
        ("songs", str(len(effects.songs)), f"{len(effects.referenced)} with a mix that a person made"),
        ("mixes", str(len(rows)), f"{sum(row.state == 'diverged' for row in rows)} diverged"),
        ("programs compiled", str(later), f"between arms; {first} for the first of each song"),
    ])  # fmt: skip


def _arms(effects: Effects) -> str:
    """The three numbers of every arm."""
    lead = (
        "For each arm, the change from all rules, with 95 % intervals over songs; for an arm that adds a rule to a "
        "bed, that of the bed from the arm. <b>Acts</b>: what the rules that are left out measure themselves, in "
        "scales; a rule that acts is missed. <b>Helps</b>: by the measure that its family is judged by, which is not "
        "its own, whether all rules are better than the arm. <b>Costs</b>: the weighted penalties of all other rules; "
        "below zero, they are better kept without it."
    )
    acts = [each.acts for each in effects.arms if each.acts]
    axis, ticks = _axis([*acts, *(each.costs for each in effects.arms if each.costs)])
    head = (
        "<thead><tr><th>arm</th>"
        f'<th class="chart">acts {drawing(labels_across(axis, ticks, 12.0), 15.0)}</th>'
        "<th></th><th>helps?</th><th>costs</th></tr></thead>"
    )
    body = "".join(_arm_row(each, axis, ticks) for each in effects.arms)
    table = f'<table class="rows arms">{head}<tbody>{body}</tbody></table>'
    return f'<section id="arms"><h2>Every arm against all rules</h2><p class="lead">{lead}</p>{table}</section>'


def _arm_row(each: ArmEffects, axis: Axis, ticks: Sequence[Tick]) -> str:
    chart = drawing(vertical_lines(axis, ticks, _ROW_PX) + _zero(axis) + _whisker(each.acts, axis), _ROW_PX)
    words = "<br>".join(_verdict(name, each.metrics[name]) for name in each.primary if name in each.metrics)
    acted = "–" if each.acts is None else f"{fixed(each.acts.mean, 3, True)}{' acts' if each.does_act else ''}"
    songs = f"<small>{counted(len(each.songs), 'song')}</small>"
    return (
        f'<tr><th title="{escape(listed(each.arm.changed, 20))}">{escape(each.arm.id)} {songs}</th>'
        f'<td class="chart">{chart}</td><td>{acted}</td><td class="word">{words or "not measured"}</td>'
        f"<td>{escape(spoken(each.costs, 3))}</td></tr>"
    )


def _verdict(name: str, found: Compared) -> str:
    css, word = _WORDS[found.word(name)]
    unit = f" {METRICS[name].unit}" if METRICS[name].unit else ""
    title = f"{spoken(found.effect, 3)}{unit}, p {found.p:.3f}, {counted(found.effect.songs, 'song')}"
    return f'<span title="{escape(title)}">{escape(name)}: <span class="{css}">{word}</span></span>'


def _axis(effects: Iterable[Effect | None]) -> tuple[Axis, list[Tick]]:
    """A scale that holds the means of all, and zero."""
    means = [effect.mean for effect in effects if effect is not None]
    low, high = min([0.0, *means]), max([0.0, *means])
    room = 0.1 * max(high - low, 1e-3)
    axis = Axis(low - room, high + room)
    return axis, [Tick(value, f"{value:g}") for value in steps(axis.low, axis.high, 4)]


def _zero(axis: Axis) -> str:
    at = axis.percent(0.0)
    return f'<line class="zero" x1="{at}" x2="{at}" y1="0" y2="{_ROW_PX:g}"/>'


def _whisker(effect: Effect | None, axis: Axis) -> str:
    if effect is None:
        return ""
    y = _ROW_PX / 2.0
    reach = ""
    if np.isfinite([effect.low, effect.high]).all():
        low, high = axis.percent(effect.low), axis.percent(effect.high)
        reach = f'<line class="reach" x1="{low}" x2="{high}" y1="{y:g}" y2="{y:g}"/>'
    return f'{reach}<circle class="mean" cx="{axis.percent(effect.mean)}" cy="{y:g}" r="3.5"/>'


def _power(effects: Effects) -> str:
    said = "".join(f"<li>{escape(line)}</li>" for line in power_said(effects))
    head = "<h2>What so many songs can show</h2>"
    return f'<section id="power">{head}<ul class="power">{said}</ul></section>' if said else ""


def _by_song(effects: Effects) -> str:
    """A dot for every song, for each metric that decides."""
    parts = []
    for name in dict.fromkeys(name for each in effects.arms for name in each.primary):
        having = [each for each in effects.arms if name in each.primary and name in each.by_song]
        by_arm = {each.arm.id: each.by_song[name] for each in having}
        values = [value for found in by_arm.values() for value in found.values()]
        if not values:
            continue
        low, high = min([0.0, *values]), max([0.0, *values])
        room = 0.05 * max(high - low, 1e-6)
        axis = Axis(low - room, high + room)
        ticks = [Tick(value, f"{value:g}") for value in steps(axis.low, axis.high, 6)]
        body = "".join(_song_row(arm, found, axis, ticks) for arm, found in by_arm.items())
        unit = f" ({METRICS[name].unit})" if METRICS[name].unit else ""
        labels = drawing(labels_across(axis, ticks, 12.0), 15.0)
        head = f'<thead><tr><th>{escape(name)}{escape(unit)}</th><th class="chart">{labels}</th></tr></thead>'
        parts.append(f'<table class="rows">{head}<tbody>{body}</tbody></table>')
    if not parts:
        return ""
    lead = "Change from all rules, a dot for each song: right of the line the metric is higher without the rules."
    return f'<section id="songs"><h2>Song by song</h2><p class="lead">{lead}</p>{"".join(parts)}</section>'


def _song_row(arm: str, found: Mapping[str, float], axis: Axis, ticks: Sequence[Tick]) -> str:
    y = _ROW_PX / 2.0
    dots = "".join(
        f'<circle class="song" cx="{axis.percent(value)}" cy="{y:g}" r="4">'
        f"<title>{escape(song)}: {fixed(value, 3, True)}</title></circle>"
        for song, value in found.items()
    )
    content = vertical_lines(axis, ticks, _ROW_PX) + _zero(axis) + dots
    return f'<tr><th>{escape(arm)}</th><td class="chart">{drawing(content, _ROW_PX)}</td></tr>'


def _shares(shares: Sequence[Share]) -> str:
    if not shares:
        return ""
    families = list(dict.fromkeys(share.family for share in shares))
    metrics = list(dict.fromkeys(share.metric for share in shares))
    value = {(share.family, share.metric): share.effect for share in shares}
    head = "".join(f"<th>{escape(family)}</th>" for family in families)
    rows = "".join(
        f"<tr><th>{escape('all rules' if metric == TOTAL else metric)}</th>"
        + "".join(f"<td>{escape(spoken(value.get((family, metric)), 3))}</td>" for family in families)
        + "</tr>"
        for metric in metrics
    )
    lead = "What each family adds, the mean over all orders in which families may come (Shapley values)."
    table = f'<table class="rows arms"><thead><tr><th></th>{head}</tr></thead><tbody>{rows}</tbody></table>'
    return f'<section id="shares"><h2>What each family adds</h2><p class="lead">{lead}</p>{table}</section>'


def _joint(effects: Effects) -> str:
    if not effects.joint:
        return ""
    rows = "".join(
        f"<tr><th>{escape(' and '.join(joint.rules))}</th><td>{escape(joint.metric)}</td>"
        f"<td>{escape(spoken(joint.effect, 3))}</td></tr>"
        for joint in effects.joint
    )
    lead = "What leaving out both does beyond the sum of leaving out each: zero where they do not meet."
    return f'<section id="pairs"><h2>Pairs</h2><p class="lead">{lead}</p><table>{rows}</table></section>'


def _left_out(effects: Effects, rows: Sequence[Row], excluded: Mapping[str, str], units: Sequence[Unit]) -> str:
    """What is not in the numbers, and why."""
    said = [f"{song} could not be mixed: {why}" for song, why in excluded.items()]
    said += [
        f"{row.song}, seed {row.seed}, {row.arm} diverged: {row.reason}" for row in rows if row.state == "diverged"
    ]
    for each in effects.arms:
        missed = [song for song in effects.songs if song not in each.songs]
        if missed:
            said.append(f"{each.arm.id}: no target, or no mix, in {listed(missed)}")
    unsaid = [song for song in effects.songs if song not in effects.referenced]
    if unsaid:
        said.append(f"metrics that need a mix that a person made: not for {listed(unsaid)}")
    poor = sorted({unit.rows[0].song for unit in units if unit.explained is not None and unit.explained < 0.5})
    if poor:
        said.append(f"less than half of the reference is explained by the tracks: doubtful in {listed(poor)}")
    lines = "".join(f"<li>{escape(line)}</li>" for line in said)
    head = "<h2>What was left out, and why</h2>"
    return f'<section id="left">{head}<ul class="left">{lines}</ul></section>' if said else ""


def _listening(study: Study) -> str:
    if not study.listen:
        return ""
    lead = (
        "Mixes of all rules and of some arms lie in the folder <code>listen</code>, all at -23 LUFS, under letters "
        "that say nothing; what they are is in <code>key.json</code> beside them."
    )
    return f'<section id="listen"><h2>To be listened to</h2><p class="lead">{lead}</p></section>'
