"""Heat maps of a study: every arm by every metric, and by every rule."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from hybrid.judge.table import METRICS
from hybrid.pages.words import fixed
from hybrid.study.effects import ArmEffects, Compared, Effects
from hybrid.study.tables import spoken

HEAT_STYLE = """
.heat { width: auto; border-collapse: separate; border-spacing: 1px; font-size: .72rem }
.heat th { font-weight: 400; color: var(--ink); white-space: nowrap; padding: 0 .5rem 0 0; font-size: .78rem }
.heat thead th { vertical-align: bottom; padding: 0; height: 9rem }
.heat thead th span { writing-mode: vertical-rl; transform: rotate(180deg); padding: .2rem 0 }
.heat td { width: 1.55rem; height: 1.35rem; text-align: center; padding: 0 }
.heat td.control { outline: 1px dashed var(--raw); outline-offset: -2px }
.scroll { overflow-x: auto }
"""


def by_metric(effects: Effects) -> str:
    """A cell for every arm and metric, in units of what matters."""
    names = [name for name in METRICS if any(name in each.metrics for each in effects.arms)]
    lead = (
        "Mean change from all rules in units of the smallest difference that matters for each metric. Red: worse "
        "without the rules; green: better. Dashed: the rules measure this themselves, so it is a control. A dot marks "
        "p below 0.05 after correction."
    )
    rows = []
    for each in effects.arms:
        cells = "".join(_metric_cell(each.metrics.get(name), name) for name in names)
        rows.append(f"<tr><th>{escape(each.arm.id)}</th>{cells}</tr>")
    return _heat("metrics", "Every arm by every metric", lead, names, rows)


def _metric_cell(found: Compared | None, name: str) -> str:
    if found is None:
        return "<td></td>"
    sign = 1.0 if METRICS[name].better == "lower" else -1.0
    worse = sign * found.effect.mean / METRICS[name].margin
    mark = "•" if found.p < 0.05 else ""
    title = f"{name}: {spoken(found.effect, 3)} {METRICS[name].unit}, p {found.p:.3f}"
    css = ' class="control"' if found.is_control else ""
    return f'<td{css} style="{_colour(worse)}" title="{escape(title)}">{mark}</td>'


def by_rule(effects: Effects) -> str:
    """A cell for every arm and rule."""
    names = list(dict.fromkeys(rule for each in effects.arms for rule in each.rules))
    lead = (
        "Mean change of every rule's penalty, in scales. Red: the rule of the column is kept worse in that arm; green: "
        "better. Dashed: the rules that the arm changes."
    )
    rows = []
    for each in effects.arms:
        cells = "".join(_rule_cell(each, name) for name in names)
        rows.append(f"<tr><th>{escape(each.arm.id)}</th>{cells}</tr>")
    return _heat("rules", "Every arm by every rule", lead, names, rows)


def _rule_cell(each: ArmEffects, name: str) -> str:
    value = each.rules.get(name)
    if value is None:
        return "<td></td>"
    css = ' class="control"' if name in each.arm.changed else ""
    return f'<td{css} style="{_colour(5.0 * value)}" title="{escape(name)}: {fixed(value, 3, True)}"></td>'


def _heat(place: str, title: str, lead: str, columns: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f"<th><span>{escape(name)}</span></th>" for name in columns)
    table = f'<table class="heat"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
    return (
        f'<section id="{place}"><h2>{title}</h2><p class="lead">{lead}</p><div class="scroll">{table}</div></section>'
    )


def _colour(worse: float) -> str:
    """Red for what is worse, green for what is better, full at twice what matters."""
    share = min(abs(worse) / 2.0, 1.0)
    name = "--bad" if worse > 0.0 else "--good"
    return f"background: color-mix(in srgb, var({name}) {100.0 * share:.0f}%, var(--shade))"
