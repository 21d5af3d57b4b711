"""The arms of a study: each changes the rules, or one option of mixing, and nothing else.

An arm that would change nothing is an error, since it would look like "no effect": rules that do not exist, that are
off, that are not optimised, or values that equal the rule's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import combinations

from hybrid.errors import InputError, Problem, suggest
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.rule_types import RuleTypes
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType
from hybrid.study.arm import FULL, Arm, ArmBuilder, families_of, family_of, is_ablatable
from hybrid.study.controls import CONTROLS
from hybrid.study.schema import (
    MOST_COMBINATIONS,
    AddOneIn,
    ArmEntry,
    FreeArm,
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
            problems += [each._replace(where=f"arms[{index}].{each.where}".rstrip(".")) for each in error.problems]
    if problems:
        raise InputError(*problems)
    by_id: dict[str, Arm] = {}
    for arm in arms:
        same_id = by_id.setdefault(arm.id, arm)
        # entries may name an arm twice, such as `pairs` and `leave_one_out`; people name their own once
        is_own = same_id is not arm and "free" in (same_id.kind, arm.kind)
        if is_own or same_id.definition != arm.definition:
            hint = "free arms need names of their own; no rule may have the name of a family"
            raise InputError(Problem("arms", f"two arms have the id {arm.id!r}", hint))
    if unknown := [name for name in study.listen if name not in by_id]:
        what = f"no arm is called {unknown[0]!r}{suggest(unknown[0], by_id)}"
        raise InputError(Problem("listen", what, f"the arms: {', '.join(by_id)}"))
    _check_distinct(builder, list(by_id.values()))
    return list(by_id.values())


def values_as_they_are(study: Study, rules: RuleSet) -> tuple[str, ...]:
    """Values of sweeps that change nothing, since the rules say them already: they have no arm but the full one."""
    builder = ArmBuilder(study, rules, (0, 0))
    sweeps = [entry for entry in study.arms if isinstance(entry, Sweep)]
    return tuple(arm.id for entry in sweeps for arm in _combinations(builder, entry) if not arm.changed)


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
    elif isinstance(entry, FreeArm):
        yield _free(builder, entry)
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
    """An arm for each combination of values but that of the rules as they are."""
    arms = list(_combinations(builder, entry))
    # the rules' own values are the full arm, and values may be equal, such as x2 and x2.0
    changing: list[Arm] = []
    for arm in arms:
        if arm.changed and all(arm.definition != other.definition for other in changing):
            changing.append(arm)
    if not changing:
        given = "; ".join(arm.id for arm in arms)
        raise InputError(Problem("sweep", f"changes nothing: {given} is what the rules say already"))
    yield from changing


def _combinations(builder: ArmBuilder, entry: Sweep) -> Iterator[Arm]:
    by_id = {rule.id: rule for rule in builder.rules.rules}
    for values in entry.combinations:
        sets = [_override(*_rule_and_key(path, by_id), value) for path, value in values.items()]
        name = ", ".join(f"{path} {value}" for path, value in values.items())
        yield builder.arm(name, "sweep", _with_sets(builder, sets))


def _rule_and_key(path: str, by_id: Mapping[str, RuleType]) -> tuple[RuleType, str]:
    """The rule that a dotted path begins with, and its key that follows. Raises InputError for an unknown rule, or one
    that is off or moves no track."""
    name = max((name for name in by_id if path.startswith(f"{name}.")), key=len, default="")
    if not name:
        key = path.rpartition(".")[2]
        known = [f"{name}.{key}" for name in by_id]
        raise InputError(Problem(f"sweep.{path}", f"no rule in {path!r}{suggest(path, known)}"))
    rule, key = by_id[name], path.removeprefix(f"{name}.")
    # a rule that weighs nothing may get a weight here
    if not is_ablatable(rule if rule.weight else rule.model_copy(update={"weight": 1.0})):
        why = "moves no track" if rule.enabled else "is off"
        raise InputError(Problem(f"sweep.{path}", f"{name} {why}: no value of it would change anything"))
    return rule, key


def _override(rule: RuleType, key: str, value: str) -> str:
    """As for `--set`: a multiple of the rule's weight is worked out, and a weight of 0 switches it off."""
    if key == "weight":
        times = value.removeprefix("x")
        try:
            weight = float(times) * (rule.weight if times != value else 1.0)
        except ValueError:
            return f"{rule.id}.weight={value}"
        return f"{rule.id}.weight={weight:.10g}" if weight else f"{rule.id}.enabled=false"
    return f"{rule.id}.{key}={value}"


def _free(builder: ArmBuilder, entry: FreeArm) -> Arm:
    study = builder.study
    files, sets = (study.rules, study.sets) if entry.rules is None else (entry.rules, ())
    if entry.rules is None and not entry.set_:
        rules = builder.rules
    else:
        rules = _loaded("set" if entry.rules is None else "rules", files, (*sets, *entry.set_), builder.rules.types)
    off = {name for each in entry.disable for name in _disabled(rules, each)}
    rules = replace(rules, rules=tuple(_off(rule) if rule.id in off else rule for rule in rules.rules))
    # an arm that is not rules alone differs in every song, whatever its rules have targets in
    is_more = {entry.model, entry.steps, entry.seed} != {None}
    arm = builder.arm(entry.name, "free", rules, () if is_more else None)
    steps = arm.n_steps if entry.steps is None else entry.steps
    return arm._replace(n_steps=steps, model=entry.model, seed=entry.seed)


def _disabled(rules: RuleSet, entry: str) -> list[str]:
    """Ids of the rules that an entry of `disable` means: one, or all of a tag. Raises InputError if it means none."""
    if entry.startswith("tag:"):
        named = [rule.id for rule in rules.rules if any(fnmatchcase(tag, entry[4:]) for tag in rule.tags)]
    else:
        named = [rule.id for rule in rules.rules if rule.id == entry]
    if not named:
        what = f"no rule has the tag {entry[4:]!r}" if entry.startswith("tag:") else f"no rule {entry!r}"
        tags = {f"tag:{tag}" for rule in rules.rules for tag in rule.tags}
        known = {rule.id for rule in rules.rules} | tags
        raise InputError(Problem("disable", f"{what}{suggest(entry, known)}"))
    return named


def _off(rule: RuleType) -> RuleType:
    return rule.model_copy(update={"enabled": False})


def _with_sets(builder: ArmBuilder, sets: Sequence[str]) -> RuleSet:
    """The rules of the study's files under further overrides: read by the loader, so that units are checked."""
    study = builder.study
    return _loaded("sweep", study.rules, (*study.sets, *sets), builder.rules.types)


def _loaded(key: str, names: tuple[str, ...], sets: tuple[str, ...], types: RuleTypes) -> RuleSet:
    try:
        return _read(names, sets, types)
    except InputError as error:
        problems = (each._replace(where=key, what=str(each).removeprefix("--set: ")) for each in error.problems)
        raise InputError(*problems) from None


@lru_cache(maxsize=MOST_COMBINATIONS)
def _read(names: tuple[str, ...], sets: tuple[str, ...], types: RuleTypes) -> RuleSet:
    # arms are made again for every song and seed
    return load_rules(list(names), list(sets), types)


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
    study, full = builder.study, arms[0]
    # a free arm may name the study's own network
    named = [arm._replace(model=arm.network(study)) for arm in arms]
    same = [arm.id for arm in named[1:] if arm.definition == named[0].definition]
    if same:
        hint = "rules that are off, weigh nothing, or set the output level alone do not count"
        raise InputError(*(Problem(name, f"changes nothing: it would equal {full.id!r}", hint) for name in same))
