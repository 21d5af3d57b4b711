"""From rows to what they say: for every arm, whether it acts, whether it helps, and what it costs.

All differences are what is without some rules less what is with them, song by song, seeds averaged first. A metric
that an arm's rules measure themselves is a control: shown, never counted as help. P-values are Holm-corrected over all
arms, metric by metric.
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

SEEN = 0.02
"""Change of a rule's own penalty from which it is said to act: what an excess of a fifth of a scale costs. A guess."""
Word = Literal["helps", "hurts", "no difference that matters", "nothing shown", "not measured"]
Key = tuple[str, int]
"""A song and a seed."""
Pair = tuple[Row, Row]
"""Without some rules, and with them."""


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
    """One arm against the full rules; of an arm that adds rules to a bed, the bed against the arm: always what is
    without them, less what is with them."""

    arm: Arm
    songs: tuple[str, ...]
    """That have a target of what is changed."""
    diverged: int
    """Mixes that are none, of all."""
    acts: Effect | None
    """Of the penalties of the changed rules, before weights; None for arms that change none."""
    costs: Effect | None
    """Of the weighted penalties of all other rules; of all, for a control."""
    metrics: dict[str, Compared]
    by_song: dict[str, dict[str, float]]
    """Of every metric, the difference in each song."""
    rules: dict[str, float]
    """Mean change of every rule's penalty."""
    primary: tuple[str, ...]
    """The metrics that its families are judged by, as far as it has them; those of all families for none."""

    @property
    def does_act(self) -> bool:
        """Whether leaving the rules out raises what they measure."""
        return self.acts is not None and self.acts.mean >= SEEN and self.acts.low > 0.0


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
    full = _done(by_arm.get(FULL, ()))
    known = [arm for arm in arms if arm.id in by_arm and arm.id != FULL]
    pairs = {arm.id: _pairs(arm, by_arm, full) for arm in known}
    differences = {arm.id: _by_metric(pairs[arm.id], study.metric_names) for arm in known}
    compared = _corrected(differences)
    weight = {rule.id: rule.weight for rule in rules.rules}
    limited = {rule.id for rule in rules.rules if has_limits(rule)}
    found = tuple(
        ArmEffects(
            arm,
            songs=tuple(dict.fromkeys(without.song for without, _ in pairs[arm.id])),
            diverged=sum(row.state == "diverged" for row in by_arm[arm.id]),
            metrics=(metrics := _marked(arm, compared[arm.id])),
            by_song=differences[arm.id],
            primary=tuple(name for name in _primary(arm, study) if name not in metrics or not metrics[name].is_control),
            **_penalties(arm, pairs[arm.id], weight, limited),
        )
        for arm in known
    )
    songs = tuple(dict.fromkeys(row.song for row in rows))
    referenced = tuple(song for song in songs if any(row.song == song and _has_reference(row) for row in rows))
    return Effects(found, _shares(study, by_arm, full), _joint(found), songs, referenced)


def _has_reference(row: Row) -> bool:
    return any(METRICS[name].needs.startswith("reference") for name in row.metrics)


def _done(rows: Iterable[Row]) -> dict[Key, Row]:
    return {(row.song, row.seed): row for row in rows if row.state == "done"}


def _pairs(arm: Arm, by_arm: Mapping[str, Sequence[Row]], full: Mapping[Key, Row]) -> list[Pair]:
    """Rows without and with the rules, of the songs that have a target of them."""
    own = {key: row for key, row in _done(by_arm[arm.id]).items() if row.touches}
    other = _done(by_arm.get(arm.bed, ())) if arm.bed else full
    shared = [key for key in own if key in other]
    return [(other[key], own[key]) if arm.bed else (own[key], other[key]) for key in shared]


def _by_metric(pairs: Sequence[Pair], metrics: Sequence[str]) -> dict[str, dict[str, float]]:
    """For every metric, the difference for each song."""
    found = {
        name: mean_by_song({
            (without.song, without.seed): without.metrics[name] - having.metrics[name]
            for without, having in pairs
            if name in without.metrics and name in having.metrics
        })
        for name in metrics
    }  # fmt: skip
    return {name: each for name, each in found.items() if each}


def _corrected(differences: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, Compared]]:
    """Effects by arm and metric, before it is known whose own metric it is."""
    effects = {
        (arm, metric): paired_effect(list(each.values()))
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


def _marked(arm: Arm, compared: Mapping[str, Compared]) -> dict[str, Compared]:
    """With what the arm's rules measure themselves marked; an arm that changes many families tests none of them."""
    leaked = set(arm.families) if len(arm.families) <= 2 else set[str]()
    return {name: each._replace(is_control=bool(METRICS[name].control_for & leaked)) for name, each in compared.items()}


def _primary(arm: Arm, study: Study) -> tuple[str, ...]:
    named = dict.fromkeys(study.primary_of(family) for family in arm.families or PRIMARY)
    return tuple(name for name in named if name is not None)


class _Penalties(TypedDict):
    acts: Effect | None
    costs: Effect | None
    rules: dict[str, float]


def _penalties(arm: Arm, pairs: Sequence[Pair], weight: Mapping[str, float], limited: Set[str]) -> _Penalties:
    """What happens to the penalties of the arm's own rules, of all others, and of each. What asks for nothing but
    restraint has no limit to be beyond, and would drown the others of its family."""
    # placebos change what is asked of all: by the full rules that is no test of whether they act
    changed = set() if arm.kind == "control" else set(arm.changed)
    own_ids = changed & limited or changed
    ids = dict.fromkeys(rule for without, _ in pairs for rule in without.penalty)
    own = _effect(pairs, {rule: 1.0 for rule in ids if rule in own_ids})
    others = _effect(pairs, {rule: weight[rule] for rule in ids if rule not in changed})
    each = {rule: effect.mean for rule in ids if (effect := _effect(pairs, {rule: 1.0}))}
    return {"acts": own, "costs": others, "rules": each}


def _effect(pairs: Sequence[Pair], weight: Mapping[str, float]) -> Effect | None:
    """Of the weighted sum of some penalties; None without songs."""

    def total(row: Row) -> float:
        return float(sum(times * row.penalty.get(rule, 0.0) for rule, times in weight.items()))

    found = {(without.song, without.seed): total(without) - total(having) for without, having in pairs}
    return paired_effect(list(mean_by_song(found).values())) if found and weight else None


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
                    found.append(Share(family, metric, paired_effect(list(mean_by_song(known).values()))))
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


def _joint(arms: Sequence[ArmEffects]) -> tuple[Joint, ...]:
    """Of pairs: what both do beyond the sum of what each does."""
    by_id = {each.arm.id: each.by_song for each in arms}
    found = []
    for each in arms:
        if each.arm.kind != "pair":
            continue
        first, second = each.arm.changed
        alone = [by_id.get(f"without {rule}", {}) for rule in (first, second)]
        for metric, together in each.by_song.items():
            songs = set(together).intersection(*(by_metric.get(metric, {}) for by_metric in alone))
            beyond = [together[s] - sum(by_metric[metric][s] for by_metric in alone) for s in sorted(songs)]
            if beyond:
                found.append(Joint((first, second), metric, paired_effect(beyond)))
    return tuple(found)
