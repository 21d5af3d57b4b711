"""The format of studies, `study/1`: rules, songs, arms, and the metrics that judge them."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Discriminator, Field, Tag, model_validator

from hybrid import shelf
from hybrid.corpus.layout import Split
from hybrid.judging.table import METRICS, PRIMARY
from hybrid.units import FIELD_ERROR, field_error
from hybrid.validation import validate_document

KIND = "train/ablations"


def _all_or_some(value: object) -> object:
    if value != "all" and not (isinstance(value, list | tuple) and value and all(isinstance(x, str) for x in value)):
        raise field_error(f"expected `all` or a list of names, got {value!r}")
    return value


Names = Annotated[Literal["all"] | tuple[str, ...], BeforeValidator(_all_or_some)]
Control = Literal["raw", "no_rules", "permuted_weights", "random_targets", "network_only", "rules_only", "start_only"]
_Count = Annotated[int, Field(strict=True, ge=1)]
Seed = Annotated[int, Field(strict=True, ge=0, lt=2**31)]
_Weight = Annotated[float, Field(strict=True, ge=0.0, le=1000.0)]


def _distinct(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise field_error(f"seeds: expected each once, got {list(seeds)}")
    return seeds


class LeaveOneOut(BaseModel, frozen=True, extra="forbid"):
    """For each of these rules, an arm without it."""

    leave_one_out: Names


class LeaveFamilyOut(BaseModel, frozen=True, extra="forbid"):
    """For each of these families, an arm without its rules."""

    leave_family_out: Names


class AddOneIn(BaseModel, frozen=True, extra="forbid"):
    """For each of these rules, an arm that has it and the baseline alone: the required rules and those in `to`."""

    add_one_in: Names
    to: tuple[str, ...] = ("minimal_change",)
    """Ids or types of rules in the baseline, besides the required ones."""


class Sweep(BaseModel, frozen=True, extra="forbid"):
    """For each value of one key of one rule, an arm with that value; weights are multiples of the rule's own."""

    sweep: str
    weight: tuple[_Weight, ...] = ()
    target: tuple[str | float, ...] = ()

    @model_validator(mode="after")
    def _has_values(self) -> Sweep:
        if bool(self.weight) == bool(self.target):
            raise field_error("sweep: needs either `weight`, multiples of the rule's own, or `target`, values")
        return self


class Pairs(BaseModel, frozen=True, extra="forbid"):
    """For each of these pairs of rules, an arm without both, and two without one of them."""

    pairs: Annotated[tuple[tuple[str, str], ...], Field(min_length=1)]


class Shapley(BaseModel, frozen=True, extra="forbid"):
    """For every subset of up to six families, an arm: from them follows the Shapley value of each family."""

    shapley: Annotated[tuple[str, ...], Field(min_length=2, max_length=6)]


class Controls(BaseModel, frozen=True, extra="forbid"):
    """Arms to compare with: without rules, with wrong rules, without network or without refinement."""

    controls: Annotated[tuple[Control, ...], Field(min_length=1)]


_ENTRIES = ("leave_one_out", "leave_family_out", "add_one_in", "sweep", "pairs", "shapley", "controls")


def _key_of(entry: object) -> str | None:
    """The key that identifies the kind of an entry of `arms`; None if it has none."""
    keys = entry if isinstance(entry, dict) else type(entry).model_fields if isinstance(entry, BaseModel) else ()
    return next((name for name in _ENTRIES if name in keys), None)


ArmEntry = Annotated[
    Annotated[LeaveOneOut, Tag("leave_one_out")]
    | Annotated[LeaveFamilyOut, Tag("leave_family_out")]
    | Annotated[AddOneIn, Tag("add_one_in")]
    | Annotated[Sweep, Tag("sweep")]
    | Annotated[Pairs, Tag("pairs")]
    | Annotated[Shapley, Tag("shapley")]
    | Annotated[Controls, Tag("controls")],
    Discriminator(
        _key_of,
        custom_error_type=FIELD_ERROR,
        custom_error_message=f"expected a map with one of {', '.join(_ENTRIES)}",
    ),
]


class Songs(BaseModel, frozen=True, extra="forbid"):
    """The songs of a data set that a study mixes."""

    dataset: str
    """A folder of song folders, or the name of a card."""
    split: Split = "test"
    """Of a card."""
    limit: _Count | None = None
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), AfterValidator(_distinct)] | None = None
    """For these songs, in place of those of the study."""


class Study(BaseModel, frozen=True, extra="forbid"):
    """One experiment."""

    schema_: Annotated[Literal["study/1"], Field(alias="schema")]
    title: str
    about: str = ""
    rules: Annotated[tuple[str, ...], Field(min_length=1)] = ("base",)
    sets: tuple[str, ...] = ()
    """`rule.key=value`, as for `--set`."""
    plugins: tuple[str, ...] = ()
    """Files with further rule types, as for `--plugin`."""
    songs: tuple[Songs, ...] = ()
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1), AfterValidator(_distinct)] = (0, 1, 2)
    """They draw the sides on which tracks start, permuted weights and random targets."""
    mode: Literal["refine", "train"] = "refine"
    """Whether the rules of an arm refine each mix, or also train a network beforehand."""
    model: str = "base"
    """The network that proposes the start of refinement; or "none"."""
    steps: Annotated[int, Field(strict=True, ge=0, le=100_000)] = 100
    recipe: str | None = None
    """The training recipe, for `mode: train`."""
    arms: Annotated[tuple[ArmEntry, ...], Field(min_length=1)]
    metrics: Names = "all"
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
            raise field_error(f"metrics: unknown {', '.join(unknown)}; known are {', '.join(METRICS)}")
        for family, metric in self.primary.items():
            if metric in METRICS and metric not in self.metric_names:
                raise field_error(f"primary.{family}: {metric} is not among the metrics of the study")
            if family not in PRIMARY:
                raise field_error(f"primary: unknown family {family}; known are {', '.join(PRIMARY)}")
            if metric not in METRICS:
                raise field_error(f"primary.{family}: unknown metric {metric}")
            if family in METRICS[metric].control_for:
                raise field_error(
                    f"primary.{family}: {metric} is measured by these rules themselves: expected an independent metric"
                )
        if (self.mode == "train") != (self.recipe is not None):
            raise field_error("recipe: belongs to `mode: train`, which needs one")
        if self.mode == "train" and any(songs.seeds for songs in self.songs):
            raise field_error("songs: have no seeds of their own in `mode: train`: each seed is a network")
        for entry in self.arms:
            named = entry.shapley if isinstance(entry, Shapley) else ()
            if len(set(named)) < len(named) or (isinstance(entry, Pairs) and any(a == b for a, b in entry.pairs)):
                raise field_error("arms: a pair or a set must not name anything twice")
        return self


def read_study(name: str) -> Study:
    """The study of that name or path. Raises InputError with all its problems."""
    return validate_document(Study, shelf.read(shelf.find(KIND, name)))
