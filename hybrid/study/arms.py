"""The arms of a study: what each changes of the rules, or of the way to a mix, and nothing else.

Raises errors for what would look like "no effect": rules that are not there, that are off, that no gradient follows, or
values that are the rule's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from hybrid.errors import InputError, Problem, suggest
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RoleBudget, RuleType
from hybrid.study.schema import (
    AddOneIn,
    Entry,
    LeaveFamilyOut,
    LeaveOneOut,
    Names,
    Pairs,
    Shapley,
    Study,
    Sweep,
)

FULL, BED = "all rules", "none but the bed"
_DRAWS = 200
FURTHEST = 4.0
"""Random targets lie within so many scales of the rule's own. A guess: wide enough to be wrong, and within what a mix
can do."""


class Arm(NamedTuple):
    """One way to mix every song."""

    id: str
    kind: str
    """full, without, family, with, sweep, pair, set or control."""
    changed: tuple[str, ...]
    """Rules that are another than in the full set."""
    families: tuple[str, ...]
    """Whose rules these are."""
    rules: RuleSet
    n_steps: int
    uses_network: bool = True
    is_raw: bool = False
    """Nothing is done to the tracks."""
    bed: str = ""
    """Of an arm that adds rules: the arm that it adds them to. All other arms are compared with the full rules."""


def family_of(rule: RuleType) -> str:
    """The family of a rule: the kind of thing that its type measures."""
    return type(rule).__module__.rpartition(".")[2]


def families_of(rules: RuleSet) -> tuple[str, ...]:
    """Families of the rules that can be left out, in the order of the rules."""
    return tuple(dict.fromkeys(family_of(rule) for rule in rules.rules if _counts(rule)))


def _counts(rule: RuleType) -> bool:
    """Whether leaving the rule out can change a mix, its output level aside, which is evened out before judging."""
    return rule.enabled and rule.weight > 0.0 and rule.optimised and rule.acts_on != ("master",)


class _Maker(NamedTuple):
    """Everything that arms are made from."""

    study: Study
    rules: RuleSet
    chance: tuple[int, int]
    """What placebos are drawn by: a seed and a song."""

    def arm(self, name: str, kind: str, rules: RuleSet, changed: Iterable[str] | None = None) -> Arm:
        """An arm under these rules; what it changes is found out if it is not said."""
        ids = tuple(changed) if changed is not None else _differing(self.rules, rules)
        families = tuple(dict.fromkeys(family_of(rule) for rule in self.rules.rules if rule.id in ids))
        return Arm(name, kind, ids, families, rules, self.study.steps)

    def without(self, ids: Iterable[str]) -> RuleSet:
        """All rules but these."""
        off = set(ids)
        return self.changed(lambda rule: rule.model_copy(update={"enabled": False}) if rule.id in off else rule)

    def changed(self, change: Callable[[RuleType], RuleType]) -> RuleSet:
        """The rules, each as `change` makes it."""
        return replace(self.rules, rules=tuple(change(rule) for rule in self.rules.rules))


def arms_of(study: Study, rules: RuleSet, seed: int, song: str = "") -> list[Arm]:
    """The full rules, and every arm that the study names, each once. The same for every seed and song but for placebos,
    which are drawn for each: otherwise all songs would test one draw.

    Raises InputError with every entry that cannot be.
    """
    maker = _Maker(study, rules, (seed, int.from_bytes(hashlib.sha256(song.encode()).digest()[:4], "big")))
    arms = [maker.arm(FULL, "full", rules)]
    problems: list[Problem] = []
    for index, entry in enumerate(study.arms):
        try:
            arms += list(_made(maker, entry))
        except InputError as error:
            problems += [problem._replace(where=f"arms[{index}].{problem.where}") for problem in error.problems]
    if problems:
        raise InputError(*problems)
    found: dict[str, Arm] = {}
    for arm in arms:
        if found.setdefault(arm.id, arm).changed != arm.changed:
            raise InputError(Problem("arms", f"two arms would be called {arm.id!r}: a rule has the name of a family"))
    if unknown := [name for name in study.listen if name not in found]:
        what = f"no arm is called {unknown[0]!r}{suggest(unknown[0], found)}"
        raise InputError(Problem("listen", what, f"the arms: {', '.join(found)}"))
    _check_distinct(maker, list(found.values()))
    return list(found.values())


def _made(maker: _Maker, entry: Entry) -> Iterator[Arm]:
    if isinstance(entry, LeaveOneOut):
        for rule in _rules(maker, "leave_one_out", entry.leave_one_out):
            yield maker.arm(f"without {rule.id}", "without", maker.without([rule.id]))
    elif isinstance(entry, LeaveFamilyOut):
        for family in _families(maker, "leave_family_out", entry.leave_family_out):
            yield maker.arm(f"without {family}", "family", maker.without(_ids(maker, [family])))
    elif isinstance(entry, AddOneIn):
        yield from _added(maker, entry)
    elif isinstance(entry, Sweep):
        yield from _swept(maker, entry)
    elif isinstance(entry, Pairs):
        for pair in entry.pairs:
            rules = _rules(maker, "pairs", pair)
            for rule in rules:
                yield maker.arm(f"without {rule.id}", "without", maker.without([rule.id]))
            yield maker.arm(f"without {rules[0].id} and {rules[1].id}", "pair", maker.without(r.id for r in rules))
    elif isinstance(entry, Shapley):
        yield from _coalitions(maker, entry)
    else:
        for control in entry.controls:
            yield _CONTROLS[control](maker)


def _added(maker: _Maker, entry: AddOneIn) -> Iterator[Arm]:
    """The rules that are in every such arm alone, and each of the others with them."""
    known = {rule.id for rule in maker.rules.rules} | {rule.type for rule in maker.rules.rules}
    if unknown := [name for name in entry.to if name not in known]:
        what = f"no rule and no type {unknown[0]!r}{suggest(unknown[0], known)}"
        raise InputError(Problem("to", what))
    bed = [r.id for r in maker.rules.rules if r.kind == "require" or r.id in entry.to or r.type in entry.to]
    others = [rule.id for rule in maker.rules.rules if rule.id not in bed]
    yield maker.arm(BED, "bed", maker.without(others))
    for rule in _rules(maker, "add_one_in", entry.add_one_in):
        if rule.id not in bed:
            rules = maker.without(each for each in others if each != rule.id)
            yield maker.arm(f"with {rule.id}", "with", rules, [rule.id])._replace(bed=BED)


def _swept(maker: _Maker, entry: Sweep) -> Iterator[Arm]:
    (rule,) = _rules(maker, "sweep", (entry.sweep,))
    if set(entry.weight) == {1.0}:
        raise InputError(Problem("weight", "changes nothing: the only weight is the rule's own"))
    for times in entry.weight:
        if times != 1.0:
            weight = rule.weight * times
            changed = _with(rule.id, "weight", weight) if weight else _with(rule.id, "enabled", False)
            yield maker.arm(f"{rule.id} weight ×{times:.10g}", "sweep", maker.changed(changed))
    for target in entry.target:
        if rule.target is None:
            raise InputError(Problem("target", f"{rule.id} has no target: it asks for a range"))
        # read as a rule file would be, unit and all
        said = load_rules([str(path) for path in maker.study.rules], [*maker.study.sets, f"{rule.id}.target={target}"])
        new = next(each for each in said.rules if each.id == rule.id)
        if new.target == rule.target:
            raise InputError(Problem("target", f"changes nothing: {target} is what {rule.id} asks for"))
        else:
            changed = _with(rule.id, "target", new.target)
            yield maker.arm(f"{rule.id} target {target}", "sweep", maker.changed(changed))


def _with(rule_id: str, key: str, value: object) -> Callable[[RuleType], RuleType]:
    return lambda rule: rule.model_copy(update={key: value}) if rule.id == rule_id else rule


def _coalitions(maker: _Maker, entry: Shapley) -> Iterator[Arm]:
    """Every set of families but the whole; rules of other families are always there."""
    families = _families(maker, "shapley", entry.shapley)
    for size in range(len(families)):
        for kept in combinations(families, size):
            left_out = [family for family in families if family not in kept]
            name = f"set {' + '.join(kept) or 'none'} of {' + '.join(families)}"
            yield maker.arm(name, "set", maker.without(_ids(maker, left_out)))


def _permuted(maker: _Maker) -> Arm:
    """Weights change places among the rules that are preferred. Many weights are equal: of some hundred draws the one
    is taken in which fewest rules keep what they had."""
    ids = [rule.id for rule in maker.rules.rules if _counts(rule) and rule.kind == "prefer"]
    weights = {rule.id: rule.weight for rule in maker.rules.rules}
    rng = np.random.default_rng([*maker.chance, 1])
    own = np.array([weights[name] for name in ids])
    drawn = min((rng.permutation(own) for _ in range(_DRAWS)), key=lambda new: int(np.sum(new == own)))
    given = dict(zip(ids, drawn.tolist(), strict=True))
    rules = maker.changed(lambda rule: rule.model_copy(update={"weight": given.get(rule.id, rule.weight)}))
    return maker.arm("permuted weights", "control", rules)


def _random(maker: _Maker) -> Arm:
    """What preferred rules ask is moved, each number by its own chance, up to four scales up or down; not the widths of
    single bands, which are part of the compiled program."""
    rng = np.random.default_rng([*maker.chance, 2])

    def moved(rule: RuleType) -> RuleType:
        def draw() -> float:
            return float(rng.uniform(-FURTHEST, FURTHEST)) * rule.scale

        shift = draw()
        if not _counts(rule) or rule.kind != "prefer":
            return rule
        ends: dict[str, object] = {
            name: value + shift
            for name in ("target", "min", "max")
            if isinstance(value := getattr(rule, name), float | int)
        }
        if rule.range is not None:
            ends["range"] = (rule.range[0] + shift, rule.range[1] + shift)
        if isinstance(rule, RoleBudget):
            ends["targets"] = {
                role: share.model_copy(update={"target": share.target + draw()}) for role, share in rule.targets.items()
            }
        return rule.model_copy(update=ends)

    return maker.arm("random targets", "control", maker.changed(moved))


def _nothing(maker: _Maker) -> RuleSet:
    """What is required alone."""
    return maker.without(rule.id for rule in maker.rules.rules if rule.kind != "require")


def _way(maker: _Maker, name: str) -> Arm:
    """An arm under all rules that goes another way."""
    return maker.arm(name, "control", maker.rules, ())


_CONTROLS: dict[str, Callable[[_Maker], Arm]] = {
    "raw": lambda maker: _way(maker, "raw sum")._replace(n_steps=0, is_raw=True),
    "no_rules": lambda maker: maker.arm("no rules", "control", _nothing(maker)),
    "permuted_weights": _permuted,
    "random_targets": _random,
    "network_only": lambda maker: _way(maker, "network only")._replace(n_steps=0),
    "rules_only": lambda maker: _way(maker, "rules only")._replace(uses_network=False),
    "start_only": lambda maker: _way(maker, "usual levels only")._replace(n_steps=0, uses_network=False),
}


def _rules(maker: _Maker, key: str, names: Names) -> list[RuleType]:
    """The rules of these ids. Raises InputError for each that is not there or whose absence would change nothing."""
    if names == "all":
        return [rule for rule in maker.rules.rules if _counts(rule)]
    by_id = {rule.id: rule for rule in maker.rules.rules}
    problems = []
    for name in names:
        if name not in by_id:
            problems.append(Problem(key, f"no rule {name!r}{suggest(name, by_id)}"))
        elif not _counts(by_id[name]):
            rule = by_id[name]
            why = "is off" if not rule.enabled or not rule.weight else "moves no track"
            problems.append(Problem(key, f"{name} {why}: an arm without it would change nothing"))
    if problems:
        raise InputError(*problems)
    return [by_id[name] for name in names]


def _families(maker: _Maker, key: str, names: Names) -> tuple[str, ...]:
    known = families_of(maker.rules)
    if names == "all":
        return known
    if unknown := [name for name in names if name not in known]:
        what = f"no family {unknown[0]!r} with a rule that is on{suggest(unknown[0], known)}"
        raise InputError(Problem(key, what, f"known families: {', '.join(known)}"))
    return tuple(names)


def _ids(maker: _Maker, families: Sequence[str]) -> list[str]:
    return [rule.id for rule in maker.rules.rules if family_of(rule) in families]


def _differing(rules: RuleSet, others: RuleSet) -> tuple[str, ...]:
    return tuple(a.id for a, b in zip(rules.rules, others.rules, strict=True) if a != b)


def _check_distinct(maker: _Maker, arms: Sequence[Arm]) -> None:
    """Raises InputError for an arm that is the full one by another name."""
    network = maker.study.model != "none"
    full = arms[0]
    same = [
        arm.id
        for arm in arms[1:]
        if arm.rules.rules == full.rules.rules
        and arm.n_steps == full.n_steps
        and not arm.is_raw
        and (arm.uses_network or not network) == (full.uses_network or not network)
    ]
    if same:
        raise InputError(*(Problem(name, f"changes nothing: it would be {FULL!r} by another name") for name in same))
