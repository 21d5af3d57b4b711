"""The effects of every arm, from the rows of a study: on its own penalties, on independent metrics, on other penalties.

All differences are the value without some rules minus the value with them, song by song, after averaging over seeds. A
metric that an arm's rules measure themselves is a control: it is shown, and is no evidence that they help. P-values are
Holm-corrected over all arms, metric by metric.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import combinations
from math import factorial
from typing import Literal, NamedTuple, TypedDict

from hybrid.judging.statistics import CONFIDENCE, Effect, holm, is_equivalent, mean_by_song, paired_effect
from hybrid.judging.table import METRICS, PRIMARY
from hybrid.knowledge.findings import has_limits
from hybrid.knowledge.ruleset import RuleSet
from hybrid.study.arm import FULL, Arm
from hybrid.study.rows import Row
from hybrid.study.schema import Shapley, Study

MIN_PENALTY_CHANGE = 0.02
"""Smallest change of a rule's own penalty at which it counts as acting: the penalty of a fifth of a scale. A guess."""
Conclusion = Literal["helps", "hurts", "better", "worse", "no difference that matters", "nothing shown", "not measured"]
_ALTERNATIVES = ("free", "sweep")
"""Kinds of arms that have other rules or options, neither more nor fewer: none of them helps, but one may be better."""
Key = tuple[str, int]
"""A song and a seed."""
RowPair = tuple[Row, Row]
"""The row without some rules, and the row with them."""


class MetricEffect(NamedTuple):
    """The effect of one arm on one metric."""

    effect: Effect
    p: float
    """P-value of the permutation test, Holm-corrected over the arms of the study."""
    is_control: bool
    """Whether the arm's rules measure this metric themselves."""
    is_equivalent: bool
    """Whether two one-sided tests put it within the metric's margin."""
    is_alternative: bool = False
    """Whether the arm has other rules than all rules, neither more nor fewer."""

    def conclusion(self, metric: str) -> Conclusion:
        """Whether the rules that the arm lacks help or hurt by the metric; of an alternative, whether it is better or
        worse than all rules."""
        if self.is_equivalent:
            return "no difference that matters"
        if self.p >= 1.0 - CONFIDENCE:
            return "nothing shown"
        arm_is_worse = (self.effect.mean > 0.0) is (METRICS[metric].better == "lower")
        if self.is_alternative:
            return "worse" if arm_is_worse else "better"
        return "helps" if arm_is_worse else "hurts"


class ArmEffects(NamedTuple):
    """The effects of one arm: the arm minus the full rules or, where the arm adds rules to a baseline, the baseline
    minus the arm. Either way it is the value without the rules minus the value with them."""

    arm: Arm
    songs: tuple[str, ...]
    """Songs in which a changed rule has a target."""
    diverged: int
    """Number of mixes that diverged."""
    acts: Effect | None
    """Effect on the unweighted penalties of the changed rules; None for arms that change none."""
    costs: Effect | None
    """Effect on the weighted penalties of all other rules, or of all rules for a control."""
    metrics: dict[str, MetricEffect]
    by_song: dict[str, dict[str, float]]
    """Difference by metric and song."""
    rules: dict[str, float]
    """Mean change of the unweighted penalty of every rule."""
    primary: tuple[str, ...]
    """Primary metrics of the changed families that are no controls; those of all families if none is changed."""

    @property
    def does_act(self) -> bool:
        """Whether the changed rules' own penalties rise significantly without them, by at least the smallest change."""
        return self.acts is not None and self.acts.mean >= MIN_PENALTY_CHANGE and self.acts.low > 0.0


class Share(NamedTuple):
    """The Shapley value of a family for a metric: its mean contribution over all orders of the families (Shapley
    1953)."""

    family: str
    metric: str
    effect: Effect


class Joint(NamedTuple):
    """The interaction of two rules: the effect of leaving out both minus the sum of the effects of leaving out each."""

    rules: tuple[str, str]
    metric: str
    effect: Effect


class Effects(NamedTuple):
    """The results of a study."""

    arms: tuple[ArmEffects, ...]
    shares: tuple[Share, ...]
    joint: tuple[Joint, ...]
    songs: tuple[str, ...]
    referenced: tuple[str, ...]
    """Songs that have a reference mix."""


TOTAL = "rules"
"""The weighted penalties of all rules: a control for every arm, shown with the metrics."""


def effects_of(rows: Sequence[Row], arms: Sequence[Arm], study: Study, rules: RuleSet) -> Effects:
    """The effects of all arms, from the rows of a study. Arms and songs without rows are left out."""
    by_arm: dict[str, list[Row]] = {}
    for row in rows:
        by_arm.setdefault(row.arm, []).append(row)
    full = _done(by_arm.get(FULL, ()))
    known = [arm for arm in arms if arm.id in by_arm and arm.id != FULL]
    pairs = {arm.id: _pairs(arm, by_arm, full) for arm in known}
    differences = {arm.id: _differences(pairs[arm.id], study.metric_names) for arm in known}
    compared = _metric_effects(differences)
    weight = {rule.id: rule.weight for rule in rules.rules}
    with_limits = {rule.id for rule in rules.rules if has_limits(rule)}
    arm_effects = tuple(
        ArmEffects(
            arm,
            songs=tuple(dict.fromkeys(without.song for without, _ in pairs[arm.id])),
            diverged=sum(row.state == "diverged" for row in by_arm[arm.id]),
            metrics=(metrics := _mark_controls(arm, compared[arm.id])),
            by_song=differences[arm.id],
            primary=tuple(name for name in _primary(arm, study) if name not in metrics or not metrics[name].is_control),
            **_penalties(arm, pairs[arm.id], weight, with_limits),
        )
        for arm in known
    )
    songs = tuple(dict.fromkeys(row.song for row in rows))
    referenced = tuple(song for song in songs if any(row.song == song and _has_reference(row) for row in rows))
    return Effects(arm_effects, _shares(study, by_arm, full), _joint(arm_effects), songs, referenced)


def _has_reference(row: Row) -> bool:
    return any(METRICS[name].needs.startswith("reference") for name in row.metrics)


def _done(rows: Iterable[Row]) -> dict[Key, Row]:
    return {(row.song, row.seed): row for row in rows if row.state == "done"}


def _pairs(arm: Arm, by_arm: Mapping[str, Sequence[Row]], full: Mapping[Key, Row]) -> list[RowPair]:
    """Rows without and with the rules, for the songs in which a changed rule has a target."""
    # without a target the arm equals the full one: its zero difference would dilute the effect
    own = {key: row for key, row in _done(by_arm[arm.id]).items() if row.touches}
    other = _done(by_arm.get(arm.baseline, ())) if arm.baseline else full
    shared = [key for key in own if key in other]
    return [(other[key], own[key]) if arm.baseline else (own[key], other[key]) for key in shared]


def _differences(pairs: Sequence[RowPair], metrics: Sequence[str]) -> dict[str, dict[str, float]]:
    """The difference of every metric in each song, seeds averaged."""
    by_name = {
        name: mean_by_song({
            (without.song, without.seed): without.metrics[name] - having.metrics[name]
            for without, having in pairs
            if name in without.metrics and name in having.metrics
        })
        for name in metrics
    }  # fmt: skip
    return {name: each for name, each in by_name.items() if each}


def _metric_effects(differences: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, MetricEffect]]:
    """Corrected effects by arm and metric; controls are marked later."""
    effects = {
        (arm, metric): paired_effect(list(each.values()))
        for arm, by_metric in differences.items()
        for metric, each in by_metric.items()
    }
    by_arm: dict[str, dict[str, MetricEffect]] = {arm: {} for arm in differences}
    # one family of tests per metric, over all arms
    for metric in METRICS:
        keys = [key for key in effects if key[1] == metric]
        for (arm, _), p in zip(keys, holm([effects[key].p for key in keys]), strict=True):
            equal = is_equivalent(list(differences[arm][metric].values()), METRICS[metric].margin)
            by_arm[arm][metric] = MetricEffect(effects[arm, metric], p, False, equal)
    return by_arm


def _mark_controls(arm: Arm, compared: Mapping[str, MetricEffect]) -> dict[str, MetricEffect]:
    """The effects of an arm, with metrics that its rules measure themselves marked as controls; none if it changes more
    than two families, of which it tests none by itself."""
    # rules optimise what they measure: a gain there is no evidence that the mix is better
    leaked = set(arm.families) if len(arm.families) <= 2 else set[str]()
    is_alternative = arm.kind in _ALTERNATIVES
    return {
        name: each._replace(is_control=bool(METRICS[name].control_for & leaked), is_alternative=is_alternative)
        for name, each in compared.items()
    }


def _primary(arm: Arm, study: Study) -> tuple[str, ...]:
    named = dict.fromkeys(study.primary_of(family) for family in arm.families or PRIMARY)
    return tuple(name for name in named if name is not None)


class _Penalties(TypedDict):
    acts: Effect | None
    costs: Effect | None
    rules: dict[str, float]


def _penalties(arm: Arm, pairs: Sequence[RowPair], weight: Mapping[str, float], with_limits: Set[str]) -> _Penalties:
    """Effects on the penalties of the arm's own rules, of all others, and of each. Rules without limits penalise every
    change of the mix, and would outweigh the others of their family: they count only where there are no others."""
    # a placebo changes the limits of all rules: penalties by the full rules do not show whether it acts
    changed = set() if arm.kind == "control" else set(arm.changed)
    own_ids = changed & with_limits or changed
    ids = dict.fromkeys(rule for without, _ in pairs for rule in without.penalty)
    own = _effect(pairs, {rule: 1.0 for rule in ids if rule in own_ids})
    others = _effect(pairs, {rule: weight[rule] for rule in ids if rule not in changed})
    each = {rule: effect.mean for rule in ids if (effect := _effect(pairs, {rule: 1.0}))}
    return {"acts": own, "costs": others, "rules": each}


def _effect(pairs: Sequence[RowPair], weight: Mapping[str, float]) -> Effect | None:
    """Effect on the weighted sum of some penalties; None without songs or penalties."""

    def total(row: Row) -> float:
        return float(sum(times * row.penalty.get(rule, 0.0) for rule, times in weight.items()))

    differences = {(without.song, without.seed): total(without) - total(having) for without, having in pairs}
    return paired_effect(list(mean_by_song(differences).values())) if differences and weight else None


def _shares(study: Study, by_arm: Mapping[str, Sequence[Row]], full: Mapping[Key, Row]) -> tuple[Share, ...]:
    """Shapley values of families, song by song, for every metric and for the penalties of all rules."""
    shapley_values = []
    for entry in study.arms:
        if not isinstance(entry, Shapley):
            continue
        families = entry.shapley
        names = {
            included: f"set {' + '.join(included) or 'none'} of {' + '.join(families)}"
            for size in range(len(families))
            for included in combinations(families, size)
        }
        rows: dict[tuple[str, ...], Mapping[Key, Row]] = {
            included: _done(by_arm.get(name, ())) for included, name in names.items()
        }
        # the set of all families is the full arm
        rows[families] = full
        # a Shapley value needs all subsets of a song: songs with a diverged mix are left out
        keys = set(full).intersection(*rows.values())
        for metric in (*study.metric_names, TOTAL):
            for family in families:
                shares = {key: _shapley(family, families, _values(rows, key, metric)) for key in keys}
                known = {key: share for key, share in shares.items() if share is not None}
                if known:
                    shapley_values.append(Share(family, metric, paired_effect(list(mean_by_song(known).values()))))
    return tuple(shapley_values)


def _values(
    rows: Mapping[tuple[str, ...], Mapping[Key, Row]], key: Key, metric: str
) -> dict[tuple[str, ...], float | None]:
    """The value of a metric in one song, by the families that are included."""
    in_song = {included: each[key] for included, each in rows.items()}
    return {included: row.total if metric == TOTAL else row.metrics.get(metric) for included, row in in_song.items()}


def _shapley(family: str, families: tuple[str, ...], value: Mapping[tuple[str, ...], float | None]) -> float | None:
    """The mean contribution of a family over all orders; None if a value is missing."""
    n, total = len(families), 0.0
    others = [each for each in families if each != family]
    for size in range(n):
        # the share of orders in which exactly `size` other families come first
        share = factorial(size) * factorial(n - size - 1) / factorial(n)
        for included in combinations(others, size):
            without = value[included]
            with_it = value[tuple(each for each in families if each in included or each == family)]
            if without is None or with_it is None:
                return None
            total += share * (with_it - without)
    return total


def _joint(arms: Sequence[ArmEffects]) -> tuple[Joint, ...]:
    """The interaction of every pair, for each metric."""
    by_id = {each.arm.id: each.by_song for each in arms}
    interactions = []
    for each in arms:
        if each.arm.kind != "pair":
            continue
        first, second = each.arm.changed
        alone = [by_id.get(f"without {rule}", {}) for rule in (first, second)]
        for metric, together in each.by_song.items():
            # only songs in which all three arms were measured
            songs = set(together).intersection(*(by_metric.get(metric, {}) for by_metric in alone))
            # zero if the two effects are additive
            beyond = [together[s] - sum(by_metric[metric][s] for by_metric in alone) for s in sorted(songs)]
            if beyond:
                interactions.append(Joint((first, second), metric, paired_effect(beyond)))
    return tuple(interactions)
