"""From rows to what they say: for every arm, whether it acts, whether it helps, and what it costs.

All differences are the arm less the full rules, song by song, seeds averaged first. A metric that an arm's rules
measure themselves is a control: shown, never counted as help. P-values are Holm-corrected over all arms, metric by
metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from math import factorial
from typing import Literal, NamedTuple

from hybrid.judge.statistics import CONFIDENCE, Effect, by_song, effect_of, holm, is_equivalent
from hybrid.judge.table import METRICS, PRIMARY
from hybrid.knowledge.ruleset import RuleSet
from hybrid.study.arms import FULL, Arm
from hybrid.study.rows import Row
from hybrid.study.schema import Shapley, Study

SEEN = 0.02
"""Change of a rule's own penalty from which it is said to act: what an excess of a fifth of a scale costs. A guess."""
Word = Literal["helps", "hurts", "no difference that matters", "nothing shown", "not measured"]
Key = tuple[str, int]
"""A song and a seed."""


class Compared(NamedTuple):
    """One arm by one metric."""

    effect: Effect
    p: float
    """Of the permutation test, Holm-corrected over the arms of the study."""
    is_control: bool
    """The arm's rules measure this themselves."""
    is_equivalent: bool
    """Less than the metric's margin either way."""

    def word(self, metric: str) -> Word:
        """What the full rules do to the metric, against the arm."""
        if self.is_equivalent:
            return "no difference that matters"
        if self.p >= 1.0 - CONFIDENCE:
            return "nothing shown"
        if (self.effect.mean > 0.0) is (METRICS[metric].better == "lower"):
            return "helps"
        return "hurts"


class ArmEffects(NamedTuple):
    """One arm against the full rules."""

    arm: Arm
    songs: tuple[str, ...]
    """That have a target of what is changed."""
    diverged: int
    """Mixes that are none, of all."""
    acts: Effect | None
    """Of the penalties of the changed rules, before weights; None for arms that change none."""
    costs: Effect | None
    """Of the weighted penalties of all other rules."""
    metrics: dict[str, Compared]
    rules: dict[str, float]
    """Mean change of every rule's penalty."""
    primary: tuple[str, ...]
    """The metrics that its families are judged by; those of all families for none."""

    @property
    def does_act(self) -> bool:
        """Whether leaving the rules out raises what they measure."""
        return self.acts is not None and self.acts.mean >= SEEN and self.acts.low > 0.0

    @property
    def verdict(self) -> Word:
        """By the primary metrics: one that helps or hurts decides, else the least certain."""
        words = [self.metrics[name].word(name) for name in self.primary if name in self.metrics]
        order: tuple[Word, ...] = ("hurts", "helps", "nothing shown", "no difference that matters")
        for word in order:
            if word in words:
                return word
        return "not measured"


class Share(NamedTuple):
    """What a family adds to a metric, over all orders in which families may come (Shapley 1953)."""

    family: str
    metric: str
    effect: Effect


class Joint(NamedTuple):
    """How much more, or less, two rules do together than each alone."""

    rules: tuple[str, str]
    metric: str
    effect: Effect


class Effects(NamedTuple):
    """All that a study says."""

    arms: tuple[ArmEffects, ...]
    shares: tuple[Share, ...]
    joint: tuple[Joint, ...]
    songs: tuple[str, ...]
    referenced: tuple[str, ...]
    """Songs with a mix that a person made."""


TOTAL = "rules"
"""The weighted penalties of all rules: a control for every arm, shown beside the metrics."""


def effects_of(rows: Sequence[Row], arms: Sequence[Arm], study: Study, rules: RuleSet) -> Effects:
    """What the rows of a study say of its arms. Arms and songs that nobody mixed are left out."""
    by_arm: dict[str, list[Row]] = {}
    for row in rows:
        by_arm.setdefault(row.arm, []).append(row)
    full = {(row.song, row.seed): row for row in by_arm.get(FULL, ()) if row.state == "done"}
    weight = {rule.id: rule.weight for rule in rules.rules}
    known = [arm for arm in arms if arm.id in by_arm and arm.id != FULL]
    differences = {arm.id: _by_metric(by_arm[arm.id], full, study.metric_names) for arm in known}
    corrected = _corrected(differences)
    found = tuple(
        _arm(arm, by_arm[arm.id], full, weight, differences[arm.id], corrected[arm.id], _primary(arm, study))
        for arm in known
    )
    songs = tuple(dict.fromkeys(row.song for row in rows))
    referenced = tuple(song for song in songs if any(row.song == song and _has_reference(row) for row in rows))
    return Effects(found, _shares(study, by_arm, full), _joint(found, differences), songs, referenced)


def _has_reference(row: Row) -> bool:
    return any(METRICS[name].needs.startswith("reference") for name in row.metrics)


def _by_metric(rows: Iterable[Row], full: Mapping[Key, Row], metrics: Sequence[str]) -> dict[str, dict[str, float]]:
    """For every metric, the difference for each song that the arm touches."""
    pairs = [(row, full[row.song, row.seed]) for row in rows if _counts(row, full)]
    found = {
        name: by_song({
            (row.song, row.seed): row.metrics[name] - base.metrics[name]
            for row, base in pairs
            if name in row.metrics and name in base.metrics
        })
        for name in metrics
    }  # fmt: skip
    return {name: each for name, each in found.items() if each}


def _counts(row: Row, full: Mapping[Key, Row]) -> bool:
    return row.state == "done" and row.touches and (row.song, row.seed) in full


def _corrected(differences: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, Compared]]:
    """Effects by arm and metric, before it is known whose own metric it is."""
    effects = {
        (arm, metric): effect_of(list(each.values()))
        for arm, by_metric in differences.items()
        for metric, each in by_metric.items()
    }
    found: dict[str, dict[str, Compared]] = {arm: {} for arm in differences}
    for metric in METRICS:
        keys = [key for key in effects if key[1] == metric]
        for (arm, _), p in zip(keys, holm([effects[key].p for key in keys]), strict=True):
            equal = is_equivalent(list(differences[arm][metric].values()), METRICS[metric].margin)
            found[arm][metric] = Compared(effects[arm, metric], p, False, equal)
    return found


def _primary(arm: Arm, study: Study) -> tuple[str, ...]:
    return tuple(dict.fromkeys(study.primary_of(family) for family in arm.families or PRIMARY))


def _arm(
    arm: Arm,
    rows: Sequence[Row],
    full: Mapping[Key, Row],
    weight: Mapping[str, float],
    differences: Mapping[str, Mapping[str, float]],
    compared: Mapping[str, Compared],
    primary: tuple[str, ...],
) -> ArmEffects:
    counted = [(row, full[row.song, row.seed]) for row in rows if _counts(row, full)]
    changed = set(arm.changed)
    own = _effect(counted, lambda row: sum(value for rule, value in row.penalty.items() if rule in changed))
    others = _effect(
        counted, lambda row: sum(weight[rule] * value for rule, value in row.penalty.items() if rule not in changed)
    )
    # an arm that changes many families at once is no test of what one of them measures
    leaked = set(arm.families) if len(arm.families) <= 2 else set[str]()
    metrics = {name: each._replace(is_control=bool(METRICS[name].own_of & leaked)) for name, each in compared.items()}
    ids = dict.fromkeys(rule for row, _ in counted for rule in row.penalty)
    moved = {
        rule: effect.mean for rule in ids if (effect := _effect(counted, lambda row, rule=rule: row.penalty.get(rule)))
    }
    return ArmEffects(
        arm,
        tuple(dict.fromkeys(row.song for row, _ in counted)),
        sum(row.state == "diverged" for row in rows),
        own if changed else None,
        others,
        {name: metrics[name] for name in differences if name in metrics},
        moved,
        tuple(name for name in primary if name not in metrics or not metrics[name].is_control),
    )


def _effect(pairs: Sequence[tuple[Row, Row]], value) -> Effect | None:
    """Of a number of each row, where both rows have it."""
    found = {
        (row.song, row.seed): float(value(row)) - float(value(base))
        for row, base in pairs
        if value(row) is not None and value(base) is not None
    }
    return effect_of(list(by_song(found).values())) if found else None


def _shares(study: Study, by_arm: Mapping[str, Sequence[Row]], full: Mapping[Key, Row]) -> tuple[Share, ...]:
    """Shapley values of families, song by song, for every metric and for the penalties of all rules."""
    found = []
    for entry in study.arms:
        if not isinstance(entry, Shapley):
            continue
        families = entry.shapley
        names = {
            kept: f"set {' + '.join(kept) or 'none'} of {' + '.join(families)}"
            for size in range(len(families))
            for kept in combinations(families, size)
        }
        rows: dict[tuple[str, ...], Mapping[Key, Row]] = {
            kept: {(row.song, row.seed): row for row in by_arm.get(name, ()) if row.state == "done"}
            for kept, name in names.items()
        }
        rows[families] = full
        keys = set(full).intersection(*rows.values())
        for metric in (*study.metric_names, TOTAL):
            for family in families:
                shares = {key: _shapley(family, families, _values(rows, key, metric)) for key in keys}
                known = {key: share for key, share in shares.items() if share is not None}
                if known:
                    found.append(Share(family, metric, effect_of(list(by_song(known).values()))))
    return tuple(found)


def _values(
    rows: Mapping[tuple[str, ...], Mapping[Key, Row]], key: Key, metric: str
) -> dict[tuple[str, ...], float | None]:
    """By the families that are there."""
    return {kept: each[key].total if metric == TOTAL else each[key].metrics.get(metric) for kept, each in rows.items()}


def _shapley(family: str, families: tuple[str, ...], value: Mapping[tuple[str, ...], float | None]) -> float | None:
    """The mean of what a family adds over all orders; None where a value is missing."""
    n, total = len(families), 0.0
    others = [each for each in families if each != family]
    for size in range(n):
        share = factorial(size) * factorial(n - size - 1) / factorial(n)
        for kept in combinations(others, size):
            without = value[kept]
            with_it = value[tuple(each for each in families if each in kept or each == family)]
            if without is None or with_it is None:
                return None
            total += share * (with_it - without)
    return total


def _joint(
    arms: Sequence[ArmEffects], differences: Mapping[str, Mapping[str, Mapping[str, float]]]
) -> tuple[Joint, ...]:
    """Of pairs: what both do beyond the sum of what each does."""
    found = []
    for each in arms:
        if each.arm.kind != "pair":
            continue
        first, second = each.arm.changed
        alone = [differences.get(f"without {rule}", {}) for rule in (first, second)]
        for metric, together in differences[each.arm.id].items():
            songs = set(together).intersection(*(by_metric.get(metric, {}) for by_metric in alone))
            beyond = [together[s] - sum(by_metric[metric][s] for by_metric in alone) for s in sorted(songs)]
            if beyond:
                found.append(Joint((first, second), metric, effect_of(beyond)))
    return tuple(found)
