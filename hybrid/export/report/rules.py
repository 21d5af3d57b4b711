"""The table of rules: what each says, what was asked, what was measured, and by how much it is broken."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from hybrid.export.report.levels import dumbbell
from hybrid.knowledge.verdict import Finding, TargetFinding, Verdict
from hybrid.pages.plot import Axis, drawing
from hybrid.pages.words import NOTHING, asked, count, difference, number, quantity, span

_TIERS = {0: "Safety", 1: "Fidelity", 2: "Balance", 3: "Colour"}
_MOST_TARGETS = 80
"""Targets listed per rule, worst first: pairs of sixty tracks would fill the file."""
_PICTURE_PX = 22.0
_MARKS = {"kept": "✓", "broken": "✕", "unused": NOTHING}


class Ruling(NamedTuple):
    """One rule in the mix, beside the same rule in the raw sum."""

    now: Finding
    raw: Finding | None

    @property
    def state(self) -> str:
        """kept, broken, or unused: it matched nothing."""
        if not self.now.targets:
            return "unused"
        return "kept" if self.now.kept else "broken"

    @property
    def is_newly_broken(self) -> bool:
        """Whether mixing broke what the raw sum kept."""
        return self.state == "broken" and self.raw is not None and self.raw.kept

    def raw_of(self, target: TargetFinding) -> TargetFinding | None:
        """The same target in the raw sum."""
        targets = self.raw.targets if self.raw else ()
        return next((other for other in targets if other.name == target.name), None)


def rulings(before: Verdict, after: Verdict) -> list[Ruling]:
    """Every rule of the mix; by tier, the broken ones first, the dearest of them first."""
    raw = {finding.id: finding for finding in before.rules}
    pairs = [Ruling(finding, raw.get(finding.id)) for finding in after.rules]
    order = ("broken", "kept", "unused")
    return sorted(pairs, key=lambda r: (r.now.tier, order.index(r.state), -r.now.penalty, r.now.id))


def n_kept(findings: Iterable[Finding]) -> tuple[int, int]:
    """How many rules are kept, of how many that matched anything."""
    used = [finding for finding in findings if finding.targets]
    return sum(finding.kept for finding in used), len(used)


def anchor(finding: Finding) -> str:
    """The name by which the page links to a rule's row."""
    return "rule-" + escape(finding.id)


def rules_table(rules: list[Ruling]) -> str:
    """All rules in one table with a heading for each tier."""
    tiers = sorted({ruling.now.tier for ruling in rules})
    bodies = "".join(_tier(tier, [r for r in rules if r.now.tier == tier]) for tier in tiers)
    heads = ("", "Rule", "Raw to mix", "Value<small>asked</small>", "Excess<small>raw → mix</small>")
    heads += ("Worst<small>when</small>", "Weight<small>evidence</small>")
    columns = "".join(f'<th scope="col">{head or _unseen("State")}</th>' for head in heads)
    return f'<table class="rules"><thead><tr>{columns}</tr></thead>{bodies}</table>'


def _unseen(text: str) -> str:
    return f'<span class="unseen">{text}</span>'


def _tier(tier: int, rules: list[Ruling]) -> str:
    kept, used = n_kept(ruling.now for ruling in rules)
    name = _TIERS.get(tier, f"Tier {tier}")
    head = f'<th scope="rowgroup" colspan="7">{name} <small>{kept} of {used} kept</small></th>'
    return f'<tbody><tr class="tier">{head}</tr>{"".join(map(_rule, rules))}</tbody>'


def _rule(ruling: Ruling) -> str:
    rule, worst = ruling.now, ruling.now.targets[0] if ruling.now.targets else None
    hard = ' <i title="must be kept">hard</i>' if rule.kind == "require" else ""
    fresh = ' <i class="fresh">kept in the raw sum</i>' if ruling.is_newly_broken else ""
    cells = _measured(ruling, worst) if worst else '<td colspan="4" class="matched-nothing">matched nothing</td>'
    return f"""<tr class="{ruling.state}" id="{anchor(rule)}">
<td class="mark"><span aria-hidden="true">{_MARKS[ruling.state]}</span>{_unseen(ruling.state)}</td>
<th scope="row"><span>{escape(rule.id)}</span>{hard}{fresh}<p>{escape(rule.reason)}</p></th>
{cells}<td data-head="Weight">{rule.weight:g}<small>{_evidence(rule)}</small></td></tr>
{_targets(ruling)}"""


def _evidence(rule: Finding) -> str:
    return escape(rule.evidence.replace("_", " "))


def _measured(ruling: Ruling, worst: TargetFinding) -> str:
    rule, raw = ruling.now, ruling.raw_of(worst)
    value = f"{number(raw.value)} → " if raw else ""
    when = f"<small>{span(worst.when)}</small>" if worst.when else ""
    return f"""<td class="picture">{_picture(rule, worst, raw)}</td>
<td data-head="Value">{value}<b>{quantity(worst.value, rule.unit)}</b>
<small>{asked(worst.low, worst.high, rule.unit)}</small></td>
<td data-head="Excess">{_excess(ruling, worst)}</td>
<td data-head="Worst">{escape(worst.name)}{when}</td>"""


def _excess(ruling: Ruling, worst: TargetFinding) -> str:
    earlier = ruling.raw.targets[0].excess if ruling.raw and ruling.raw.targets else 0.0
    if not (earlier or worst.excess):
        return NOTHING
    return f"{number(earlier)} → <b>{difference(worst.excess, ruling.now.unit)}</b>"


def _picture(rule: Finding, worst: TargetFinding, raw: TargetFinding | None) -> str:
    """The allowed interval shaded, the raw value as an open dot and the mixed value as a full one."""
    if not math.isfinite(worst.value):
        return ""
    before = raw.value if raw and math.isfinite(raw.value) else worst.value
    marks = [value for value in (before, worst.value, worst.low, worst.high) if value is not None]
    room = max(0.2 * (max(marks) - min(marks)), rule.scale)
    axis = Axis(min(marks) - room, max(marks) + room)
    left = axis.fraction(axis.low if worst.low is None else worst.low)
    right = axis.fraction(axis.high if worst.high is None else worst.high)
    size = f'x="{100 * left:.1f}%" width="{max(100 * (right - left), 1.0):.1f}%"'
    band = f'<rect class="target" {size} y="2" height="{_PICTURE_PX - 4:g}"/>'
    dots = dumbbell(axis.percent(before), axis.percent(worst.value), _PICTURE_PX / 2)
    return drawing(band + dots, _PICTURE_PX)


def _targets(ruling: Ruling) -> str:
    targets, unit = ruling.now.targets, ruling.now.unit
    if len(targets) < 2:
        return ""
    rows = "".join(_target(ruling, target, unit) for target in targets[:_MOST_TARGETS])
    more = len(targets) - _MOST_TARGETS
    rest = f"<p>and {more} more that exceed no further</p>" if more > 0 else ""
    over = sum(target.excess > 0 for target in targets)
    summary = f"{count(len(targets), 'target')}, {over} over"
    columns = "".join(f'<th scope="col">{name}</th>' for name in ("Target", "Raw", "Mix", "Asked", "Excess", "When"))
    table = f"<table><tr>{columns}</tr>{rows}</table>{rest}"
    details = f"<details><summary>{summary}</summary>{table}</details>"
    return f'<tr class="more"><td></td><td colspan="6">{details}</td></tr>\n'


def _target(ruling: Ruling, target: TargetFinding, unit: str) -> str:
    raw = ruling.raw_of(target)
    cells = (
        quantity(raw.value, unit) if raw else NOTHING,
        quantity(target.value, unit),
        asked(target.low, target.high, unit),
        difference(target.excess, unit) if target.excess > 0 else NOTHING,
        span(target.when),
    )
    columns = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr><th scope="row">{escape(target.name)}</th>{columns}</tr>'
