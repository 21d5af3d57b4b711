"""Heat maps of a study: every arm by every metric, and by every rule."""

from __future__ import annotations

from typing import NamedTuple

from hybrid.judging.table import METRICS
from hybrid.pages.words import fixed
from hybrid.study.effects import ArmEffects, Effects, MetricEffect
from hybrid.study.tables import effect_text


class Cell(NamedTuple):
    """One arm by one metric or rule."""

    worse: float
    """Change from all rules, positive where it is worse; 1 is as much as matters."""
    title: str
    is_control: bool
    is_significant: bool = False

    @property
    def share(self) -> float:
        """Strength of the colour, 0 to 1: full at twice what matters."""
        return min(abs(self.worse) / 2.0, 1.0)


class HeatMap(NamedTuple):
    """Cells by arm and column; None where nothing was measured."""

    columns: list[str]
    rows: dict[str, list[Cell | None]]


def by_metric(effects: Effects) -> HeatMap:
    """A cell for every arm and metric, in units of the smallest difference that matters."""
    names = [name for name in METRICS if any(name in each.metrics for each in effects.arms)]
    rows = {each.arm.id: [_metric_cell(each.metrics.get(name), name) for name in names] for each in effects.arms}
    return HeatMap(names, rows)


def _metric_cell(compared: MetricEffect | None, name: str) -> Cell | None:
    if compared is None:
        return None
    sign = 1.0 if METRICS[name].better == "lower" else -1.0
    worse = sign * compared.effect.mean / METRICS[name].margin
    title = f"{name}: {effect_text(compared.effect, 3)} {METRICS[name].unit}, p {compared.p:.3f}"
    return Cell(worse, title, compared.is_control, compared.p < 0.05)


def by_rule(effects: Effects) -> HeatMap:
    """A cell for every arm and rule, in scales of the rule."""
    names = list(dict.fromkeys(rule for each in effects.arms for rule in each.rules))
    return HeatMap(names, {each.arm.id: [_rule_cell(each, name) for name in names] for each in effects.arms})


def _rule_cell(each: ArmEffects, name: str) -> Cell | None:
    value = each.rules.get(name)
    if value is None:
        return None
    return Cell(5.0 * value, f"{name}: {fixed(value, 3, True)}", name in each.arm.changed)
