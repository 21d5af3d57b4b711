"""What a person's moves over several songs have in common, as patches of rules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from hybrid import document, quantity
from hybrid.errors import InputError, Problem, SongError
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType
from hybrid.validation import validate_document

MIN_SONGS = 2
"""Songs in which something is changed before it counts as a habit: one may be the song's own."""
_CONTRARY = 0.25
"""Share of the changes that may go the other way (a guess)."""
_UNCHANGED = 0.1
"""Change in scales up to which a target counts as left alone: the excess from which a rule counts as broken."""
YamlMap = dict[str, object]
_Model = TypeVar("_Model", bound=BaseModel)
_READ = ConfigDict(extra="ignore", frozen=True)


class _Moved(BaseModel):
    model_config = _READ
    rule: str
    target: str
    before: float
    after: float


class _Target(BaseModel):
    model_config = _READ
    name: str


class _Rule(BaseModel):
    model_config = _READ
    id: str
    targets: tuple[_Target, ...]


class _Verdict(BaseModel):
    model_config = _READ
    rules: tuple[_Rule, ...]


class _VerdictFile(BaseModel):
    model_config = _READ
    moved: tuple[_Moved, ...] = ()
    after: _Verdict


class _Track(BaseModel):
    model_config = _READ
    id: str
    role: str = "unknown"


class _MadeWith(BaseModel):
    model_config = _READ
    rules: str
    inputs: str
    settings: str = ""


class _SettingsFile(BaseModel):
    model_config = _READ
    song: str = ""
    tracks: tuple[_Track, ...]
    made_with: _MadeWith


class Habit(NamedTuple):
    """What a person does about one rule, or about the tracks of one role under it."""

    rule: str
    role: str
    """Empty for rules that do not distinguish roles."""
    n_songs: int
    """Songs that have what the rule is about."""
    n_up: int
    """Songs in which its value is raised by the moves."""
    n_down: int
    shift: float
    """Mean change over all songs, in the unit of a difference; 0 where nothing was moved."""
    error: float
    """Standard error of the shift; of a single song none is known, and it is infinite."""
    reached: float
    """Mean of the values that the moves led to."""

    @property
    def contradicts_itself(self) -> bool:
        """Whether the changes have no common direction."""
        return min(self.n_up, self.n_down) > _CONTRARY * (self.n_up + self.n_down)


class Learned(NamedTuple):
    """Patches of rules, by id, and what was not made into one."""

    patch: dict[str, YamlMap]
    used: tuple[Habit, ...]
    left: tuple[str, ...]
    """Sentences on habits that became no patch, with the reason."""
    n_songs: int


class _Song(NamedTuple):
    """The moves on one song: change and value by rule and role, and what else rules are about there."""

    moved: Mapping[tuple[str, str], tuple[float, float]]
    there: frozenset[tuple[str, str]]


def learn_rules(folders: Sequence[Path], rules: RuleSet, min_songs: int = MIN_SONGS) -> Learned:
    """What the moves in these mixes ask of the rules that the mixes were made under.

    A target follows the mean change over all songs that have what it is about, those in which it was left alone
    included. A limit yields to where the moves led, if that is beyond it; one that is required does not. Several mixes
    of one song count as one: moves on a mix that goes on from another add up, else they are averaged. Raises InputError
    for a folder that holds no mix with moves, and for mixes made under other rules.
    """
    songs = _songs(folders, rules)
    known = {rule.id: rule for rule in rules.rules}
    patch: dict[str, YamlMap] = {}
    used, left = list[Habit](), list[str]()
    for habit in _habits(songs, known):
        fields, why = _patched(known[habit.rule], habit, min_songs)
        if fields:
            patch[habit.rule] = _merged(patch.get(habit.rule, {}), fields)
            used.append(habit)
        elif why:
            left.append(f"{named(habit)}: {why}")
    return Learned(patch, tuple(used), tuple(left), len(songs))


def named(habit: Habit) -> str:
    """The rule, and the role where there is one."""
    return f"{habit.rule} of {habit.role}" if habit.role else habit.rule


def counted(habit: Habit) -> str:
    """The counts of a habit, to be read by people."""
    moved = habit.n_up + habit.n_down
    ways = [f"{n} {way}" for n, way in ((habit.n_up, "up"), (habit.n_down, "down")) if n]
    return f"moved in {moved} of {habit.n_songs} songs, {' and '.join(ways)}" if moved else "left alone"


def _songs(folders: Sequence[Path], rules: RuleSet) -> list[_Song]:
    """One entry for each song. Raises InputError with all folders that cannot be used."""
    found: dict[str, list[tuple[bool, _VerdictFile, dict[str, str]]]] = defaultdict(list)
    problems: list[Problem] = []
    for folder in dict.fromkeys(path.resolve() for path in folders):
        try:
            verdict = _read(folder / "verdict.json", _VerdictFile)
            settings = _read(folder / "settings.json", _SettingsFile)
        except (InputError, SongError) as error:
            problems += error.problems
            continue
        if not verdict.moved:
            hint = "expected a folder that `hybrid mix --edit` or `--edits` wrote"
            problems.append(Problem(str(folder), "holds a mix without moves", hint))
        elif settings.made_with.rules != rules.hash:
            what = f"was mixed under other rules than {rules.id!r}"
            problems.append(Problem(str(folder), what, "--extends names the rules that the mixes were made under"))
        else:
            roles = {track.id: track.role for track in settings.tracks}
            found[settings.made_with.inputs].append((bool(settings.made_with.settings), verdict, roles))
    if problems:
        raise InputError(*problems)
    by_role = {rule.id for rule in rules.rules if rule.by_role()}
    return [
        _song([_moves(verdict, roles, by_role, goes_on) for goes_on, verdict, roles in each]) for each in found.values()
    ]


class _Moves(NamedTuple):
    goes_on: bool
    moved: Mapping[tuple[str, str], tuple[float, float]]
    there: frozenset[tuple[str, str]]


def _moves(verdict: _VerdictFile, roles: Mapping[str, str], by_role: set[str], goes_on: bool) -> _Moves:
    def key(rule: str, target: str) -> tuple[str, str]:
        return rule, roles.get(target, "unknown") if rule in by_role else ""

    each: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for moved in verdict.moved:
        each[key(moved.rule, moved.target)].append((moved.after - moved.before, moved.after))
    there = {key(rule.id, target.name) for rule in verdict.after.rules for target in rule.targets}
    means = {name: (fmean(a for a, _ in pairs), fmean(b for _, b in pairs)) for name, pairs in each.items()}
    return _Moves(goes_on, means, frozenset(there | {*means}))


def _song(mixes: Sequence[_Moves]) -> _Song:
    """All moves on one song together."""
    moved: dict[tuple[str, str], tuple[float, float]] = {}
    for name in {name for mix in mixes for name in mix.moved}:
        fresh = [mix.moved[name] for mix in mixes if name in mix.moved and not mix.goes_on]
        further = [mix.moved[name] for mix in mixes if name in mix.moved and mix.goes_on]
        shift = (fmean(change for change, _ in fresh) if fresh else 0.0) + sum(change for change, _ in further)
        moved[name] = shift, (further or fresh)[-1][1]
    return _Song(moved, frozenset(name for mix in mixes for name in mix.there))


def _read(path: Path, model: type[_Model]) -> _Model:
    if not path.is_file():
        what = "is no mix" if path.parent.is_dir() else "no such folder"
        raise InputError(Problem(str(path.parent), what, f"expected a folder with {path.name}, as `hybrid mix` writes"))
    return validate_document(model, document.read(path))


def _habits(songs: Sequence[_Song], rules: Mapping[str, RuleType]) -> Iterator[Habit]:
    """What is moved in any song, in the order of the rules."""
    names = {name for song in songs for name in song.moved if name[0] in rules}
    order = {rule: k for k, rule in enumerate(rules)}
    for name in sorted(names, key=lambda each: (order[each[0]], each[1])):
        threshold = _UNCHANGED * rules[name[0]].scale
        changes = [song.moved.get(name, (0.0, 0.0))[0] for song in songs if name in song.there]
        reached = [song.moved[name][1] for song in songs if name in song.moved]
        error = stdev(changes) / len(changes) ** 0.5 if len(changes) > 1 else float("inf")
        n_up = sum(change > threshold for change in changes)
        n_down = sum(change < -threshold for change in changes)
        yield Habit(*name, len(changes), n_up, n_down, fmean(changes), error, fmean(reached))


def _patched(rule: RuleType, habit: Habit, min_songs: int) -> tuple[YamlMap, str]:
    """The fields of a patch for a habit, or the reason why there is none; neither where nothing was changed."""
    n_moved = habit.n_up + habit.n_down
    if not n_moved:
        return {}, ""
    is_beyond = _beyond(rule, habit)
    if not (is_beyond or rule.by_role() or rule.target is not None):
        return {}, ""
    if habit.contradicts_itself:
        return {}, f"contradicts itself: {counted(habit)}"
    if n_moved < min_songs:
        return {}, f"{counted(habit)}: too few to be a habit"
    if rule.kind == "require":
        return {}, f"{counted(habit)}, but the rule is required"
    fields = rule.patched(habit.role, habit.shift)
    if not fields:
        if not is_beyond:
            return {}, ""
        fields = _yielding(rule, habit)
    return fields, ""


def _beyond(rule: RuleType, habit: Habit) -> bool:
    """Whether the moves lead beyond the limits of a rule."""
    low, high = rule.bounds()
    return (low is not None and habit.reached < low) or (high is not None and habit.reached > high)


def _yielding(rule: RuleType, habit: Habit) -> YamlMap:
    """The limits of a rule, moved to where the moves lead."""

    def write(value: float) -> object:
        return round(value, 2) if rule.unit == "plain" else quantity.write(round(value, 2), rule.unit)

    if rule.range is not None:
        low, high = min(rule.range[0], habit.reached), max(rule.range[1], habit.reached)
        return {"range": quantity.write_range((round(low, 2), round(high, 2)), rule.unit)}
    return {"min" if rule.min is not None and habit.reached < rule.min else "max": write(habit.reached)}


def _merged(first: YamlMap, second: YamlMap) -> YamlMap:
    """Two nested mappings as one."""
    merged = dict(first)
    for key, value in second.items():
        own = merged.get(key)
        merged[key] = _merged(own, value) if isinstance(own, dict) and isinstance(value, dict) else value
    return merged
