"""From names of rule files to the rules that hold: parents, patches, switches and overrides, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from hybrid.document import Document, YamlValue, parse
from hybrid.errors import InputError, Problem, shown, suggest
from hybrid.knowledge.consistency import broken_links, check
from hybrid.knowledge.draft import Draft, Keys, Origin, draft, only, override, path
from hybrid.knowledge.files import Source, gather
from hybrid.knowledge.rule_types import RuleTypes, rule_types
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.validate import Bands, Outcome, problem, problem_with_key, validate_rule

_SET = Path("--set")
_BOUNDS = {"target": ("target", "tolerance"), "min": ("min", "max"), "max": ("min", "max"), "range": ("range",)}
_BOUND_KEYS = {key for together in _BOUNDS.values() for key in together}


def load_rules(names: Sequence[str | Document], sets: Sequence[str] = (), types: RuleTypes | None = None) -> RuleSet:
    """The rules of all files that `names` mean, later ones over earlier ones, under the overrides `sets`.

    A document is taken as it is. An override is written "rule.id.key=value". Rules may be of any of `types`: unless
    they are given, of the shipped ones and those of installed packages. Raises InputError with every problem of every
    file.
    """
    types = rule_types() if types is None else types
    # of what may be in a file that could not be read nothing is said
    sources, outcome, is_whole = gather(names)
    drafts = _combine(sources, outcome, is_whole=is_whole)
    for text in sets:
        _set(text, drafts, outcome, is_whole=is_whole)
    bands = {name: band for source in sources for name, band in source.file.bands.items()}
    rules = _validated(drafts, bands, types, outcome)
    resolved = _rule_set(sources, rules, drafts, bands)
    if is_whole:
        outcome.problems.extend(broken_links(resolved, drafts, _set_drafts(sources)))
    _stop_at_problems(outcome)
    found = check(resolved, drafts, _set_drafts(sources))
    _stop_at_problems(found)
    warnings = tuple(str(each) for each in (*outcome.warnings, *found.warnings))
    return replace(resolved, warnings=warnings, types=types)


def _combine(sources: Sequence[Source], outcome: Outcome, *, is_whole: bool) -> dict[str, Draft]:
    """Drafts of all rules by id."""
    missing = outcome if is_whole else Outcome([], [])
    drafts: dict[str, Draft] = {}
    for source in sources:
        drafts |= _own_rules(source, outcome)
        _patch(source, drafts, outcome, missing)
        _disable(source, drafts, missing)
    return drafts


def _own_rules(source: Source, outcome: Outcome) -> dict[str, Draft]:
    own: dict[str, Draft] = {}
    defaults = draft(source.document, "defaults")
    for index in range(len(source.file.rules)):
        rule = override(defaults, draft(source.document, "rules", index))
        name = str(rule.value.get("id", f"rules[{index}]"))
        if name in own:
            first = own[name].origin(("id",)).line
            outcome.problems.append(problem(rule.origin(("id",)), f"the id {name!r} is taken, at {first}"))
        own.setdefault(name, rule)
    return own


def _patch(source: Source, drafts: dict[str, Draft], outcome: Outcome, missing: Outcome) -> None:
    for name in source.file.patch:
        origin = Origin(source.document, ("patch", name))
        patch = draft(source.document, "patch", name)
        if name not in drafts:
            missing.problems.append(problem_with_key(origin, f"there is no such rule{suggest(name, drafts)}"))
        elif "id" in patch.value:
            outcome.problems.append(problem_with_key(origin.below(("id",)), "a patch cannot rename a rule"))
        else:
            drafts[name] = _patched(drafts[name], patch)


def _patched(rule: Draft, patch: Draft) -> Draft:
    """The rule with what the patch says; its bounds take the place of the rule's."""
    given = [key for key in _BOUNDS if patch.value.get(key) is not None]
    gone = _BOUND_KEYS.difference(*(_BOUNDS[key] for key in given)) if given else set[str]()
    value = {key: each for key, each in rule.value.items() if key not in gone}
    origins = {keys: origin for keys, origin in rule.origins.items() if not gone.intersection(keys[:1])}
    return override(Draft(value, origins), patch)


def _disable(source: Source, drafts: dict[str, Draft], outcome: Outcome) -> None:
    for index, entry in enumerate(source.file.disable):
        origin = Origin(source.document, ("disable", index))
        if entry.startswith("tag:"):
            names = [name for name in drafts if _has_tag(drafts[name], entry.removeprefix("tag:"))]
            if not names:
                outcome.warnings.append(problem(origin, f"no rule has a tag like {entry!r}"))
        else:
            names = [entry] if entry in drafts else []
            if not names:
                outcome.problems.append(problem(origin, f"no rule {entry!r}{suggest(entry, drafts)}"))
        for name in names:
            drafts[name] = override(drafts[name], only(("enabled",), False, origin))


def _has_tag(rule: Draft, glob: str) -> bool:
    tags = rule.value.get("tags") or []
    return any(fnmatchcase(str(tag), glob) for tag in (tags if isinstance(tags, list) else [tags]))


def _set(text: str, drafts: dict[str, Draft], outcome: Outcome, *, is_whole: bool) -> None:
    target, equals, written = text.partition("=")
    name = max((name for name in drafts if target.startswith(f"{name}.")), key=len, default="")
    if equals and not name and not is_whole:
        # the rule may be in the file that could not be read
        return
    if not (equals and name):
        near = suggest(target.rpartition(".")[0], drafts)
        what = f"no rule in {shown(text)}{near}" if equals else f"expected rule.id.key=value, got {shown(text)}"
        if target in drafts:
            what = f"expected a key of {target}, such as {target}.weight, got {shown(text)}"
        outcome.problems.append(Problem(str(_SET), what, hint="`hybrid rules show` lists the rules and their keys"))
        return
    keys = _keys(drafts[name].value, target.removeprefix(f"{name}."))
    if keys == ("id",):
        outcome.problems.append(Problem(str(_SET), f"{shown(text)}: the id of a rule cannot be set"))
        return
    try:
        value = parse(written, _SET).data
    except InputError as error:
        outcome.problems.extend(Problem(str(_SET), f"{shown(text)}: {each.what}") for each in error.problems)
        return
    origin = Origin(Document(_SET, value, {}, {}), (name, *keys))
    drafts[name] = _patched(drafts[name], only(keys, value, origin))


def _keys(rule: Mapping[str, YamlValue], dotted: str) -> Keys:
    """The keys that `dotted` means; below the first, keys that the rule has already may hold dots."""
    first, _, rest = dotted.partition(".")
    keys, value = [first], rule.get(first)
    while rest:
        known = [key for key in value if f"{rest}.".startswith(f"{key}.")] if isinstance(value, dict) else []
        key = max(known, key=len, default=rest)
        value = value.get(key) if isinstance(value, dict) else None
        keys.append(key)
        rest = rest[len(key) + 1 :]
    return tuple(keys)


def _validated(drafts: Mapping[str, Draft], bands: Bands, types: RuleTypes, outcome: Outcome) -> list[RuleType]:
    rules = []
    for each in drafts.values():
        rule, found = validate_rule(each, bands, types)
        outcome.problems.extend(found.problems)
        outcome.warnings.extend(found.warnings)
        rules.extend([rule] if rule else [])
    return rules


def _rule_set(
    sources: Sequence[Source], rules: Sequence[RuleType], drafts: Mapping[str, Draft], bands: Bands
) -> RuleSet:
    files = [source.file for source in sources]
    named = [source.file for source in sources if source.is_named]
    return RuleSet(
        id="+".join(file.id for file in named),
        title=" + ".join(file.title or file.id for file in named),
        rules=tuple(rules),
        roles=tuple(name for file in reversed(files) for name in file.roles),
        bands=bands,
        sections={name: spans for file in files for name, spans in file.sections.items()},
        sets={name: selector for file in files for name, selector in file.sets.items()},
        cite={key: source for file in files for key, source in file.cite.items()},
        files=tuple(source.document.path for source in sources),
        warnings=(),
        provenance={
            rule.id: {path(keys): origin.line for keys, origin in drafts[rule.id].origins.items()} for rule in rules
        },
    )


def _set_drafts(sources: Sequence[Source]) -> dict[str, Draft]:
    return {name: draft(source.document, "sets") for source in sources for name in source.file.sets}


def _stop_at_problems(outcome: Outcome) -> None:
    if outcome.problems:
        raise InputError(*outcome.problems)
