"""The format of studies, `study/1`: rules, songs, arms, and the metrics that judge them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from hybrid import shelf
from hybrid.corpus.layout import Split
from hybrid.document import Document
from hybrid.errors import suggest
from hybrid.judging.table import METRICS, PRIMARY
from hybrid.units import FIELD_ERROR, field_error
from hybrid.validation import error_message, validate_document

KIND = "train/ablations"
_T = TypeVar("_T")


def _all_or_some(value: object) -> object:
    if value != "all" and not (isinstance(value, list | tuple) and value and all(isinstance(x, str) for x in value)):
        raise field_error(f"expected `all` or a list of names, got {value!r}")
    return value


Names = Annotated[Literal["all"] | tuple[str, ...], BeforeValidator(_all_or_some)]
Control = Literal["raw", "no_rules", "permuted_weights", "random_targets", "network_only", "rules_only", "start_only"]
_Count = Annotated[int, Field(strict=True, ge=1)]
Steps = Annotated[int, Field(strict=True, ge=0, le=100_000)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
MOST_COMBINATIONS = 1000
"""Of the values of a sweep: more are a mistake, or days of mixing."""
_SWEPT = re.compile(r"(x?)(-?[0-9][0-9.eE+-]*)\s*(.*)")


def _distinct(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise field_error(f"expected each once, got {list(seeds)}")
    return seeds


def _written(value: object) -> str:
    """A value as YAML writes it: numbers and text with a unit alike."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not str(value).strip():
        raise field_error(f"expected a number, with its unit if it has one, got {value!r}")
    return str(value).strip()


Value = Annotated[str, BeforeValidator(_written, json_schema_input_type=str | float)]


def _not_empty(given: tuple[_T, ...]) -> tuple[_T, ...]:
    # a smallest length would also count items that are wrong, as missing
    if not given:
        raise field_error("is empty")
    return given


def _by_key(value: object) -> object:
    if not isinstance(value, dict) or not value or not all("." in str(key) for key in value):
        raise field_error(f"expected values by rule.key, such as {{lead.level.weight: [x0.5, x2]}}, got {value!r}")
    return value


def _spaced(first: str, last: str, n: int, *, log: bool) -> tuple[str, ...]:
    """Values in equal steps, or in equal ratios, written like the first and the last, which have the same unit."""
    ends = [_SWEPT.fullmatch(text) for text in (first, last)]
    parts = [match.groups() for match in ends if match]
    try:
        low, high = (float(number) for _, number, _ in parts)
    except ValueError:
        raise field_error(f"from, to: expected two numbers with the same unit, got {first} and {last}") from None
    if (parts[0][0], parts[0][2]) != (parts[1][0], parts[1][2]) or low == high:
        raise field_error(f"from, to: expected two different numbers of the same unit, got {first} and {last}")
    if log and min(low * high, abs(low)) <= 0.0:
        raise field_error(f"log: expected two numbers of the same sign, neither of them 0, got {first} and {last}")
    times, _, unit = parts[0]
    spaced = np.geomspace(low, high, n) if log else np.linspace(low, high, n)
    return tuple(f"{times}{number:.6g} {unit}".strip() for number in spaced.tolist())


class LeaveOneOut(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """For each of these rules, an arm without it."""

    leave_one_out: Names
    """Rules by id, or `all`."""


class LeaveFamilyOut(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """For each of these families, an arm without its rules."""

    leave_family_out: Names
    """Families, or `all`: see `hybrid rules types`."""


class AddOneIn(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """For each of these rules, an arm that has it and the baseline alone: the required rules and those in `to`."""

    add_one_in: Names
    """Rules by id, or `all`."""
    to: tuple[str, ...] = ("minimal_change",)
    """Ids or types of rules in the baseline, besides the required ones."""


class Span(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Values from one to another, in equal steps or, with `log`, in equal ratios."""

    from_: Annotated[Value, Field(alias="from")]
    """The first value, with its unit."""
    to: Value
    """The last value, in the same unit."""
    n: Annotated[int, Field(strict=True, ge=2, le=100)]
    """Number of values, both ends included."""
    log: Annotated[bool, Field(strict=True)] = False
    """Equal ratios in place of equal steps."""


def _values(given: object) -> object:
    """All values of a list or of a span, as YAML writes them."""
    if not isinstance(given, Mapping):
        return given
    try:
        span = Span.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise field_error(f"{'.'.join(map(str, first['loc']))}: {error_message(first)}") from None
    return _spaced(span.from_, span.to, span.n, log=span.log)


Values = Annotated[
    tuple[Value, ...],
    BeforeValidator(_values, json_schema_input_type=Span | tuple[Value, ...]),
    AfterValidator(_not_empty),
]


class Sweep(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """For each value of a key of a rule, an arm with that value; for several keys, one for each combination."""

    sweep: Annotated[dict[str, Values], BeforeValidator(_by_key)]
    """By `rule.key`: a list, or a span of values. Weights may be multiples of the rule's own, such as x2."""

    @property
    def combinations(self) -> Iterator[dict[str, str]]:
        """A value for each key, in every combination; the last key changes fastest."""
        return (dict(zip(self.sweep, values, strict=True)) for values in product(*self.sweep.values()))

    @model_validator(mode="after")
    def _is_no_flood(self) -> Sweep:
        n = prod(map(len, self.sweep.values()))
        if n > MOST_COMBINATIONS:
            raise field_error(f"sweep: expected at most {MOST_COMBINATIONS} combinations of values, got {n}")
        return self


class Pairs(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """For each of these pairs of rules, an arm without both, and two without one of them."""

    pairs: Annotated[tuple[tuple[str, str], ...], AfterValidator(_not_empty)]
    """Two rules by id each."""


class Shapley(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """For every subset of up to six families, an arm: from them follows the Shapley value of each family."""

    shapley: Annotated[tuple[str, ...], Field(min_length=2, max_length=6)]
    """Two to six families; every subset of them is an arm."""


class Controls(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Arms to compare with: without rules, with wrong rules, without network or without refinement."""

    controls: Annotated[tuple[Control, ...], AfterValidator(_not_empty)]
    """Raw sum, no rules, permuted weights, random targets, the network alone, the rules alone, usual levels alone."""


class FreeArm(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """An arm of its own name that differs from the study in whatever it states."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    """Under which results show it."""
    rules: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """In place of the study's; its `sets` then do not apply."""
    set_: Annotated[tuple[str, ...], Field(alias="set")] = ()
    """`rule.key=value`, after the study's."""
    disable: tuple[str, ...] = ()
    """Rules, or `tag:` and a tag, that are off."""
    model: str | None = None
    """The network that proposes the start; or "none"."""
    steps: Steps | None = None
    """Of refinement."""
    seed: Seed | None = None
    """For every mix of this arm."""

    @model_validator(mode="after")
    def _differs(self) -> FreeArm:
        stated = (self.rules, self.set_, self.disable, self.model, self.steps, self.seed)
        if all(value in (None, ()) for value in stated):
            raise field_error(f"{self.name}: nothing differs: expected rules, set, disable, model, steps or seed")
        return self


_ENTRIES = ("name", "leave_one_out", "leave_family_out", "add_one_in", "sweep", "pairs", "shapley", "controls")


def _key_of(entry: object) -> str | None:
    """The key that identifies the kind of an entry of `arms`; None if it has none."""
    keys = entry if isinstance(entry, dict) else type(entry).model_fields if isinstance(entry, BaseModel) else ()
    return next((name for name in _ENTRIES if name in keys), None)


def _is_known(entry: object) -> object:
    if isinstance(entry, dict) and _key_of(entry) is None:
        near = "".join(suggest(str(key), _ENTRIES) for key in list(entry)[:1])
        raise field_error(f"expected a map with one of {', '.join(_ENTRIES)}{near}")
    return entry


ArmEntry = Annotated[
    Annotated[LeaveOneOut, Tag("leave_one_out")]
    | Annotated[LeaveFamilyOut, Tag("leave_family_out")]
    | Annotated[AddOneIn, Tag("add_one_in")]
    | Annotated[Sweep, Tag("sweep")]
    | Annotated[Pairs, Tag("pairs")]
    | Annotated[Shapley, Tag("shapley")]
    | Annotated[Controls, Tag("controls")]
    | Annotated[FreeArm, Tag("name")],
    Discriminator(
        _key_of,
        custom_error_type=FIELD_ERROR,
        custom_error_message=f"expected a map with one of {', '.join(_ENTRIES)}",
    ),
    BeforeValidator(_is_known),
]


class Songs(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """The songs of a data set that a study mixes."""

    dataset: str
    """A folder of song folders, or the name of a card."""
    split: Split = "test"
    """Of a card."""
    limit: _Count | None = None
    """The first so many."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), AfterValidator(_distinct)] | None = None
    """For these songs, in place of those of the study."""


class Study(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """One experiment."""

    schema_: Annotated[Literal["study/1"], Field(alias="schema")]
    """The format of this document."""
    title: str
    """Heads the report."""
    about: str = ""
    """What is asked, and what is expected."""
    rules: Annotated[tuple[str, ...], Field(min_length=1)] = ("base",)
    """Files of rules, or names of shipped ones: the baseline of all arms."""
    sets: tuple[str, ...] = ()
    """`rule.key=value`, as for `--set`."""
    plugins: tuple[str, ...] = ()
    """Files with further rule types, as for `--plugin`."""
    songs: tuple[Songs, ...] = ()
    """What is mixed; `--songs` adds to them."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), AfterValidator(_distinct)] = (0, 1, 2)
    """They draw the sides on which tracks start, permuted weights and random targets."""
    mode: Literal["refine", "train"] = "refine"
    """Whether the rules of an arm refine each mix, or also train a network beforehand."""
    model: str = "base"
    """The network that proposes the start of refinement; or "none"."""
    steps: Steps = 100
    """Of refinement; 0 keeps what the network proposes."""
    recipe: str | None = None
    """The training recipe, for `mode: train`."""
    arms: Annotated[tuple[ArmEntry, ...], AfterValidator(_not_empty)]
    """What is compared with all rules."""
    metrics: Names = "all"
    """By which mixes are judged, besides the rules."""
    primary: dict[str, str] = {}
    """The primary metric of a family of rules, in place of its default."""
    listen: tuple[str, ...] = ()
    """Arms whose mixes are written as audio, besides that of all rules."""

    @property
    def hash(self) -> str:
        """Hash of the study without its title, description, songs and `listen`; the hash of its rules holds the source
        of plug-ins."""
        document = self.model_dump_json(by_alias=True, exclude={"title", "about", "songs", "listen", "plugins"})
        return hashlib.sha256(document.encode()).hexdigest()

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics that are computed."""
        return tuple(METRICS) if self.metrics == "all" else self.metrics

    def primary_of(self, family: str) -> str | None:
        """The primary metric of a family; None for a family that no metric judges."""
        return {**PRIMARY, **self.primary}.get(family)

    @model_validator(mode="after")
    def _fits_together(self) -> Study:
        if self.metrics != "all" and (unknown := [name for name in self.metrics if name not in METRICS]):
            near = suggest(unknown[0], METRICS)
            raise field_error(f"metrics: unknown {', '.join(unknown)}{near}; known are {', '.join(METRICS)}")
        for family, metric in self.primary.items():
            if metric in METRICS and metric not in self.metric_names:
                raise field_error(f"primary.{family}: {metric} is not among the metrics of the study")
            if family not in PRIMARY:
                near = suggest(family, PRIMARY)
                raise field_error(f"primary.{family}: unknown family{near}; known are {', '.join(PRIMARY)}")
            if metric not in METRICS:
                raise field_error(f"primary.{family}: unknown metric {metric}{suggest(metric, METRICS)}")
            if family in METRICS[metric].control_for:
                raise field_error(
                    f"primary.{family}: {metric} is measured by these rules themselves: expected an independent metric"
                )
        if (self.mode == "train") != (self.recipe is not None):
            raise field_error("recipe: belongs to `mode: train`, which needs one")
        if self.mode == "train" and any(songs.seeds for songs in self.songs):
            raise field_error("songs: have no seeds of their own in `mode: train`: each seed is a network")
        for index, entry in enumerate(self.arms):
            named = entry.shapley if isinstance(entry, Shapley) else ()
            if len(set(named)) < len(named) or (isinstance(entry, Pairs) and any(a == b for a, b in entry.pairs)):
                raise field_error(f"arms[{index}]: a pair or a set must not name anything twice")
        return self


def study_document(name: str) -> Document:
    """The document of the study of that name or path. Raises InputError if there is none."""
    return shelf.read(shelf.find(KIND, name))


def read_study(name: str) -> Study:
    """The study of that name or path. Raises InputError with all its problems."""
    return validate_document(Study, study_document(name))
