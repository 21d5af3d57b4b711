"""A study as tables: every mix, values by arm, and effects; as Markdown the main ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hybrid.judging.mixed_models import mixed_model
from hybrid.judging.statistics import CONFIDENCE, Effect, detectable, mean_by_song, paired_effect
from hybrid.judging.table import METRICS, REFERENCE
from hybrid.pages.words import count, fixed
from hybrid.study.arm import FULL
from hybrid.study.effects import ArmEffects, Effects
from hybrid.study.rows import Row
from hybrid.study.schema import Study
from hybrid.tabular import Cell, Table
from hybrid.tabular import Row as Cells

EFFECT_COLUMNS = (
    "arm",
    "kind",
    "metric",
    "unit",
    "role",
    "songs",
    "mean",
    "low",
    "high",
    "p_holm",
    "p_permutation",
    "p_wilcoxon",
    "cohen_d",
    "detectable",
    "smallest_p",
    "word",
)
TEXT_COLUMNS = ("arm", "kind", "metric", "unit", "role", "word")
"""Those of the columns of effects that hold text, whatever it looks like."""
_MIX_COLUMNS = ("song", "seed", "arm", "state", "touches", "took_s", "weighted_penalty")
_VALUE_COLUMNS = ("arm", "quantity", "unit", "songs", "mean", "low", "high")


def effects_table(effects: Effects) -> Table:
    """A row for every arm and metric: differences from the full rules, in the metric's unit."""
    rows: list[Cells] = []
    for each in effects.arms:
        start = (each.arm.id, each.arm.kind)
        if each.acts:
            rows.append(_effect_row(*start, "own penalty", "acts", each.acts))
        if each.costs:
            rows.append(_effect_row(*start, "other penalties", "costs", each.costs))
        for name, metric in each.metrics.items():
            role = "control" if metric.is_control else "primary" if name in each.primary else "explored"
            row = _effect_row(*start, name, role, metric.effect)
            rows.append({**row, "p_holm": metric.p, "word": metric.conclusion(name)})
    for share in effects.shares:
        rows.append(_effect_row(share.family, "shapley", share.metric, "share", share.effect))
    for joint in effects.joint:
        rows.append(_effect_row(" and ".join(joint.rules), "joint", joint.metric, "beyond", joint.effect))
    return Table("effects of the arms of a study", tuple(rows), EFFECT_COLUMNS)


def _effect_row(arm: str, kind: str, metric: str, role: str, effect: Effect) -> Cells:
    interval: tuple[Cell, ...] = (effect.songs, effect.mean, effect.low, effect.high)
    tests: tuple[Cell, ...] = (None, effect.p, effect.p_wilcoxon, effect.cohens_d, effect.detectable, effect.smallest_p)
    cells = (arm, kind, metric, _unit(metric), role, *interval, *tests, "")
    return dict(zip(EFFECT_COLUMNS, cells, strict=True))


def _unit(metric: str) -> str:
    """The unit of a metric; penalties are in scales."""
    return METRICS[metric].unit if metric in METRICS else "scales"


def mixes_table(rows: Sequence[Row]) -> Table:
    """A row for every mix, with every metric, and the unweighted penalty of every rule as `rule.` and its id."""
    metrics = [name for name in METRICS if any(name in row.metrics for row in rows)]
    rules = dict.fromkeys(rule for row in rows for rule in row.penalty)
    return Table(
        "mixes of a study",
        tuple(
            {
                **{name: getattr(row, name) for name in _MIX_COLUMNS[:-1]},
                "weighted_penalty": row.total,
                **{name: row.metrics.get(name) for name in metrics},
                **{f"rule.{rule}": row.penalty.get(rule) for rule in rules},
            }
            for row in rows
        ),
        (*_MIX_COLUMNS, *metrics, *(f"rule.{rule}" for rule in rules)),
    )


def values_table(rows: Sequence[Row]) -> Table:
    """A row for every arm and every metric, the penalty of every rule, and the time of a mix: the mean over songs with
    its interval, seeds averaged within each song."""
    by_arm: dict[str, list[Row]] = {}
    for row in rows:
        if row.state == "done":
            by_arm.setdefault(row.arm, []).append(row)
    values: list[Cells] = []
    for arm, mixes in by_arm.items():
        for quantity, unit, by_key in _quantities(mixes):
            by_song = list(mean_by_song(by_key).values())
            effect = paired_effect(by_song)
            cells = (arm, quantity, unit, len(by_song), effect.mean, effect.low, effect.high)
            values.append(dict(zip(_VALUE_COLUMNS, cells, strict=True)))
    return Table("values of the arms of a study", tuple(values), _VALUE_COLUMNS)


def _quantities(mixes: Sequence[Row]) -> Iterator[tuple[str, str, dict[tuple[str, int], float]]]:
    """Every quantity of some mixes with its unit and its values by song and seed."""
    keyed = {(row.song, row.seed): row for row in mixes}
    yield "took_s", "s", {key: row.took_s for key, row in keyed.items()}
    if totals := {key: row.total for key, row in keyed.items() if row.total is not None}:
        yield "weighted_penalty", "scales", totals
    for name in METRICS:
        if known := {key: row.metrics[name] for key, row in keyed.items() if name in row.metrics}:
            yield name, METRICS[name].unit, known
    for rule in dict.fromkeys(rule for row in mixes for rule in row.penalty):
        yield f"rule.{rule}", "scales", {key: row.penalty[rule] for key, row in keyed.items() if rule in row.penalty}


def values_by_arm(values: Table, metrics: Sequence[str]) -> Table:
    """A row for every arm with its mean and interval of some metrics, as a paper shows it."""
    by_arm: dict[str, Cells] = {}
    for row in values.cells:
        arm, name = str(row["arm"]), str(row["quantity"])
        if name in ("took_s", *metrics):
            unit = f" ({row['unit']})" if row["unit"] and name in METRICS else ""
            text = _mean_text(float(row["mean"] or 0.0), float(row["low"] or 0.0), float(row["high"] or 0.0))
            by_arm.setdefault(arm, {"arm": arm})[f"{name}{unit}"] = text
    heads = tuple(dict.fromkeys(head for cells in by_arm.values() for head in cells)) or ("arm",)
    rows = tuple({head: cells.get(head, "") for head in heads} for cells in by_arm.values())
    return Table(values.caption, rows, heads)


def models_table(rows: Sequence[Row], study: Study) -> Table:
    """A row for every arm and metric, from one mixed model per metric over all arms. Raises InputError without
    statsmodels."""
    models: list[Cells] = []
    for metric in study.metric_names:
        known = [row for row in rows if metric in row.metrics and row.touches]
        values = {(row.song, row.seed, row.arm): row.metrics[metric] for row in known}
        for arm, (mean, low, high, p) in mixed_model(values, FULL).items():
            numbers = {"mean": mean, "low": low, "high": high, "p": p}
            models.append({"arm": arm, "metric": metric, "unit": METRICS[metric].unit, **numbers})
    return Table("mixed models of a study", tuple(models), ("arm", "metric", "unit", "mean", "low", "high", "p"))


def effects_markdown(effects: Effects) -> str:
    """Markdown with three numbers for each arm: its effect on its own penalties, on its primary metrics, and on the
    penalties of all other rules."""
    lines = ["| arm | songs | own penalty | by | difference | p | verdict | other penalties |", "|" + "---|" * 8]
    for each in effects.arms:
        rows = list(each.primary) or [""]
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
                        _conclusion(each, name) if name else "not measured",
                        effect_text(each.costs, 3) if not index else "",
                    ]
                )
                + " |"
            )
    lines += ["", *power_notes(effects)]
    return "\n".join(lines) + "\n"


def conclusions(each: ArmEffects) -> list[str]:
    """The conclusion from each primary metric of an arm, or the reason why it could not be measured."""
    return [f"{name}: {_conclusion(each, name)}" for name in each.primary]


def _conclusion(each: ArmEffects, name: str) -> str:
    if name in each.metrics:
        return each.metrics[name].conclusion(name)
    needs = METRICS[name].needs
    return f"not measured, needs a {needs}" if needs in REFERENCE else "not measured"


def effect_text(effect: Effect | None, digits: int) -> str:
    """A mean and its 95 % interval, such as "0.812 (0.403 to 1.221)"; "–" for None."""
    return "–" if effect is None else _mean_text(effect.mean, effect.low, effect.high, digits)


def _mean_text(mean: float, low: float, high: float, digits: int = 3) -> str:
    if low != low:
        return fixed(mean, digits)
    return f"{fixed(mean, digits)} ({fixed(low, digits)} to {fixed(high, digits)})"


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
        text = f"{name}: {count(most, 'song')}"
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
