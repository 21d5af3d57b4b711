"""The effects of a study as tables for a paper: CSV with every number, and Markdown with what matters."""

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
    """A row for every arm and metric: differences from the full rules, in the metric's unit."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADS.split(" "))
    for each in effects.arms:
        start = (each.arm.id, each.arm.kind)
        if each.acts:
            writer.writerow([*start, "own penalty", "scales", "acts", *_numbers(each.acts), ""])
        if each.costs:
            writer.writerow([*start, "other penalties", "scales", "costs", *_numbers(each.costs), ""])
        for name, found in each.metrics.items():
            role = "control" if found.is_control else "primary" if name in each.primary else "explored"
            numbers = _numbers(found.effect, found.p)
            writer.writerow([*start, name, METRICS[name].unit, role, *numbers, found.word(name)])
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
    """A row for every arm and metric of mixed models over all arms. Raises InputError without statsmodels."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["arm", "metric", "unit", "mean", "low", "high", "p"])
    for metric in study.metric_names:
        known = [row for row in rows if metric in row.metrics and row.touches]
        values = {(row.song, row.seed, row.arm): row.metrics[metric] for row in known}
        for arm, found in mixed_model(values, FULL).items():
            writer.writerow([arm, metric, METRICS[metric].unit, *(f"{x:.6g}" for x in found)])
    return text.getvalue()


def effects_markdown(effects: Effects) -> str:
    """Three numbers for each arm: what it does by its own measure, by an independent one, and to the other rules."""
    lines = ["| left out | songs | own penalty | by | difference | p | verdict | other penalties |", "|" + "---|" * 8]
    for each in effects.arms:
        rows = [name for name in each.primary if name in each.metrics] or [""]
        for index, name in enumerate(rows):
            found = each.metrics.get(name)
            lines.append(
                "| "
                + " | ".join(
                    [
                        *((each.arm.id, str(len(each.songs)), spoken(each.acts, 3)) if not index else ("", "", "")),
                        f"{name}" if name else "–",
                        f"{spoken(found.effect, 3)} {METRICS[name].unit}".strip() if found else "–",
                        f"{found.p:.3f}" if found else "–",
                        found.word(name) if found else "not measured",
                        spoken(each.costs, 3) if not index else "",
                    ]
                )
                + " |"
            )
    lines += ["", *power_said(effects)]
    return "\n".join(lines) + "\n"


def spoken(effect: Effect | None, digits: int) -> str:
    """A mean and its interval."""
    if effect is None:
        return "–"
    if effect.low != effect.low:
        return fixed(effect.mean, digits)
    return f"{fixed(effect.mean, digits)} ({fixed(effect.low, digits)} to {fixed(effect.high, digits)})"


def power_said(effects: Effects) -> list[str]:
    """In plain words, what so few songs can and cannot show, metric by metric of those that decide."""
    said = []
    found: dict[str, list[ArmEffects]] = {}
    for each in effects.arms:
        for name in each.primary:
            if name in each.metrics:
                found.setdefault(name, []).append(each)
    for name, arms in found.items():
        effect_list = [each.metrics[name].effect for each in arms]
        n_arms = _arms_with(effects, name)
        each_detects = [detectable(effect.spread, effect.songs, n_arms) for effect in effect_list]
        known = sorted(value for value in each_detects if value == value)
        most = max(effect.songs for effect in effect_list)
        unit = f" {METRICS[name].unit}" if METRICS[name].unit else ""
        text = f"{name}: {most} songs"
        if known:
            middle = known[len(known) // 2]
            text += f" can detect {middle:.2g}{unit} (the median over arms, corrected over {n_arms})"
        smallest = min(effect.smallest_p for effect in effect_list)
        if smallest * n_arms >= 1.0 - CONFIDENCE:
            text += (
                f"; the smallest p that they can give is {smallest:.3g}, {min(1.0, smallest * n_arms):.2g} after "
                f"correction: no arm can be shown to differ"
            )
        said.append(text)
    return said


def _arms_with(effects: Effects, metric: str) -> int:
    return sum(metric in each.metrics for each in effects.arms)


def counted(number: int, what: str) -> str:
    """1 song, 2 songs."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def listed(names: Sequence[str], most: int = 8) -> str:
    """Some names, and how many there are beside."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
