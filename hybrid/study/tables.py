"""The effects of a study as tables: CSV with every number, and Markdown with the main ones."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from hybrid.judging.mixed_models import mixed_model
from hybrid.judging.statistics import CONFIDENCE, Effect, detectable
from hybrid.judging.table import METRICS
from hybrid.pages.words import fixed
from hybrid.study.arm import FULL
from hybrid.study.effects import TOTAL, ArmEffects, Effects
from hybrid.study.rows import Row
from hybrid.study.schema import Study

_HEADS = (
    "arm kind metric unit role songs mean low high p_holm p_permutation p_wilcoxon cohen_d detectable smallest_p word"
)


def effects_csv(effects: Effects) -> str:
    """CSV with a row for every arm and metric: differences from the full rules, in the metric's unit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADS.split(" "))
    for each in effects.arms:
        start = (each.arm.id, each.arm.kind)
        if each.acts:
            writer.writerow([*start, "own penalty", "scales", "acts", *_numbers(each.acts), ""])
        if each.costs:
            writer.writerow([*start, "other penalties", "scales", "costs", *_numbers(each.costs), ""])
        for name, metric in each.metrics.items():
            role = "control" if metric.is_control else "primary" if name in each.primary else "explored"
            numbers = _numbers(metric.effect, metric.p)
            writer.writerow([*start, name, METRICS[name].unit, role, *numbers, metric.conclusion(name)])
    for share in effects.shares:
        writer.writerow(
            [share.family, "shapley", share.metric, _unit(share.metric), "share", *_numbers(share.effect), ""]
        )
    for joint in effects.joint:
        name = " and ".join(joint.rules)
        writer.writerow(
            [name, "joint", joint.metric, METRICS[joint.metric].unit, "beyond", *_numbers(joint.effect), ""]
        )
    return text.getvalue()


def _unit(metric: str) -> str:
    return "scales" if metric == TOTAL else METRICS[metric].unit


def _numbers(effect: Effect, p: float | None = None) -> list[object]:
    numbers = (effect.p, effect.p_wilcoxon, effect.cohens_d, effect.detectable, effect.smallest_p)
    return [
        effect.songs,
        *(f"{x:.6g}" for x in (effect.mean, effect.low, effect.high)),
        "" if p is None else f"{p:.6g}",
        *(f"{x:.6g}" for x in numbers),
    ]


def models_csv(rows: Sequence[Row], study: Study) -> str:
    """CSV with a row for every arm and metric, from one mixed model per metric over all arms. Raises InputError without
    statsmodels."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["arm", "metric", "unit", "mean", "low", "high", "p"])
    for metric in study.metric_names:
        known = [row for row in rows if metric in row.metrics and row.touches]
        values = {(row.song, row.seed, row.arm): row.metrics[metric] for row in known}
        for arm, numbers in mixed_model(values, FULL).items():
            writer.writerow([arm, metric, METRICS[metric].unit, *(f"{x:.6g}" for x in numbers)])
    return text.getvalue()


def effects_markdown(effects: Effects) -> str:
    """Markdown with three numbers for each arm: its effect on its own penalties, on its primary metrics, and on the
    penalties of all other rules."""
    lines = ["| left out | songs | own penalty | by | difference | p | verdict | other penalties |", "|" + "---|" * 8]
    for each in effects.arms:
        rows = [name for name in each.primary if name in each.metrics] or [""]
        for index, name in enumerate(rows):
            metric = each.metrics.get(name)
            lines.append(
                "| "
                + " | ".join(
                    [
                        *(
                            (each.arm.id, str(len(each.songs)), effect_text(each.acts, 3))
                            if not index
                            else ("", "", "")
                        ),
                        f"{name}" if name else "–",
                        f"{effect_text(metric.effect, 3)} {METRICS[name].unit}".strip() if metric else "–",
                        f"{metric.p:.3f}" if metric else "–",
                        metric.conclusion(name) if metric else "not measured",
                        effect_text(each.costs, 3) if not index else "",
                    ]
                )
                + " |"
            )
    lines += ["", *power_notes(effects)]
    return "\n".join(lines) + "\n"


def effect_text(effect: Effect | None, digits: int) -> str:
    """A mean and its 95 % interval, such as "0.812 (0.403 to 1.221)"; "–" for None."""
    if effect is None:
        return "–"
    if effect.low != effect.low:
        return fixed(effect.mean, digits)
    return f"{fixed(effect.mean, digits)} ({fixed(effect.low, digits)} to {fixed(effect.high, digits)})"


def power_notes(effects: Effects) -> list[str]:
    """A line for each primary metric: the effect that so many songs can detect, and whether any arm can be
    significant."""
    notes = []
    by_metric: dict[str, list[ArmEffects]] = {}
    for each in effects.arms:
        for name in each.primary:
            if name in each.metrics:
                by_metric.setdefault(name, []).append(each)
    for name, arms in by_metric.items():
        effect_list = [each.metrics[name].effect for each in arms]
        n_arms = _arms_with(effects, name)
        # arms differ in spread: the median arm stands for all
        each_detects = [detectable(effect.spread, effect.songs, n_arms) for effect in effect_list]
        known = sorted(value for value in each_detects if value == value)
        most = max(effect.songs for effect in effect_list)
        unit = f" {METRICS[name].unit}" if METRICS[name].unit else ""
        text = f"{name}: {most} songs"
        if known:
            middle = known[len(known) // 2]
            text += f" can detect {middle:.2g}{unit} (the median over arms, corrected over {n_arms})"
        smallest = min(effect.smallest_p for effect in effect_list)
        # the corrected p of even a perfect separation would not reach significance
        if smallest * n_arms >= 1.0 - CONFIDENCE:
            text += (
                f"; the smallest possible p is {smallest:.3g}, {min(1.0, smallest * n_arms):.2g} after "
                f"correction: no arm can be shown to differ"
            )
        notes.append(text)
    return notes


def _arms_with(effects: Effects, metric: str) -> int:
    return sum(metric in each.metrics for each in effects.arms)


def name_list(names: Sequence[str], most: int = 8) -> str:
    """At most `most` names, and the number of those left out: "a, b and 3 more"."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
