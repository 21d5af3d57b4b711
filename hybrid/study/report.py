"""The report of a study: for every arm, does it act, does it help, what does it cost; one self-contained page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from hybrid.judging.statistics import Effect
from hybrid.judging.table import METRICS
from hybrid.pages.document import LargeNumber, document
from hybrid.pages.plot import Axis, axis_around
from hybrid.pages.words import count
from hybrid.study.effects import TOTAL, ArmEffects, Effects, MetricEffect, Share
from hybrid.study.heat import HeatMap, by_metric, by_rule
from hybrid.study.rows import Row, Unit
from hybrid.study.schema import Study
from hybrid.study.tables import effect_text, name_list, power_notes, values_by_arm, values_table
from hybrid.tabular import Row as Cells

_NAMES_LISTED = 20


class MetricVerdict(NamedTuple):
    """Whether an arm's rules help by one metric."""

    metric: str
    word: str
    numbers: str


class ArmRow(NamedTuple):
    """The three numbers of one arm."""

    name: str
    changed: str
    n_songs: int
    acts: Effect | None
    does_act: bool
    verdicts: list[MetricVerdict]
    costs: str


class SongDots(NamedTuple):
    """A metric's change in every song, by arm."""

    metric: str
    axis: Axis
    arms: dict[str, dict[str, float]]


class StudyPage(NamedTuple):
    """Everything on the page."""

    study: Study
    numbers: tuple[LargeNumber, ...]
    acts_axis: Axis
    arms: list[ArmRow]
    values: list[Cells]
    """A row for each arm: the means of metrics that decide, by the head of the column."""
    power: list[str]
    by_metric: HeatMap
    by_rule: HeatMap
    songs: list[SongDots]
    families: list[str]
    shares: dict[str, list[str]]
    """Shapley values of the families, by metric."""
    joint: list[tuple[str, str, str]]
    """Pairs of rules, each with a metric and the effect beyond the sum."""
    left_out: list[str]
    made_with: Mapping[str, str]


def report_html(
    study: Study,
    effects: Effects,
    units: Sequence[Unit],
    excluded: Mapping[str, str],
    made_with: Mapping[str, str],
) -> str:
    """The page; the same for the same rows, byte by byte."""
    rows = [row for unit in units for row in unit.rows]
    families = list(dict.fromkeys(share.family for share in effects.shares))
    page = StudyPage(
        study,
        _numbers(effects, units, rows),
        acts_axis=axis_around([e.mean for each in effects.arms for e in (each.acts, each.costs) if e], most=4),
        arms=list(map(_arm_row, effects.arms)),
        values=values_by_arm(values_table(rows), _deciding(effects)).rows(),
        power=power_notes(effects),
        by_metric=by_metric(effects),
        by_rule=by_rule(effects),
        songs=list(_by_song(effects)),
        families=families,
        shares=_shares(effects.shares, families),
        joint=[(" and ".join(joint.rules), joint.metric, effect_text(joint.effect, 3)) for joint in effects.joint],
        left_out=list(_left_out(effects, rows, excluded, units)),
        made_with=made_with,
    )
    return document("study", page)


def _numbers(effects: Effects, units: Sequence[Unit], rows: Sequence[Row]) -> tuple[LargeNumber, ...]:
    first, later = (sum(unit.compiled[index] for unit in units) for index in (0, 1))
    return (
        LargeNumber("arms", str(len(effects.arms)), "beside all rules"),
        LargeNumber("songs", str(len(effects.songs)), f"{len(effects.referenced)} with a reference mix"),
        LargeNumber("mixes", str(len(rows)), f"{sum(row.state == 'diverged' for row in rows)} diverged"),
        LargeNumber("programs compiled", str(later), f"between arms; {first} for the first of each song"),
    )


def _arm_row(each: ArmEffects) -> ArmRow:
    return ArmRow(
        name=each.arm.id,
        changed=name_list(each.arm.changed, _NAMES_LISTED),
        n_songs=len(each.songs),
        acts=each.acts,
        does_act=each.does_act,
        verdicts=[_verdict(name, each.metrics[name]) for name in each.primary if name in each.metrics],
        costs=effect_text(each.costs, 3),
    )


def _verdict(name: str, compared: MetricEffect) -> MetricVerdict:
    unit = f" {METRICS[name].unit}" if METRICS[name].unit else ""
    numbers = f"{effect_text(compared.effect, 3)}{unit}, p {compared.p:.3f}, {count(compared.effect.songs, 'song')}"
    return MetricVerdict(name, compared.conclusion(name), numbers)


def _deciding(effects: Effects) -> list[str]:
    """The primary metrics of all arms."""
    return list(dict.fromkeys(name for each in effects.arms for name in each.primary))


def _by_song(effects: Effects) -> Iterator[SongDots]:
    """Every metric that decides."""
    for name in _deciding(effects):
        having = [each for each in effects.arms if name in each.primary and name in each.by_song]
        by_arm = {each.arm.id: each.by_song[name] for each in having}
        values = [value for by_song in by_arm.values() for value in by_song.values()]
        if values:
            unit = f" ({METRICS[name].unit})" if METRICS[name].unit else ""
            yield SongDots(f"{name}{unit}", axis_around(values), by_arm)


def _shares(shares: Sequence[Share], families: Sequence[str]) -> dict[str, list[str]]:
    value = {(share.family, share.metric): share.effect for share in shares}
    return {
        "all rules" if metric == TOTAL else metric: [effect_text(value.get((family, metric)), 3) for family in families]
        for metric in dict.fromkeys(share.metric for share in shares)
    }


def _left_out(
    effects: Effects, rows: Sequence[Row], excluded: Mapping[str, str], units: Sequence[Unit]
) -> Iterator[str]:
    """Everything that is not in the numbers, and why."""
    for song, why in excluded.items():
        yield f"{song} could not be mixed: {why}"
    for row in rows:
        if row.state == "diverged":
            yield f"{row.song}, seed {row.seed}, {row.arm} diverged: {row.reason}"
    for each in effects.arms:
        if missed := [song for song in effects.songs if song not in each.songs]:
            yield f"{each.arm.id}: no target, or no mix, in {name_list(missed)}"
    if alone := [song for song in effects.songs if song not in effects.referenced]:
        yield f"metrics that need a reference mix: not for {name_list(alone)}"
    if poor := sorted({unit.rows[0].song for unit in units if unit.explained is not None and unit.explained < 0.5}):
        yield f"less than half of the reference is explained by the tracks: doubtful in {name_list(poor)}"
