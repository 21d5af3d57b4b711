"""The arms of a study: what each changes of the rules, or of the way to a mix, and nothing else.

Raises errors for what would look like "no effect": rules that are not there, that are off, that no gradient follows, or
values that are the rule's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from hybrid.errors import InputError, Problem, suggest
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType
from hybrid.study.arm import FULL, Arm, Maker, counts, families_of, family_of
from hybrid.study.controls import CONTROLS
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

BED = "none but the bed"


def arms_of(study: Study, rules: RuleSet, seed: int, song: str = "") -> list[Arm]:
    """The full rules, and every arm that the study names, each once. The same for every seed and song but for placebos,
    which are drawn for each: otherwise all songs would test one draw.

    Raises InputError with every entry that cannot be.
    """
    maker = Maker(study, rules, (seed, int.from_bytes(hashlib.sha256(song.encode()).digest()[:4], "big")))
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


def _made(maker: Maker, entry: Entry) -> Iterator[Arm]:
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
            yield CONTROLS[control](maker)


def _added(maker: Maker, entry: AddOneIn) -> Iterator[Arm]:
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


def _swept(maker: Maker, entry: Sweep) -> Iterator[Arm]:
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
        sets = [*maker.study.sets, f"{rule.id}.target={target}"]
        said = load_rules([str(path) for path in maker.study.rules], sets, maker.rules.types)
        new = next(each for each in said.rules if each.id == rule.id)
        if new.target == rule.target:
            raise InputError(Problem("target", f"changes nothing: {target} is what {rule.id} asks for"))
        else:
            changed = _with(rule.id, "target", new.target)
            yield maker.arm(f"{rule.id} target {target}", "sweep", maker.changed(changed))


def _with(rule_id: str, key: str, value: object) -> Callable[[RuleType], RuleType]:
    return lambda rule: rule.model_copy(update={key: value}) if rule.id == rule_id else rule


def _coalitions(maker: Maker, entry: Shapley) -> Iterator[Arm]:
    """Every set of families but the whole; rules of other families are always there."""
    families = _families(maker, "shapley", entry.shapley)
    for size in range(len(families)):
        for kept in combinations(families, size):
            left_out = [family for family in families if family not in kept]
            name = f"set {' + '.join(kept) or 'none'} of {' + '.join(families)}"
            yield maker.arm(name, "set", maker.without(_ids(maker, left_out)))


def _rules(maker: Maker, key: str, names: Names) -> list[RuleType]:
    """The rules of these ids. Raises InputError for each that is not there or whose absence would change nothing."""
    if names == "all":
        return [rule for rule in maker.rules.rules if counts(rule)]
    by_id = {rule.id: rule for rule in maker.rules.rules}
    problems = []
    for name in names:
        if name not in by_id:
            problems.append(Problem(key, f"no rule {name!r}{suggest(name, by_id)}"))
        elif not counts(by_id[name]):
            rule = by_id[name]
            why = "is off" if not rule.enabled or not rule.weight else "moves no track"
            problems.append(Problem(key, f"{name} {why}: an arm without it would change nothing"))
    if problems:
        raise InputError(*problems)
    return [by_id[name] for name in names]


def _families(maker: Maker, key: str, names: Names) -> tuple[str, ...]:
    known = families_of(maker.rules)
    if names == "all":
        return known
    if unknown := [name for name in names if name not in known]:
        what = f"no family {unknown[0]!r} with a rule that is on{suggest(unknown[0], known)}"
        raise InputError(Problem(key, what, f"known families: {', '.join(known)}"))
    return tuple(names)


def _ids(maker: Maker, families: Sequence[str]) -> list[str]:
    return [rule.id for rule in maker.rules.rules if family_of(rule) in families]


def _check_distinct(maker: Maker, arms: Sequence[Arm]) -> None:
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
