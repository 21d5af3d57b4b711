"""The arms of a study: each changes the rules, or one option of mixing, and nothing else.

An arm that would change nothing is an error, since it would look like "no effect": rules that do not exist, that are
off, that are not optimised, or values that equal the rule's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from hybrid.errors import InputError, Problem, suggest
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType
from hybrid.study.arm import FULL, Arm, ArmBuilder, families_of, family_of, is_ablatable
from hybrid.study.controls import CONTROLS
from hybrid.study.schema import (
    AddOneIn,
    ArmEntry,
    LeaveFamilyOut,
    LeaveOneOut,
    Names,
    Pairs,
    Shapley,
    Study,
    Sweep,
)

BASELINE = "baseline alone"


def arms_of(study: Study, rules: RuleSet, seed: int, song: str = "") -> list[Arm]:
    """The arm of the full rules, then every arm that the study names, each once. Only placebos depend on seed and song:
    they are drawn for each, since otherwise all songs would test the same draw.

    Raises InputError with the problems of all entries.
    """
    # the song's hash, not its index: placebos stay the same when songs are added
    builder = ArmBuilder(study, rules, (seed, int.from_bytes(hashlib.sha256(song.encode()).digest()[:4], "big")))
    arms = [builder.arm(FULL, "full", rules)]
    problems: list[Problem] = []
    for index, entry in enumerate(study.arms):
        try:
            arms += list(_arms_of_entry(builder, entry))
        except InputError as error:
            problems += [problem._replace(where=f"arms[{index}].{problem.where}") for problem in error.problems]
    if problems:
        raise InputError(*problems)
    by_id: dict[str, Arm] = {}
    for arm in arms:
        if by_id.setdefault(arm.id, arm).changed != arm.changed:
            raise InputError(Problem("arms", f"two arms have the id {arm.id!r}: a rule has the name of a family"))
    if unknown := [name for name in study.listen if name not in by_id]:
        what = f"no arm is called {unknown[0]!r}{suggest(unknown[0], by_id)}"
        raise InputError(Problem("listen", what, f"the arms: {', '.join(by_id)}"))
    _check_distinct(builder, list(by_id.values()))
    return list(by_id.values())


def _arms_of_entry(builder: ArmBuilder, entry: ArmEntry) -> Iterator[Arm]:
    if isinstance(entry, LeaveOneOut):
        for rule in _rules(builder, "leave_one_out", entry.leave_one_out):
            yield builder.arm(f"without {rule.id}", "without", builder.without([rule.id]))
    elif isinstance(entry, LeaveFamilyOut):
        for family in _families(builder, "leave_family_out", entry.leave_family_out):
            yield builder.arm(f"without {family}", "family", builder.without(_ids(builder, [family])))
    elif isinstance(entry, AddOneIn):
        yield from _additions(builder, entry)
    elif isinstance(entry, Sweep):
        yield from _sweep(builder, entry)
    elif isinstance(entry, Pairs):
        for pair in entry.pairs:
            rules = _rules(builder, "pairs", pair)
            for rule in rules:
                yield builder.arm(f"without {rule.id}", "without", builder.without([rule.id]))
            yield builder.arm(f"without {rules[0].id} and {rules[1].id}", "pair", builder.without(r.id for r in rules))
    elif isinstance(entry, Shapley):
        yield from _coalitions(builder, entry)
    else:
        for control in entry.controls:
            yield CONTROLS[control](builder)


def _additions(builder: ArmBuilder, entry: AddOneIn) -> Iterator[Arm]:
    """The baseline alone, then with each of the other rules added."""
    known = {rule.id for rule in builder.rules.rules} | {rule.type for rule in builder.rules.rules}
    if unknown := [name for name in entry.to if name not in known]:
        what = f"no rule and no type {unknown[0]!r}{suggest(unknown[0], known)}"
        raise InputError(Problem("to", what))
    baseline = [r.id for r in builder.rules.rules if r.kind == "require" or r.id in entry.to or r.type in entry.to]
    others = [rule.id for rule in builder.rules.rules if rule.id not in baseline]
    yield builder.arm(BASELINE, "baseline", builder.without(others))
    for rule in _rules(builder, "add_one_in", entry.add_one_in):
        if rule.id not in baseline:
            rules = builder.without(each for each in others if each != rule.id)
            yield builder.arm(f"with {rule.id}", "with", rules, [rule.id])._replace(baseline=BASELINE)


def _sweep(builder: ArmBuilder, entry: Sweep) -> Iterator[Arm]:
    (rule,) = _rules(builder, "sweep", (entry.sweep,))
    if set(entry.weight) == {1.0}:
        raise InputError(Problem("weight", "changes nothing: the only weight is the rule's own"))
    for times in entry.weight:
        if times != 1.0:
            weight = rule.weight * times
            changed = _with(rule.id, "weight", weight) if weight else _with(rule.id, "enabled", False)
            yield builder.arm(f"{rule.id} weight ×{times:.10g}", "sweep", builder.with_changed(changed))
    for target in entry.target:
        if rule.target is None:
            raise InputError(Problem("target", f"{rule.id} has no target but a range"))
        # parsed by the loader of rule files, so that the unit is checked
        study = builder.study
        sets = [*study.sets, f"{rule.id}.target={target}"]
        reread = load_rules([str(path) for path in study.rules], sets, builder.rules.types)
        new = next(each for each in reread.rules if each.id == rule.id)
        if new.target == rule.target:
            raise InputError(Problem("target", f"changes nothing: {target} is the target of {rule.id} already"))
        else:
            changed = _with(rule.id, "target", new.target)
            yield builder.arm(f"{rule.id} target {target}", "sweep", builder.with_changed(changed))


def _with(rule_id: str, key: str, value: object) -> Callable[[RuleType], RuleType]:
    return lambda rule: rule.model_copy(update={key: value}) if rule.id == rule_id else rule


def _coalitions(builder: ArmBuilder, entry: Shapley) -> Iterator[Arm]:
    """An arm for every proper subset of the families; rules of all other families stay."""
    families = _families(builder, "shapley", entry.shapley)
    for size in range(len(families)):
        for included in combinations(families, size):
            left_out = [family for family in families if family not in included]
            name = f"set {' + '.join(included) or 'none'} of {' + '.join(families)}"
            yield builder.arm(name, "set", builder.without(_ids(builder, left_out)))


def _rules(builder: ArmBuilder, key: str, names: Names) -> list[RuleType]:
    """The rules of these ids. Raises InputError for each that does not exist or whose absence would change nothing."""
    if names == "all":
        return [rule for rule in builder.rules.rules if is_ablatable(rule)]
    by_id = {rule.id: rule for rule in builder.rules.rules}
    problems = []
    for name in names:
        if name not in by_id:
            problems.append(Problem(key, f"no rule {name!r}{suggest(name, by_id)}"))
        elif not is_ablatable(by_id[name]):
            rule = by_id[name]
            why = "is off" if not rule.enabled or not rule.weight else "moves no track"
            problems.append(Problem(key, f"{name} {why}: an arm without it would change nothing"))
    if problems:
        raise InputError(*problems)
    return [by_id[name] for name in names]


def _families(builder: ArmBuilder, key: str, names: Names) -> tuple[str, ...]:
    known = families_of(builder.rules)
    if names == "all":
        return known
    if unknown := [name for name in names if name not in known]:
        what = f"no family {unknown[0]!r} with a rule that is on{suggest(unknown[0], known)}"
        raise InputError(Problem(key, what, f"known families: {', '.join(known)}"))
    return tuple(names)


def _ids(builder: ArmBuilder, families: Sequence[str]) -> list[str]:
    return [rule.id for rule in builder.rules.rules if family_of(rule) in families]


def _check_distinct(builder: ArmBuilder, arms: Sequence[Arm]) -> None:
    """Raises InputError for every arm that equals the full one."""
    # without a network, an arm that does not use it is the full arm
    network = builder.study.model != "none"
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
        raise InputError(*(Problem(name, f"changes nothing: it would equal {FULL!r}") for name in same))
